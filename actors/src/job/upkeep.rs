//! What a running attempt does beside its work: keeps its lease and its message, and listens for a cancel from elsewhere.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

use super::{Job, Stop};
use crate::lifecycle::Step;
use crate::model::JobState;
use crate::ports::Message;

/// How often it is asked whether the job was cancelled on another replica.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How long a job runs where it came in before the queue hears of it.
const ANNOUNCE_AFTER: Duration = Duration::from_secs(1);

impl Job {
    /// Sends the message of a job that runs where it came in, already held: should this replica die, the message shows itself
    /// to the others when the lease ends. Most jobs are over before that is worth it; for those the search for orphans does.
    pub(super) fn announce(&mut self, ctx: &mut Context<Self>) {
        if self.receipt.is_some() {
            return;
        }
        let (core, message) = (self.core.clone(), Message::of(&self.record));
        let sent = async move {
            core.ports.clock.sleep(ANNOUNCE_AFTER).await;
            core.ports.queue.send_held(&message, core.config.lease).await
        };
        ctx.spawn(sent.into_actor(self).map(|sent, job, _| match sent {
            // Of a job that ended meanwhile the message comes once more, and is deleted then.
            Ok(receipt) => job.receipt = Some(receipt),
            Err(error) => tracing::warn!(job = %job.record.id, %error, "no message sent; the sweeper stands in for it"),
        }));
    }

    /// Renews the lease at a third of its time, again and again.
    pub(super) fn keep_lease(&mut self, ctx: &mut Context<Self>) {
        let clock = Arc::clone(&self.core.ports.clock);
        let third = self.core.config.lease / 3;
        let due = async move { clock.sleep(third).await };
        ctx.spawn(due.into_actor(self).map(|(), job, ctx| {
            if job.record.state != JobState::Running {
                return;
            }
            job.step(Step::Renew(job.core.new_lease()), ctx);
            job.extend_message(ctx);
            job.keep_lease(ctx);
        }));
    }

    /// Keeps the queue's message out of sight for as long as the lease.
    fn extend_message(&mut self, ctx: &mut Context<Self>) {
        let Some(receipt) = self.receipt.clone() else { return };
        let (queue, lease) = (Arc::clone(&self.core.ports.queue), self.core.config.lease);
        let extended = async move { queue.extend(&receipt, lease).await };
        ctx.spawn(extended.into_actor(self).map(|extended, job, _| match extended {
            Ok(receipt) => job.receipt = Some(receipt),
            // The record is the truth: a message that shows itself too early finds the job leased.
            Err(error) => tracing::warn!(job = %job.record.id, %error, "queue message not extended"),
        }));
    }

    /// Asks now and then whether the job was cancelled. On a store of our own whoever cancels tells this actor.
    pub(super) fn hear_cancel(&mut self, ctx: &mut Context<Self>) {
        if self.core.config.exclusive {
            return;
        }
        let (core, job) = (self.core.clone(), self.record.id.clone());
        let asked = async move {
            core.ports.clock.sleep(ASK_EVERY).await;
            core.records.cancel_requested(&job).await
        };
        ctx.spawn(asked.into_actor(self).map(|asked, job, ctx| match asked {
            _ if job.stop.is_some() || job.record.state != JobState::Running => {}
            Ok(true) => job.stop_for(Stop::Cancel, ctx),
            // A store that does not answer now is asked again.
            Ok(false) | Err(_) => job.hear_cancel(ctx),
        }));
    }
}
