//! Now and then: a job that fell between two chairs is put back in the queue.
//!
//! Nearly every job finds its way by its message alone. What is left: its replica died before the message was sent, the store
//! or the queue failed at the wrong moment, the queue was emptied, or the end was written and the marker not removed.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use time::OffsetDateTime;

use super::turn;
use crate::core::Core;
use crate::error::CoreError;
use crate::model::{JobId, JobRecord, JobState};
use crate::ports::Message;
use crate::records::Versioned;

/// How long a call may take to be written: a younger marker without a record is one that is being written.
const WRITING: Duration = Duration::from_mins(10);
/// How many jobs are looked at at once.
const AT_ONCE: usize = 16;
/// After how many it is asked whether it is still this replica's turn.
const A_TURN: usize = 512;

/// The search for orphans, with what it remembers from one pass to the next.
#[derive(Default)]
pub(super) struct Orphans {
    /// When a waiting job was sent again.
    sent: HashMap<JobId, OffsetDateTime>,
}

/// A job that may be an orphan, and when its marker was written.
struct Suspect {
    job: JobId,
    marked: OffsetDateTime,
    /// When it was last sent by this search.
    sent: Option<OffsetDateTime>,
}

impl Orphans {
    /// Looks at every marked job that is not in motion here, for as long as it is this replica's turn, which lasts `turn` from
    /// each time that it is asked for. What fails is logged and looked at again the next time.
    pub(super) async fn search(&mut self, core: &Core, turn: Duration) {
        if let Err(error) = self.pass(core, turn).await {
            tracing::warn!(%error, "search for orphaned jobs cut short");
        }
    }

    async fn pass(&mut self, core: &Core, turn: Duration) -> Result<(), CoreError> {
        // Asked before the jobs are: what is sent from here on changes nothing for them.
        let front = core.ports.queue.oldest().await?;
        let active = core.records.active().await?;
        let mut known = std::mem::take(&mut self.sent);
        let now = core.ports.clock.now();
        let suspects: Vec<Suspect> = active
            .into_iter()
            .filter_map(|(job, marked)| {
                let sent = known.remove(&job);
                self.sent.extend(sent.map(|sent| (job.clone(), sent)));
                is_suspect(core, &job, marked, front, now).then_some(Suspect { job, marked, sent })
            })
            .collect();
        for part in suspects.chunks(A_TURN) {
            if !turn::is_ours(core, turn).await? {
                return Ok(());
            }
            let looks = part.iter().map(|suspect| looked_at(core, suspect, front));
            let sent: Vec<JobId> =
                stream::iter(looks).buffer_unordered(AT_ONCE).filter_map(std::future::ready).collect().await;
            self.sent.extend(sent.into_iter().map(|job| (job, now)));
        }
        Ok(())
    }
}

/// Whether a look is worth a request: not while the job is in motion here, or its call may still be being written, or the
/// line's front was sent before the call came in, so that its message cannot have been passed over.
fn is_suspect(
    core: &Core,
    job: &JobId,
    marked: OffsetDateTime,
    front: Option<OffsetDateTime>,
    now: OffsetDateTime,
) -> bool {
    let here = core.board.latest(job).is_some();
    !here && marked + core.config.lease <= now && front.is_none_or(|front| front > marked)
}

/// Looks at one job; gives it when its message was sent again.
async fn looked_at(core: &Core, suspect: &Suspect, front: Option<OffsetDateTime>) -> Option<JobId> {
    match look_at(core, suspect, front).await {
        Ok(sent) => sent.then(|| suspect.job.clone()),
        Err(error) => {
            tracing::warn!(job = %suspect.job, %error, "orphaned job not taken up");
            None
        }
    }
}

async fn look_at(core: &Core, suspect: &Suspect, front: Option<OffsetDateTime>) -> Result<bool, CoreError> {
    let Some(found) = core.records.load(&suspect.job).await? else {
        if suspect.marked + WRITING <= core.ports.clock.now() {
            core.records.settle(&suspect.job).await?;
        }
        return Ok(false);
    };
    match found.record.state {
        JobState::Queued => {
            let last = suspect.sent.unwrap_or(found.record.latest_change());
            let passed = front.is_none_or(|front| front > last + core.config.lease);
            if passed { send(core, &found.record).await } else { Ok(false) }
        }
        JobState::Running if core.held_for(&found).is_some() => Ok(false),
        JobState::Running => match core.lose(found).await? {
            Some(Versioned { record, .. }) if record.state == JobState::Queued => send(core, &record).await,
            _ => Ok(false),
        },
        // It waits for an answer, not for a replica.
        JobState::InputRequired => core.stop_asking_if_cancelled(&found.record).await.map(|()| false),
        _ => core.records.settle(&suspect.job).await.map(|()| false),
    }
}

async fn send(core: &Core, record: &JobRecord) -> Result<bool, CoreError> {
    core.ports.queue.send_again(&Message::of(record)).await?;
    if core.config.exclusive {
        core.board.post(record);
    }
    Ok(true)
}
