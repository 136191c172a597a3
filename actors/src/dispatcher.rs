//! Takes waiting jobs, one for each free slot, and starts a `Job` for each.
//!
//! Back-pressure lives here: nothing is leased while compute has no room. Started and watched by the `Supervisor`.

use std::time::Duration;

use actix::prelude::*;
use time::OffsetDateTime;

use crate::compute::Slot;
use crate::core::Core;
use crate::error::CoreError;
use crate::job::Job;
use crate::lifecycle::{self, Step};
use crate::model::{JobId, JobRecord, JobState, Lease};
use crate::ports::Delivery;
use crate::records::{Versioned, is_conflict};

/// How long one look into the queue may wait for work.
const LOOK: Duration = Duration::from_secs(20);
/// How long a taker rests after the queue or the store failed.
const REST: Duration = Duration::from_secs(1);

/// The dispatcher: one taker per slot.
pub struct Dispatcher {
    core: Core,
}

impl Dispatcher {
    /// A dispatcher over `core`'s queue and slots.
    pub fn new(core: Core) -> Self {
        Self { core }
    }
}

impl Actor for Dispatcher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        for _ in 0..self.core.compute.slots() {
            ctx.spawn(take_turns(self.core.clone()).into_actor(self));
        }
    }
}

/// Waits for room, then for work, then starts it; until the server drains.
async fn take_turns(core: Core) {
    while !core.is_draining() {
        let slot = core.compute.slot().await;
        match core.ports.queue.receive(1, core.config.lease, LOOK).await {
            Ok(deliveries) => {
                if let Some(delivery) = deliveries.into_iter().next() {
                    start(&core, delivery, slot).await;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "queue did not answer");
                core.ports.clock.sleep(REST).await;
            }
        }
    }
}

async fn start(core: &Core, delivery: Delivery, slot: Slot) {
    let job = &delivery.message.job;
    if core.is_draining() {
        return give_back(core, &delivery).await;
    }
    match claim(core, job).await {
        Ok(Some(claimed)) => {
            Job::new(core.clone(), claimed, delivery.receipt, slot).start();
        }
        Ok(None) => {
            // Over, gone, or held by another: whoever holds it has its own message or marker.
            if let Err(error) = core.ports.queue.delete(&delivery.receipt).await {
                tracing::warn!(%job, %error, "message not deleted; it will come again and be deleted then");
            }
        }
        Err(error @ CoreError::Unreadable { .. }) => {
            tracing::error!(%job, %error, "job left alone");
            let _ = core.ports.queue.delete(&delivery.receipt).await;
        }
        Err(error) => {
            tracing::warn!(%job, %error, "job not claimed, trying again");
            core.ports.clock.sleep(REST).await;
            give_back(core, &delivery).await;
        }
    }
}

async fn give_back(core: &Core, delivery: &Delivery) {
    if let Err(error) = core.ports.queue.release(&delivery.receipt).await {
        tracing::warn!(job = %delivery.message.job, %error, "message not released; it will come again by itself");
    }
}

/// Takes the lease by a compare-and-swap that raises the attempt; `None` when there is nothing to run.
async fn claim(core: &Core, job: &JobId) -> Result<Option<Versioned>, CoreError> {
    loop {
        let Some(mut found) = core.records.load(job).await? else { return Ok(None) };
        let now = core.ports.clock.now();
        if !take(core, &mut found.record, now) {
            return Ok(None);
        }
        match core.records.swap(&found.record, &found.etag).await {
            Ok(etag) if found.record.state.is_terminal() => {
                core.board.post(&found.record);
                core.records.settle(job).await?;
                tracing::warn!(%job, version = %etag.0, "job given up");
                return Ok(None);
            }
            Ok(etag) => return Ok(Some(Versioned { record: found.record, etag })),
            Err(error) if is_conflict(&error) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Whether a running job's holder still has it. Of its own jobs a replica knows that better than the clock does, which moves
/// on while a suspended machine's timers stand still.
fn is_held(core: &Core, record: &JobRecord, lease: &Lease, now: OffsetDateTime) -> bool {
    if lease.holder != core.config.replica {
        return lease.until > now;
    }
    core.board.runner(&record.id).is_some_and(|runner| runner.connected())
}

/// Changes `record` into what a claim makes of it, or says that there is nothing to claim.
fn take(core: &Core, record: &mut JobRecord, now: OffsetDateTime) -> bool {
    if record.state == JobState::Running {
        let held = record.lease.as_ref().is_some_and(|lease| is_held(core, record, lease, now));
        if held || lifecycle::apply(record, Step::Lose, now).is_err() {
            return false;
        }
    }
    if record.state != JobState::Queued {
        // A job that was lost once too often ends here; one that had ended before has nothing to write.
        return record.finished_at == Some(now);
    }
    let lease = Lease { holder: core.config.replica.clone(), until: now + core.config.lease };
    lifecycle::apply(record, Step::Claim(lease), now).is_ok()
}
