//! What is in motion and watched on this replica.
//!
//! The `Job` actor writes here whenever its record changes; sessions, long polls and event streams read. What runs elsewhere
//! is mirrored from the store for as long as somebody here watches it. A watcher sees the latest state, not every one (I7:
//! nothing piles up), and the last state stays readable after the entry is gone.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use actix::Addr;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::job::Job;
use crate::model::{JobId, JobRecord};

/// The latest known record of a job, as it changes.
pub type Watch = watch::Receiver<Arc<JobRecord>>;

/// Told of every turn of a job: that it is there, that an attempt begins, that it ends. Not of progress.
///
/// Called on whichever thread brings the news, so it must be quick.
pub type Listener = Box<dyn Fn(&JobRecord) + Send + Sync>;

/// All jobs in motion here. Clones share them.
#[derive(Clone, Default)]
pub struct Board {
    jobs: Arc<Mutex<HashMap<JobId, Posted>>>,
    listener: Arc<OnceLock<Listener>>,
}

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
    /// Has `listener` told from now on. There is one at most: whoever comes later is not heard.
    pub fn tell(&self, listener: Listener) {
        let _ = self.listener.set(listener);
    }

    fn turned(&self, before: Option<&JobRecord>, record: &JobRecord) {
        let same = before.is_some_and(|before| before.state == record.state && before.attempt == record.attempt);
        if let Some(listener) = self.listener.get().filter(|_| !same) {
            listener(record);
        }
    }

    /// Shows `record` to whoever watches, and takes a terminal one off the board.
    pub fn post(&self, record: &JobRecord) {
        let before = self.replace(record);
        self.turned(before.as_deref(), record);
    }

    fn replace(&self, record: &JobRecord) -> Option<Arc<JobRecord>> {
        let mut jobs = self.jobs.lock();
        let latest = Arc::new(record.clone());
        let ended = record.state.is_terminal();
        let before = match jobs.get_mut(&record.id) {
            Some(posted) => Some(posted.latest.send_replace(latest)),
            None if ended => None,
            None => {
                jobs.insert(record.id.clone(), Posted::new(latest, false));
                None
            }
        };
        if ended {
            jobs.remove(&record.id);
        }
        before
    }

    /// Begins to watch a job that runs elsewhere, as the store shows it now. True when nobody watched it before: then the
    /// caller is to [`show`](Self::show) what becomes of it.
    pub(crate) fn mirror(&self, record: JobRecord) -> (Watch, bool) {
        let mut jobs = self.jobs.lock();
        let (id, record) = (record.id.clone(), Arc::new(record));
        let first = !jobs.contains_key(&id);
        let posted = jobs.entry(id).or_insert_with(|| Posted::new(Arc::clone(&record), true));
        let watch = posted.latest.subscribe();
        drop(jobs);
        if first {
            self.turned(None, &record);
        }
        (watch, first)
    }

    /// Shows the record of a job that is mirrored, if it still is.
    pub(crate) fn show(&self, record: JobRecord) {
        let mut jobs = self.jobs.lock();
        let Some(posted) = jobs.get(&record.id).filter(|posted| posted.mirrored) else { return };
        let record = Arc::new(record);
        let before = posted.latest.send_replace(Arc::clone(&record));
        if record.state.is_terminal() {
            jobs.remove(&record.id);
        }
        drop(jobs);
        self.turned(Some(&before), &record);
    }

    /// Whether a job is to be mirrored any longer: it is seen here, does not run here, and somebody watches it.
    pub(crate) fn is_mirrored(&self, job: &JobId) -> bool {
        let mut jobs = self.jobs.lock();
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
        let jobs = self.jobs.lock();
        let own = jobs.get(job).filter(|posted| !posted.mirrored)?;
        Some(Arc::clone(&own.latest.borrow()))
    }

    /// The latest record of a job that is on the board, also of one that is only seen here.
    #[must_use]
    pub fn seen(&self, job: &JobId) -> Option<Arc<JobRecord>> {
        self.jobs.lock().get(job).map(|posted| Arc::clone(&posted.latest.borrow()))
    }

    /// Begins to watch a job that is on the board.
    #[must_use]
    pub fn watch(&self, job: &JobId) -> Option<Watch> {
        self.jobs.lock().get(job).map(|posted| posted.latest.subscribe())
    }

    /// How many watch a job. None for one that is not on the board.
    #[must_use]
    pub fn watchers(&self, job: &JobId) -> usize {
        self.jobs.lock().get(job).map_or(0, |posted| posted.latest.receiver_count())
    }

    /// Says that a job's id was handed out; answers whether that was known.
    pub(crate) fn keep(&self, job: &JobId) -> bool {
        let mut jobs = self.jobs.lock();
        jobs.get_mut(job).is_some_and(|posted| std::mem::replace(&mut posted.kept, true))
    }

    /// Whether a job's id was handed out.
    #[must_use]
    pub fn is_kept(&self, job: &JobId) -> bool {
        self.jobs.lock().get(job).is_some_and(|posted| posted.kept)
    }

    /// Says which actor runs a job.
    pub fn set_runner(&self, job: &JobId, runner: Option<Addr<Job>>) {
        if let Some(posted) = self.jobs.lock().get_mut(job) {
            posted.mirrored &= runner.is_none();
            posted.runner = runner;
        }
    }

    /// Which actor runs a job, if one does here.
    #[must_use]
    pub fn runner(&self, job: &JobId) -> Option<Addr<Job>> {
        self.jobs.lock().get(job)?.runner.clone()
    }

    /// Every actor that runs a job here.
    #[must_use]
    pub fn runners(&self) -> Vec<Addr<Job>> {
        self.jobs.lock().values().filter_map(|posted| posted.runner.clone()).filter(Addr::connected).collect()
    }

    /// How many jobs are in motion or watched here.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.jobs.lock().len()
    }

    /// How many jobs run here.
    #[must_use]
    pub fn running(&self) -> usize {
        self.jobs.lock().values().filter(|posted| posted.runner.is_some()).count()
    }

    /// Takes a job off the board without an end, for another replica to run: watchers see the last state and then nothing.
    pub fn drop_job(&self, job: &JobId) {
        self.jobs.lock().remove(job);
    }
}

#[test]
fn turns_are_told_and_progress_is_not() {
    use crate::lifecycle::{Step, apply, tests::record};
    use crate::model::JobState::{Cancelled, Queued, Running};
    use crate::model::{JobOutcome, Lease};
    let told = Arc::new(Mutex::new(Vec::new()));
    let (board, heard) = (Board::default(), Arc::clone(&told));
    board.tell(Box::new(move |record| heard.lock().push((record.state, record.attempt))));
    let mut record = record();
    let now = record.submitted_at;
    board.post(&record);
    let lease = Lease { holder: "here".to_owned(), until: now };
    apply(&mut record, Step::Claim(lease), now).expect("queued");
    board.post(&record);
    record.progress.done = 3.0;
    board.post(&record);
    apply(&mut record, Step::Finish(JobOutcome::Cancelled), now).expect("running");
    board.post(&record);
    assert_eq!(*told.lock(), [(Queued, 0), (Running, 1), (Cancelled, 1)]);
}
