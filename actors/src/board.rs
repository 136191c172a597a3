//! What is in motion and watched on this replica.
//!
//! The `Job` actor writes here whenever its record changes; sessions, long polls and event streams read. What runs elsewhere
//! is mirrored from the store for as long as somebody here watches it. A watcher sees the latest state, not every one (I7:
//! nothing piles up), and the last state stays readable after the entry is gone.

use std::collections::HashMap;
use std::sync::Arc;

use actix::Addr;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::job::Job;
use crate::model::{JobId, JobRecord};

/// The latest known record of a job, as it changes.
pub type Watch = watch::Receiver<Arc<JobRecord>>;

/// All jobs in motion here. Clones share them.
#[derive(Clone, Default)]
pub struct Board(Arc<Mutex<HashMap<JobId, Posted>>>);

struct Posted {
    latest: watch::Sender<Arc<JobRecord>>,
    /// The actor that runs it, while one does.
    runner: Option<Addr<Job>>,
    /// Whether its id was handed out: then nobody's going away cancels it.
    kept: bool,
    /// Whether it is only seen here, and what is known of it may be a second old.
    mirrored: bool,
}

impl Posted {
    fn new(latest: Arc<JobRecord>, mirrored: bool) -> Self {
        Self { latest: watch::Sender::new(latest), runner: None, kept: false, mirrored }
    }
}

impl Board {
    /// Shows `record` to whoever watches, and takes a terminal one off the board.
    pub fn post(&self, record: &JobRecord) {
        let mut jobs = self.0.lock();
        let latest = Arc::new(record.clone());
        let ended = record.state.is_terminal();
        match jobs.get_mut(&record.id) {
            Some(posted) => drop(posted.latest.send_replace(latest)),
            None if ended => {}
            None => drop(jobs.insert(record.id.clone(), Posted::new(latest, false))),
        }
        if ended {
            jobs.remove(&record.id);
        }
    }

    /// Begins to watch a job that runs elsewhere, as the store shows it now. True when nobody watched it before: then the
    /// caller is to [`show`](Self::show) what becomes of it.
    pub(crate) fn mirror(&self, record: JobRecord) -> (Watch, bool) {
        let mut jobs = self.0.lock();
        let id = record.id.clone();
        let first = !jobs.contains_key(&id);
        let posted = jobs.entry(id).or_insert_with(|| Posted::new(Arc::new(record), true));
        (posted.latest.subscribe(), first)
    }

    /// Shows the record of a job that is mirrored, if it still is.
    pub(crate) fn show(&self, record: JobRecord) {
        let mut jobs = self.0.lock();
        let Some(posted) = jobs.get(&record.id).filter(|posted| posted.mirrored) else { return };
        let (id, ended) = (record.id.clone(), record.state.is_terminal());
        posted.latest.send_replace(Arc::new(record));
        if ended {
            jobs.remove(&id);
        }
    }

    /// Whether a job is to be mirrored any longer: it is seen here, does not run here, and somebody watches it.
    pub(crate) fn is_mirrored(&self, job: &JobId) -> bool {
        let mut jobs = self.0.lock();
        let Some(posted) = jobs.get(job).filter(|posted| posted.mirrored) else { return false };
        let watched = posted.latest.receiver_count() > 0;
        if !watched {
            jobs.remove(job);
        }
        watched
    }

    /// The latest record of a job that is in motion here: the truth, or on its way to be.
    #[must_use]
    pub fn latest(&self, job: &JobId) -> Option<Arc<JobRecord>> {
        let jobs = self.0.lock();
        let own = jobs.get(job).filter(|posted| !posted.mirrored)?;
        Some(Arc::clone(&own.latest.borrow()))
    }

    /// Begins to watch a job that is on the board.
    #[must_use]
    pub fn watch(&self, job: &JobId) -> Option<Watch> {
        self.0.lock().get(job).map(|posted| posted.latest.subscribe())
    }

    /// How many watch a job. None for one that is not on the board.
    #[must_use]
    pub fn watchers(&self, job: &JobId) -> usize {
        self.0.lock().get(job).map_or(0, |posted| posted.latest.receiver_count())
    }

    /// Says that a job's id was handed out; answers whether that was known.
    pub(crate) fn keep(&self, job: &JobId) -> bool {
        let mut jobs = self.0.lock();
        jobs.get_mut(job).is_some_and(|posted| std::mem::replace(&mut posted.kept, true))
    }

    /// Whether a job's id was handed out.
    #[must_use]
    pub fn is_kept(&self, job: &JobId) -> bool {
        self.0.lock().get(job).is_some_and(|posted| posted.kept)
    }

    /// Says which actor runs a job.
    pub fn set_runner(&self, job: &JobId, runner: Option<Addr<Job>>) {
        if let Some(posted) = self.0.lock().get_mut(job) {
            posted.mirrored &= runner.is_none();
            posted.runner = runner;
        }
    }

    /// Which actor runs a job, if one does here.
    #[must_use]
    pub fn runner(&self, job: &JobId) -> Option<Addr<Job>> {
        self.0.lock().get(job)?.runner.clone()
    }

    /// Every actor that runs a job here.
    #[must_use]
    pub fn runners(&self) -> Vec<Addr<Job>> {
        self.0.lock().values().filter_map(|posted| posted.runner.clone()).filter(Addr::connected).collect()
    }

    /// How many jobs are in motion or watched here.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.0.lock().len()
    }

    /// How many jobs run here.
    #[must_use]
    pub fn running(&self) -> usize {
        self.0.lock().values().filter(|posted| posted.runner.is_some()).count()
    }

    /// Takes a job off the board without an end, for another replica to run: watchers see the last state and then nothing.
    pub fn drop_job(&self, job: &JobId) {
        self.0.lock().remove(job);
    }
}
