//! Waiting for a job's end within a budget: the long poll of every front door.

use std::sync::Arc;
use std::time::Duration;

use actors::model::{JobId, JobRecord};

use crate::app::App;
use crate::auth::Principal;
use crate::error::AppError;

/// The longest that anyone may wait in one request, in seconds.
pub const MOST_SECONDS: u64 = 3600;

/// Waits until `job` ends, at most for `budget` or until the server is about to restart, and gives the job as it is then.
///
/// # Errors
/// `NotFound` for another's job as for one that is not there; `Unavailable`.
pub async fn end_of(
    app: &App,
    principal: &Principal,
    job: &JobId,
    budget: Duration,
) -> Result<Arc<JobRecord>, AppError> {
    let over = app.core.ports.clock.sleep(budget);
    tokio::pin!(over);
    loop {
        let mut watch = app.core.watch(&principal.owner, job).await?;
        let latest = Arc::clone(&watch.borrow_and_update());
        if latest.state.is_terminal() {
            return Ok(latest);
        }
        let ended = watch.wait_for(|record| record.state.is_terminal());
        tokio::select! {
            ended = ended => {
                // An error: off this board without an end, so look where it is now.
                if let Ok(record) = ended {
                    return Ok(Arc::clone(&record));
                }
            }
            () = &mut over => break,
            () = app.shutdown.cancelled() => break,
        }
    }
    Ok(app.core.find(&principal.owner, job).await?)
}
