//! How a running attempt writes its record: one write at a time, each on top of the last, until it ends or loses the race.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use futures_util::future;

use super::{Job, Stop};
use crate::core::Core;
use crate::error::CoreError;
use crate::model::{JobOutcome, JobRecord, JobState};
use crate::ports::{Etag, Message, Receipt};
use crate::records::is_conflict;
use crate::retry;

/// Progress goes into the record at most this often.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// Where the writing stands.
#[derive(Default)]
pub(super) struct Saving {
    /// A write is under way.
    busy: bool,
    /// The record changed since that write began.
    again: bool,
    /// A write of progress is due within a second.
    soon: bool,
}

impl Job {
    /// Writes the record now, or as soon as the write under way is over.
    pub(super) fn save(&mut self, ctx: &mut Context<Self>) {
        if self.saving.busy {
            self.saving.again = true;
            return;
        }
        self.saving.busy = true;
        let write = write(self.core.clone(), self.record.clone(), self.etag.clone());
        let written = write.into_actor(self).map(|(state, result), job, ctx| job.saved(state, result, ctx));
        ctx.spawn(written);
    }

    /// Writes the record within a second.
    pub(super) fn save_soon(&mut self, ctx: &mut Context<Self>) {
        if self.saving.soon {
            return;
        }
        self.saving.soon = true;
        let clock = Arc::clone(&self.core.ports.clock);
        let due = async move { clock.sleep(PROGRESS_EVERY).await };
        ctx.spawn(due.into_actor(self).map(|(), job, ctx| {
            job.saving.soon = false;
            if job.record.state == JobState::Running {
                job.save(ctx);
            }
        }));
    }

    fn saved(&mut self, state: JobState, result: Result<Etag, CoreError>, ctx: &mut Context<Self>) {
        self.saving.busy = false;
        match result {
            Ok(etag) => self.etag = etag,
            Err(error) => {
                let why = if is_conflict(&error) { "another replica has the job" } else { "the store did not answer" };
                self.span.in_scope(|| tracing::warn!(%error, why, "lease lost"));
                self.stop = Some(Stop::LeaseLost);
                self.cancel.cancel();
                self.core.board.drop_job(&self.record.id);
                return self.leave(ctx);
            }
        }
        if state != JobState::Running {
            return self.ended(ctx);
        }
        if std::mem::take(&mut self.saving.again) {
            self.save(ctx);
        }
    }

    fn log_end(&self) {
        let _entered = self.span.enter();
        if let Some(JobOutcome::Failed(error)) = &self.record.outcome {
            tracing::info!(cause = ?error.cause, kind = ?error.kind, message = error.message, "job failed");
        } else {
            tracing::info!(state = ?self.record.state, "attempt ended");
        }
    }

    /// The end is durable: tell whoever watches, and only then tidy up.
    fn ended(&mut self, ctx: &mut Context<Self>) {
        self.log_end();
        self.core.counters.ended(self.record.state);
        self.core.board.post(&self.record);
        let tidied = tidy(self.core.clone(), self.record.clone(), self.receipt.clone());
        ctx.spawn(tidied.into_actor(self).map(|(), job, ctx| job.leave(ctx)));
    }
}

/// Swaps the record, asking again while the store does not answer and the lease lasts.
async fn write(core: Core, record: JobRecord, etag: Etag) -> (JobState, Result<Etag, CoreError>) {
    // A record without a lease is an end: worth as much patience as a lease would have had.
    let patience = core.ports.clock.now() + core.config.lease;
    let until = record.lease.as_ref().map_or(patience, |lease| lease.until);
    let swapped = retry::until(&*core.ports.clock, until, || core.records.swap(&record, &etag)).await;
    let settled = match swapped {
        Err(error) if is_conflict(&error) => same_as_stored(&core, &record).await.ok_or(error),
        settled => settled,
    };
    (record.state, settled)
}

/// The version of `record` if that is what the store holds: an earlier try had been written and its answer was lost.
async fn same_as_stored(core: &Core, record: &JobRecord) -> Option<Etag> {
    let stored = core.records.load(&record.id).await.ok()??;
    (stored.record == *record).then_some(stored.etag)
}

async fn tidy(core: Core, record: JobRecord, receipt: Option<Receipt>) {
    if let Err(error) = tidy_all(&core, &record, receipt.as_ref()).await {
        // The sweeper does what is left.
        tracing::warn!(job = %record.id, %error, "job not tidied up");
    }
}

async fn tidy_all(core: &Core, record: &JobRecord, receipt: Option<&Receipt>) -> Result<(), CoreError> {
    let queue = &core.ports.queue;
    if !record.state.is_terminal() {
        core.board.drop_job(&record.id);
    }
    if record.state == JobState::Queued {
        match receipt {
            Some(receipt) => queue.release(receipt).await?,
            None => queue.send_again(&Message::of(record)).await?,
        }
        return Ok(());
    }
    let delete = async {
        match receipt {
            Some(receipt) => Ok(queue.delete(receipt).await?),
            None => Ok(()),
        }
    };
    if record.state == JobState::InputRequired {
        // Whoever cancelled the running job writes first and looks second, and so do we: one of the two sees the other.
        future::try_join(delete, core.stop_asking_if_cancelled(record)).await?;
        return Ok(());
    }
    future::try_join(delete, core.records.settle(&record.id)).await?;
    if record.attempt > 1 {
        core.records.remove_losers(record).await?;
    }
    Ok(())
}
