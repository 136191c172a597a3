//! Now and then: what is over its time to live goes, what fell between two chairs is put back in the queue.

use crate::core::Core;
use crate::error::CoreError;
use crate::layout;
use crate::lifecycle::{self, Step};
use crate::model::{JobId, JobRecord, JobState};
use crate::ports::{Key, Message};
use crate::records::is_conflict;

/// Looks at every record once. What fails is logged and looked at again the next time.
pub(super) async fn sweep(core: &Core) {
    let mut after: Option<Key> = None;
    loop {
        let page = match core.ports.store.list(layout::JOBS, after.as_ref(), 1000).await {
            Ok(page) => page,
            Err(error) => return tracing::warn!(%error, "sweep cut short"),
        };
        for job in page.entries.iter().filter_map(|entry| layout::job_of_record(&entry.key)) {
            if let Err(error) = look_at(core, &job).await {
                tracing::warn!(%job, %error, "job not swept");
            }
        }
        after = page.entries.last().map(|entry| entry.key.clone());
        if !page.more {
            return;
        }
    }
}

async fn look_at(core: &Core, job: &JobId) -> Result<(), CoreError> {
    if core.board.runner(job).is_some_and(|runner| runner.connected()) {
        return Ok(());
    }
    let Some(mut found) = core.records.load(job).await? else { return Ok(()) };
    let now = core.ports.clock.now();
    match found.record.state {
        JobState::Running if found.record.lease.as_ref().is_some_and(|lease| lease.until > now) => return Ok(()),
        JobState::Running => {
            lifecycle::apply(&mut found.record, Step::Lose, now).expect("a running job can be lost");
            match core.records.swap(&found.record, &found.etag).await {
                Err(error) if is_conflict(&error) => return Ok(()),
                swapped => swapped?,
            };
            tracing::warn!(%job, state = ?found.record.state, "lease ran out");
        }
        // Queued and on the board: its message is on its way.
        JobState::Queued if core.board.watch(job).is_some() => return Ok(()),
        JobState::Queued => {}
        _ => return remove_if_over(core, &found.record).await,
    }
    core.board.post(&found.record);
    if found.record.state.is_terminal() {
        return core.records.settle(job).await;
    }
    let message = Message { job: job.clone(), owner: found.record.owner.clone() };
    let sent = core.ports.queue.send_again(&message).await;
    if sent.is_err() {
        // Not on the board, it is found again by the next sweep.
        core.board.drop_job(job);
    }
    Ok(sent?)
}

async fn remove_if_over(core: &Core, record: &JobRecord) -> Result<(), CoreError> {
    if core.records.is_over(record) {
        tracing::info!(job = %record.id, "time to live is over, removing");
        core.records.remove(record).await?;
    }
    Ok(())
}
