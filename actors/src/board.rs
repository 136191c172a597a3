//! What is in motion on this replica, and who watches it.
//!
//! The `Job` actor writes here whenever its record changes; sessions, long polls and event streams read. A watcher sees the
//! latest state, not every one (I7: nothing piles up), and the last state stays readable after the entry is gone.

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
            None => {
                let posted = Posted { latest: watch::Sender::new(latest), runner: None, kept: false };
                jobs.insert(record.id.clone(), posted);
            }
        }
        if ended {
            jobs.remove(&record.id);
        }
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

    /// Says that a job's id was handed out.
    pub fn keep(&self, job: &JobId) {
        if let Some(posted) = self.0.lock().get_mut(job) {
            posted.kept = true;
        }
    }

    /// Whether a job's id was handed out.
    #[must_use]
    pub fn is_kept(&self, job: &JobId) -> bool {
        self.0.lock().get(job).is_some_and(|posted| posted.kept)
    }

    /// Says which actor runs a job.
    pub fn set_runner(&self, job: &JobId, runner: Option<Addr<Job>>) {
        if let Some(posted) = self.0.lock().get_mut(job) {
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
