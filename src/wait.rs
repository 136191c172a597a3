//! Waiting for a job's end within a budget: the long poll of every front door.

use std::sync::Arc;
use std::time::Duration;

use actors::CoreError;
use actors::model::{JobId, JobRecord};
use actors::ports::StoreErrorKind;

use crate::app::App;
use crate::auth::Principal;
use crate::error::AppError;

/// The longest that anyone may wait in one request, in seconds.
pub const MOST_SECONDS: u64 = 3600;

/// How long to wait before a store that does not answer is asked again.
const REST: Duration = Duration::from_secs(1);

/// Waits until `job` ends or asks something, at most for `budget` or until the server is about to restart, and gives the job as it is then.
///
/// # Errors
/// `NotFound` for another's job as for one that is not there; `Unavailable`.
pub async fn end_of(
    app: &App,
    principal: &Principal,
    job: &JobId,
    budget: Duration,
) -> Result<Arc<JobRecord>, AppError> {
    let clock = &app.core.ports.clock;
    let over = clock.sleep(budget);
    tokio::pin!(over);
    let mut known: Option<Arc<JobRecord>> = None;
    loop {
        let mut watch = match (app.core.watch(&principal.owner, job).await, &known) {
            (Ok(watch), _) => watch,
            // It was there, and the store does not answer just now: who waits goes on waiting.
            (Err(CoreError::Store(error)), Some(_)) if error.kind == StoreErrorKind::Unavailable => {
                tokio::select! {
                    () = clock.sleep(REST) => continue,
                    () = &mut over => break,
                    () = app.shutdown.cancelled() => break,
                }
            }
            (Err(error), _) => return Err(error.into()),
        };
        let latest = Arc::clone(&watch.borrow_and_update());
        if latest.state.is_at_rest() {
            return Ok(latest);
        }
        known = Some(latest);
        let ended = watch.wait_for(|record| record.state.is_at_rest());
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
    match (app.core.find(&principal.owner, job).await, known) {
        (Err(CoreError::Store(_)), Some(known)) => Ok(known),
        (found, _) => Ok(found?),
    }
}
