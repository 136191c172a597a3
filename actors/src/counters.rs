//! What happened on this replica since its start, in numbers that only rise.
//!
//! Counted by the actors, read by the server's `/metrics`. Nothing is decided by them.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::JobState;

/// The numbers. Reading them is a snapshot of each, not of all.
#[derive(Debug, Default)]
pub struct Counters {
    accepted: AtomicU64,
    reused: AtomicU64,
    started: AtomicU64,
    lost: AtomicU64,
    succeeded: AtomicU64,
    failed: AtomicU64,
    cancelled: AtomicU64,
}

impl Counters {
    pub(crate) fn submitted(&self, reused: bool) {
        add(if reused { &self.reused } else { &self.accepted });
    }

    pub(crate) fn started(&self) {
        add(&self.started);
    }

    pub(crate) fn lost(&self) {
        add(&self.lost);
    }

    pub(crate) fn ended(&self, state: JobState) {
        match state {
            JobState::Succeeded => add(&self.succeeded),
            JobState::Failed => add(&self.failed),
            JobState::Cancelled => add(&self.cancelled),
            JobState::Queued | JobState::Running | JobState::InputRequired => {}
        }
    }

    /// Each number with its name and what it counts.
    #[must_use]
    pub fn all(&self) -> [(&'static str, &'static str, u64); 7] {
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        [
            ("jobs_accepted", "Calls that became a job here", read(&self.accepted)),
            ("jobs_reused", "Calls that were given a job that there was already", read(&self.reused)),
            ("attempts_started", "Attempts that began here", read(&self.started)),
            ("attempts_lost", "Attempts that ended with their process or their replica", read(&self.lost)),
            ("jobs_succeeded", "Jobs that ended here with a result", read(&self.succeeded)),
            ("jobs_failed", "Jobs that ended here with an error", read(&self.failed)),
            ("jobs_cancelled", "Jobs that were cancelled here", read(&self.cancelled)),
        ]
    }
}

fn add(number: &AtomicU64) {
    number.fetch_add(1, Ordering::Relaxed);
}
