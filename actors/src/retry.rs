//! Asking a port again when its answer was "unknown" or "no room just now".

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use time::OffsetDateTime;

use crate::error::CoreError;
use crate::ports::{Clock, StoreErrorKind};

/// Runs `attempt` until it succeeds, fails for good, or `until` has come. Waits between tries, longer each time, with jitter.
///
/// # Errors
/// The last error of `attempt`.
pub async fn until<T, F>(clock: &dyn Clock, until: OffsetDateTime, attempt: impl Fn() -> F) -> Result<T, CoreError>
where
    F: Future<Output = Result<T, CoreError>>,
{
    let pauses = ExponentialBuilder::default().with_jitter().with_min_delay(Duration::from_millis(50));
    let mut pauses = pauses.with_max_delay(Duration::from_secs(5)).without_max_times().build();
    loop {
        let error = match attempt().await {
            Err(error) if is_passing(&error) => error,
            settled => return settled,
        };
        let pause = pauses.next().unwrap_or(Duration::from_secs(5));
        if clock.now() + pause >= until {
            return Err(error);
        }
        tracing::warn!(%error, ?pause, "store did not answer, trying again");
        clock.sleep(pause).await;
    }
}

fn is_passing(error: &CoreError) -> bool {
    matches!(error, CoreError::Store(store) if matches!(store.kind, StoreErrorKind::Unavailable | StoreErrorKind::Full))
}
