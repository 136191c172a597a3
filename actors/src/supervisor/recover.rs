//! After a start: every job that was queued or running when the last process ended goes on.

use crate::core::Core;
use crate::error::CoreError;
use crate::lifecycle::{self, Step};
use crate::model::{JobId, JobState};
use crate::ports::Message;
use crate::records::{Versioned, is_conflict};

/// Takes up every marked job; answers how many go on. A record that cannot be read is reported and left alone.
pub(super) async fn recover(core: &Core) -> Result<usize, CoreError> {
    let mut taken_up = Vec::new();
    for job in core.records.active().await? {
        match take_up(core, &job).await {
            Ok(Some(found)) => taken_up.push(found.record),
            Ok(None) => {}
            Err(error @ CoreError::Unreadable { .. }) => tracing::error!(%job, %error, "job left alone"),
            Err(error) => return Err(error),
        }
    }
    // In the order in which they were accepted, as if nothing had happened.
    taken_up.sort_by_key(|record| record.submitted_at);
    for record in &taken_up {
        let message = Message { job: record.id.clone(), owner: record.owner.clone() };
        core.ports.queue.send_again(&message).await?;
        core.board.post(record);
    }
    Ok(taken_up.len())
}

/// Brings one marked job back to `queued`, or its marker away if there is nothing to go on with.
pub(super) async fn take_up(core: &Core, job: &JobId) -> Result<Option<Versioned>, CoreError> {
    loop {
        let Some(mut found) = core.records.load(job).await? else {
            // Marked, but never acknowledged: the record was not yet written.
            core.records.settle(job).await?;
            return Ok(None);
        };
        let now = core.ports.clock.now();
        let void = core.config.exclusive || found.record.lease.as_ref().is_none_or(|lease| lease.until <= now);
        match found.record.state {
            JobState::Queued => return Ok(Some(found)),
            JobState::Running if !void => return Ok(None),
            JobState::Running => {
                lifecycle::apply(&mut found.record, Step::Lose, now).expect("a running job can be lost");
            }
            _ => {
                core.records.settle(job).await?;
                return Ok(None);
            }
        }
        match core.records.swap(&found.record, &found.etag).await {
            Ok(etag) => found.etag = etag,
            Err(error) if is_conflict(&error) => continue,
            Err(error) => return Err(error),
        }
        if !found.record.state.is_terminal() {
            return Ok(Some(found));
        }
        tracing::error!(%job, "job given up: every attempt ended with its server");
    }
}
