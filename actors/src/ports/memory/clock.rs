//! A clock that stands still until a test turns it.

use std::time::Duration;

use async_trait::async_trait;
use time::OffsetDateTime;
use time::macros::datetime;
use tokio::sync::watch;

use super::later;
use crate::ports::Clock;

/// A clock turned by hand. It begins at the start of 2026 unless told otherwise.
#[derive(Debug)]
pub struct ManualClock {
    /// The present moment; everyone who sleeps watches it.
    now: watch::Sender<OffsetDateTime>,
}

impl ManualClock {
    /// A clock that shows `now`.
    pub fn new(now: OffsetDateTime) -> Self {
        Self { now: watch::Sender::new(now) }
    }

    /// Shows `now`, also an earlier moment than before, and wakes whose time has come.
    pub fn set(&self, now: OffsetDateTime) {
        self.now.send_replace(now);
    }

    /// Moves on by `time` and wakes whose time has come.
    pub fn advance(&self, time: Duration) {
        self.now.send_modify(|now| *now = later(*now, time));
    }

    /// How many sleep, so that a test can wait for a task to have come so far before it turns the clock.
    pub fn sleepers(&self) -> usize {
        self.now.receiver_count()
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new(datetime!(2026-01-01 0:00 UTC))
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> OffsetDateTime {
        *self.now.borrow()
    }

    async fn sleep(&self, time: Duration) {
        let mut now = self.now.subscribe();
        let until = later(*now.borrow(), time);
        now.wait_for(|now| *now >= until).await.map(drop).expect("the sender lives as long as self");
    }
}
