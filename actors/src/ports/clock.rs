//! What time it is, and how to wait for a later one.

use std::time::Duration;

use async_trait::async_trait;
use time::OffsetDateTime;

/// The only source of time for the actors, so that tests can turn it by hand.
///
/// # Contract
/// `now` never goes back by more than the machine's own correction; `sleep` ends when `now` has moved on by at least the
/// given time.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The present moment, in UTC.
    fn now(&self) -> OffsetDateTime;

    /// Waits.
    async fn sleep(&self, time: Duration);
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}
