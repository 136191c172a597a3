//! Whether somebody uses a session: requests under way, streams that are open, and when the last of them ended.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use time::OffsetDateTime;

use crate::ports::Clock;

/// What is known of a session's use.
pub struct Activity {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

struct State {
    /// How many things are under way.
    open: usize,
    /// When the last of them ended, or the session was last touched.
    last: OffsetDateTime,
}

/// Something under way. Dropped, it is over.
pub struct InUse(Arc<Activity>);

impl Activity {
    /// Used just now, by the time of `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        let state = Mutex::new(State { open: 0, last: clock.now() });
        Arc::new(Self { clock, state })
    }

    /// Something is under way until the answer is dropped.
    #[must_use]
    pub fn begin(self: &Arc<Self>) -> InUse {
        self.state.lock().open += 1;
        InUse(Arc::clone(self))
    }

    /// Since when nothing is under way; nothing while something is.
    pub fn idle_since(&self) -> Option<OffsetDateTime> {
        let state = self.state.lock();
        (state.open == 0).then_some(state.last)
    }

    /// How long until it can have been idle for `after`; zero when it has.
    pub(super) fn rest(&self, after: Duration, now: OffsetDateTime) -> Duration {
        let idle = self.idle_since().map_or(Duration::ZERO, |since| (now - since).try_into().unwrap_or_default());
        after.saturating_sub(idle)
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        let now = self.0.clock.now();
        let mut state = self.0.state.lock();
        state.open -= 1;
        state.last = now;
    }
}
