//! Now and then: a job that fell between two chairs is put back in the queue.
//!
//! Nearly every job finds its way by its message alone. What is left: its replica died before the message was sent, the store
//! or the queue failed at the wrong moment, or the end was written and the marker not removed.

use std::collections::HashMap;
use std::time::Duration;

use time::OffsetDateTime;

use crate::core::Core;
use crate::error::CoreError;
use crate::model::{JobId, JobRecord, JobState};
use crate::ports::Message;

/// How long a call may take to be written: a younger marker without a record is one that is being written.
const WRITING: Duration = Duration::from_mins(10);
/// How long a job may wait in a queue that is not empty before it is sent again, in case its message was lost.
const WAITING: Duration = Duration::from_mins(10);

/// The search for orphans, with what it remembers from one pass to the next.
#[derive(Default)]
pub(super) struct Orphans {
    /// When a waiting job was sent again.
    sent: HashMap<JobId, OffsetDateTime>,
}

impl Orphans {
    /// Looks at every marked job that is not in motion here. What fails is logged and looked at again the next time.
    pub(super) async fn search(&mut self, core: &Core) {
        let active = match core.records.active().await {
            Ok(active) => active,
            Err(error) => return tracing::warn!(%error, "no search for orphaned jobs"),
        };
        let old = core.ports.clock.now() - WAITING;
        self.sent.retain(|_, sent| *sent > old);
        for (job, marked) in active {
            // In motion here: it runs, or its message is on its way in this process' own queue.
            if core.board.latest(&job).is_some() || marked + core.config.lease > core.ports.clock.now() {
                continue;
            }
            if let Err(error) = self.look_at(core, &job, marked).await {
                tracing::warn!(%job, %error, "orphaned job not taken up");
            }
        }
    }

    async fn look_at(&mut self, core: &Core, job: &JobId, marked: OffsetDateTime) -> Result<(), CoreError> {
        let Some(found) = core.records.load(job).await? else {
            let never_written = marked + WRITING <= core.ports.clock.now();
            return if never_written { core.records.settle(job).await } else { Ok(()) };
        };
        match found.record.state {
            JobState::Queued => self.look_at_queued(core, &found.record).await,
            JobState::Running if core.held_for(&found.record).is_some() => Ok(()),
            JobState::Running => match core.lose(found).await? {
                Some(lost) if lost.record.state == JobState::Queued => self.send(core, &lost.record).await,
                _ => Ok(()),
            },
            _ => core.records.settle(job).await,
        }
    }

    /// A job that waits has its message in the queue, unless that is empty; and for good measure it gets another one when it
    /// waits for long.
    async fn look_at_queued(&mut self, core: &Core, record: &JobRecord) -> Result<(), CoreError> {
        let now = core.ports.clock.now();
        let since = self.sent.get(&record.id).copied().unwrap_or(record.submitted_at);
        let waits_long = since + WAITING <= now;
        if waits_long || core.ports.queue.depth().await?.waiting == 0 {
            self.send(core, record).await?;
        }
        Ok(())
    }

    async fn send(&mut self, core: &Core, record: &JobRecord) -> Result<(), CoreError> {
        core.ports.queue.send_again(&Message::of(record)).await?;
        self.sent.insert(record.id.clone(), core.ports.clock.now());
        if core.config.exclusive {
            core.board.post(record);
        }
        Ok(())
    }
}
