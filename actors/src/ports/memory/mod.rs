//! The ports in memory: for tests, and the queue also for a server that is the only one.
//!
//! They pass the same suites as the others. Nothing here touches the disk but to take or hand over a caller's file.

mod clock;
mod faulty;
mod queue;
mod shifted;
mod store;
#[cfg(test)]
mod tests;

pub use clock::ManualClock;
pub use faulty::{Fault, FaultyStore};
pub use queue::MemoryQueue;
pub use shifted::ShiftedClock;
pub use store::MemoryStore;

use std::time::Duration;

use time::OffsetDateTime;

/// The moment `by` after `now`, or the last one there is.
fn later(now: OffsetDateTime, by: Duration) -> OffsetDateTime {
    now.saturating_add(time::Duration::try_from(by).unwrap_or(time::Duration::MAX))
}
