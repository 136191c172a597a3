//! Now and then: what is over its time to live goes.

use std::time::Duration;

use time::OffsetDateTime;

use crate::core::Core;
use crate::error::CoreError;
use crate::layout;
use crate::model::{JobId, JobRecord, JobState};
use crate::ports::{Entry, Key};

/// From the end of its time a job is as if it had gone. Its bytes stay this much longer, for who is still reading them.
const LAST_READS: Duration = Duration::from_mins(10);

/// What one look at the store shows of one job.
struct Seen {
    job: JobId,
    /// When its record was last written; `None` where there is no record.
    record: Option<OffsetDateTime>,
    /// When anything of it was last written.
    latest: OffsetDateTime,
}

/// Looks at every job once. What fails is logged and looked at again the next time.
pub(super) async fn expire(core: &Core) {
    let mut after: Option<Key> = None;
    let mut seen: Option<Seen> = None;
    loop {
        let page = match core.ports.store.list(layout::JOBS, after.as_ref(), 1000).await {
            Ok(page) => page,
            Err(error) => return tracing::warn!(%error, "search for what is over its time cut short"),
        };
        for entry in &page.entries {
            let Some(job) = layout::job_of(&entry.key) else { continue };
            if seen.as_ref().is_some_and(|seen| seen.job != job) {
                judge(core, seen.take()).await;
            }
            note(seen.get_or_insert(Seen { job, record: None, latest: entry.meta.modified }), entry);
        }
        after = page.entries.last().map(|entry| entry.key.clone());
        if !page.more {
            return judge(core, seen).await;
        }
    }
}

fn note(seen: &mut Seen, entry: &Entry) {
    seen.latest = seen.latest.max(entry.meta.modified);
    if entry.key == layout::record(&seen.job) {
        seen.record = Some(entry.meta.modified);
    }
}

/// A record was last written when its job ended, so that one written lately need not be read.
async fn judge(core: &Core, seen: Option<Seen>) {
    let Some(seen) = seen else { return };
    let old = core.ports.clock.now() - core.config.result_ttl - LAST_READS;
    let removed = match seen.record {
        Some(written) if written <= old => remove_if_over(core, &seen.job).await,
        // Files without a record: their removal was cut short, or a replica that had lost its lease wrote them too late.
        None if seen.latest <= old => core.records.remove_files(&seen.job).await,
        _ => Ok(()),
    };
    if let Err(error) = removed {
        tracing::warn!(job = %seen.job, %error, "job not removed");
    }
}

async fn remove_if_over(core: &Core, job: &JobId) -> Result<(), CoreError> {
    match core.records.load(job).await? {
        // Asked for as long as a result is kept, nobody answered: it ends, and goes when that end is old.
        Some(found) if found.record.state == JobState::InputRequired => {
            tracing::info!(%job, "nobody answered, cancelling");
            core.cancel_waiting(found).await.map(|_| ())
        }
        Some(found) if core.records.is_over(&found.record) || is_forgotten(core, &found.record).await? => {
            tracing::info!(%job, "time to live is over, removing");
            core.records.remove(&found.record).await
        }
        _ => Ok(()),
    }
}

/// Whether a job is not over, but nobody will ever run it: it was taken back, and its record came after all.
async fn is_forgotten(core: &Core, record: &JobRecord) -> Result<bool, CoreError> {
    Ok(!record.state.is_terminal() && core.ports.store.head(&layout::active(&record.id)).await?.is_none())
}
