//! Whose attempt it is: leases as a replica sees its own and others', and what becomes of a job whose holder is gone.
//!
//! Used by the `Dispatcher` (claims), by `submit` (jobs that run where they came in) and by the `Supervisor` (orphans). The
//! replicas' clocks may differ by a good part of a lease: whoever takes a job too early or holds on too long loses the
//! record's compare-and-swap, and only work is lost.

use std::time::Duration;

use crate::core::Core;
use crate::error::CoreError;
use crate::lifecycle::{self, Step};
use crate::model::Lease;
use crate::records::{Versioned, is_conflict};

impl Core {
    /// A lease for this replica, from now.
    pub(crate) fn new_lease(&self) -> Lease {
        Lease { holder: self.config.replica.clone(), until: self.ports.clock.now() + self.config.lease }
    }

    /// How long a running job's holder surely has it; `None` when the lease is over.
    ///
    /// Of its own running jobs a replica knows that better than the clock does, which moves on while a suspended machine's timers
    /// stand still. Of others' it believes the lease, but no more than twice the time since the record was last written:
    /// a holder whose clock was wrong must not keep a job for ever.
    pub(crate) fn held_for(&self, found: &Versioned) -> Option<Duration> {
        let lease = found.record.lease.as_ref()?;
        let own = lease.holder == self.config.replica;
        if own && self.board.runner(&found.record.id).is_some_and(|runner| runner.connected()) {
            return Some(self.config.lease);
        }
        if own && self.config.exclusive {
            return None;
        }
        let until = lease.until.min(found.written + self.config.lease * 2);
        let rest = until - self.ports.clock.now();
        rest.is_positive().then(|| rest.unsigned_abs())
    }

    /// Takes a running job from a holder that is gone: back to `queued`, or to its end when too many attempts were lost.
    /// `None` when somebody else wrote first: look again.
    ///
    /// # Errors
    /// `Store`.
    pub(crate) async fn lose(&self, found: Versioned) -> Result<Option<Versioned>, CoreError> {
        let Versioned { mut record, etag, .. } = found;
        let lost = Step::Lose("its server went away".to_owned());
        lifecycle::apply(&mut record, lost, self.ports.clock.now()).expect("a running job can be lost");
        let etag = match self.records.swap(&record, &etag).await {
            Err(error) if is_conflict(&error) => return Ok(None),
            swapped => swapped?,
        };
        self.counters.lost();
        if record.state.is_terminal() {
            tracing::error!(job = %record.id, "job given up: every attempt ended with its server");
            self.board.post(&record);
            self.records.settle(&record.id).await?;
        } else {
            tracing::warn!(job = %record.id, attempt = record.attempt, "attempt lost with its server");
        }
        Ok(Some(Versioned { record, etag, written: self.ports.clock.now() }))
    }
}
