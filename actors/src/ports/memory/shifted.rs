//! The machine's clock, which a test can move ahead: for what also waits on another process' time.

use std::time::Duration;

use async_trait::async_trait;
use time::OffsetDateTime;
use tokio::sync::watch;

use super::later;
use crate::ports::{Clock, SystemClock};

/// A clock that runs, and leaps when told to.
#[derive(Debug, Default)]
pub struct ShiftedClock {
    /// How far it is ahead of the machine's; everyone who sleeps watches it.
    ahead: watch::Sender<Duration>,
}

impl ShiftedClock {
    /// Leaps by `time` and wakes whose time has come.
    pub fn advance(&self, time: Duration) {
        self.ahead.send_modify(|ahead| *ahead += time);
    }
}

#[async_trait]
impl Clock for ShiftedClock {
    fn now(&self) -> OffsetDateTime {
        later(SystemClock.now(), *self.ahead.borrow())
    }

    async fn sleep(&self, time: Duration) {
        let mut ahead = self.ahead.subscribe();
        let until = later(self.now(), time);
        while let Ok(left) = Duration::try_from(until - self.now())
            && !left.is_zero()
        {
            tokio::select! {
                () = SystemClock.sleep(left) => {}
                leapt = ahead.changed() => leapt.expect("the sender lives as long as self"),
            }
        }
    }
}
