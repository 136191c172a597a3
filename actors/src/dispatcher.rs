//! Takes waiting jobs for as long as there are free slots, and starts a `Job` for each.
//!
//! Back-pressure lives here: nothing is leased while compute has no room. Started and watched by the `Supervisor`.

use std::time::Duration;

use actix::prelude::*;

use crate::compute::Slot;
use crate::core::Core;
use crate::error::CoreError;
use crate::job::Job;
use crate::lifecycle::{self, Step};
use crate::model::{JobId, JobState};
use crate::ports::{Delivery, QueueError};
use crate::records::{Versioned, is_conflict};

/// How long one look into the queue may wait for work.
const LOOK: Duration = Duration::from_secs(20);
/// How long the dispatcher rests after the queue or the store failed.
const REST: Duration = Duration::from_secs(1);

/// The dispatcher: looks into the queue whenever there is a free slot.
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
        ctx.spawn(take_turns(self.core.clone()).into_actor(self));
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        self.core.set_hungry(false);
    }
}

/// Waits for room, then for work, then starts it; until the server drains.
async fn take_turns(core: Core) {
    while !core.is_draining() {
        // Quotas only lower what a job may use: with room for this there is room for any.
        core.compute.room(core.config.limits.memory_bytes).await;
        match look(&core).await {
            Ok(deliveries) => {
                for delivery in deliveries {
                    hand_out(&core, delivery).await;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "queue did not answer");
                core.ports.clock.sleep(REST).await;
            }
        }
    }
}

/// What waits now, or the first to come. Only while nothing waits may a call be run where it came in: it would jump the line.
async fn look(core: &Core) -> Result<Vec<Delivery>, QueueError> {
    let (queue, most, lease) =
        (&core.ports.queue, core.compute.free_for(core.config.limits.memory_bytes), core.config.lease);
    let waiting = queue.receive(most, lease, Duration::ZERO).await?;
    if !waiting.is_empty() {
        return Ok(waiting);
    }
    core.set_hungry(true);
    let first = queue.receive(most, lease, LOOK).await;
    core.set_hungry(false);
    first
}

async fn hand_out(core: &Core, delivery: Delivery) {
    match core.slot_for(&delivery.message.owner) {
        Some(slot) if !core.is_draining() => {
            let core = core.clone();
            actix::spawn(async move { start(&core, delivery, slot).await });
        }
        // A call that came in meanwhile has the slot.
        _ => give_back(core, &delivery).await,
    }
}

/// How long the message of a job that cannot be read is out of sight.
const UNREADABLE: Duration = Duration::from_mins(5);

/// What became of an attempt to take a job.
enum Claim {
    /// It is ours to run.
    Taken(Box<Versioned>),
    /// Another replica runs it; its message is its way back to us if that replica dies.
    Held(Duration),
    /// There is nothing to run.
    Nothing,
}

async fn start(core: &Core, delivery: Delivery, slot: Slot) {
    let job = &delivery.message.job;
    match claim(core, job).await {
        Ok(Claim::Taken(claimed)) => {
            Job::new(core.clone(), *claimed, Some(delivery.receipt), slot).start();
        }
        Ok(Claim::Held(rest)) => put_off(core, &delivery, rest).await,
        Ok(Claim::Nothing) => drop_message(core, &delivery).await,
        Err(error @ CoreError::Unreadable { .. }) => {
            // A later version's replica may run it: its message stays.
            tracing::error!(%job, %error, "job left alone");
            put_off(core, &delivery, UNREADABLE).await;
        }
        Err(error) => {
            tracing::warn!(%job, %error, "job not claimed, trying again");
            core.ports.clock.sleep(REST).await;
            give_back(core, &delivery).await;
        }
    }
}

async fn put_off(core: &Core, delivery: &Delivery, time: Duration) {
    if let Err(error) = core.ports.queue.extend(&delivery.receipt, time).await {
        tracing::debug!(job = %delivery.message.job, %error, "message not put off; it will come again by itself");
    }
}

async fn drop_message(core: &Core, delivery: &Delivery) {
    if let Err(error) = core.ports.queue.delete(&delivery.receipt).await {
        tracing::warn!(job = %delivery.message.job, %error, "message not deleted; it will come again and be deleted then");
    }
}

async fn give_back(core: &Core, delivery: &Delivery) {
    if let Err(error) = core.ports.queue.release(&delivery.receipt).await {
        tracing::warn!(job = %delivery.message.job, %error, "message not released; it will come again by itself");
    }
}

/// Takes the lease by a compare-and-swap that raises the attempt.
async fn claim(core: &Core, job: &JobId) -> Result<Claim, CoreError> {
    loop {
        let Some(mut found) = core.records.load(job).await? else { return Ok(Claim::Nothing) };
        if found.record.state == JobState::Running {
            if let Some(rest) = core.held_for(&found) {
                return Ok(Claim::Held(rest));
            }
            match core.lose(found).await? {
                Some(queued) => found = queued,
                None => continue,
            }
        }
        if lifecycle::apply(&mut found.record, Step::Claim(core.new_lease()), core.ports.clock.now()).is_err() {
            return Ok(Claim::Nothing);
        }
        match core.records.swap(&found.record, &found.etag).await {
            Ok(etag) => return Ok(Claim::Taken(Box::new(Versioned { etag, ..found }))),
            Err(error) if is_conflict(&error) => {}
            Err(error) => return Err(error),
        }
    }
}
