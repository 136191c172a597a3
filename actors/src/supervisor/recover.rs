//! After a start on a store of its own: every job that was queued or running when the last process ended goes on.

use crate::core::Core;
use crate::error::CoreError;
use crate::model::{JobId, JobState};
use crate::ports::Message;
use crate::records::Versioned;

/// Takes up every marked job; answers how many go on. A record that cannot be read is reported and left alone.
pub(super) async fn recover(core: &Core) -> Result<usize, CoreError> {
    let mut taken_up = Vec::new();
    for (job, _) in core.records.active().await? {
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
        core.ports.queue.send_again(&Message::of(record)).await?;
        core.board.post(record);
    }
    Ok(taken_up.len())
}

/// Brings one marked job back to `queued`, or its marker away if there is nothing to go on with. Nobody else uses the store,
/// so whoever held a lease is gone.
async fn take_up(core: &Core, job: &JobId) -> Result<Option<Versioned>, CoreError> {
    loop {
        let Some(found) = core.records.load(job).await? else {
            // Marked, but never acknowledged: the record was not yet written.
            core.records.settle(job).await?;
            return Ok(None);
        };
        match found.record.state {
            JobState::Queued => return Ok(Some(found)),
            JobState::Running => {
                if let Some(lost) = core.lose(found).await? {
                    return Ok((!lost.record.state.is_terminal()).then_some(lost));
                }
            }
            // It waits for an answer, not for us; the search for orphans sees to a cancel that came last.
            JobState::InputRequired => return Ok(None),
            _ => {
                core.records.settle(job).await?;
                return Ok(None);
            }
        }
    }
}
