//! The queue of a server that is the only one on its store.
//!
//! It lives in memory and ends with the process; the `Supervisor` refills it from the store's `active/` markers at start.

use std::sync::Arc;

use actors::ports::Clock;
use actors::ports::memory::MemoryQueue;

/// An empty queue in which at most `capacity` jobs may wait.
pub fn open(clock: Arc<dyn Clock>, capacity: usize) -> MemoryQueue {
    MemoryQueue::new(clock, capacity)
}

#[cfg(test)]
mod tests {
    use actors::ports::memory::ManualClock;
    use actors::ports::{JobQueue as _, contract};

    use super::*;

    #[tokio::test]
    async fn the_local_queue_keeps_its_promises() {
        let clock = Arc::new(ManualClock::default());
        let queue = open(clock.clone(), 16);
        assert_eq!(queue.capacity(), 16);
        contract::queue(&queue, async |time| clock.advance(time)).await;
    }
}
