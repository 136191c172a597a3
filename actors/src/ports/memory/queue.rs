//! A queue in one process: for tests, and for a server that is the only one on its store.
//!
//! It forgets everything with the process: whoever uses it for real sends the waiting jobs again at start.

mod turns;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use time::OffsetDateTime;
use tokio::sync::Notify;

use self::waiting::Waiting;
use super::later;
use crate::model::JobId;
use crate::ports::{Clock, Delivery, JobQueue, Message, QueueDepth, QueueError, QueueErrorKind, Receipt};

/// A bounded queue that serves owners in turn and, of one owner, first in, first out. What is released or was held too
/// long goes to the end of its owner's line, so that it cannot stand in the others' way.
pub struct MemoryQueue {
    clock: Arc<dyn Clock>,
    capacity: usize,
    waiting: Mutex<Waiting>,
    /// Told whenever a receiver may have more to take, or less long to sleep.
    changed: Notify,
}

impl MemoryQueue {
    /// An empty queue in which at most `capacity` messages may wait. Messages handed out do not count; when they come
    /// back to a full queue it is longer for a while, as nothing may be lost.
    pub fn new(clock: Arc<dyn Clock>, capacity: usize) -> Self {
        Self { clock, capacity, waiting: Mutex::default(), changed: Notify::new() }
    }

    /// Does `change` as of now and wakes the receivers.
    fn change<T>(&self, change: impl FnOnce(&mut Waiting, OffsetDateTime) -> T) -> T {
        let changed = self.look(change);
        self.changed.notify_waiters();
        changed
    }

    /// Does `look` as of now.
    fn look<T>(&self, look: impl FnOnce(&mut Waiting, OffsetDateTime) -> T) -> T {
        let mut waiting = self.waiting.lock();
        let now = self.clock.now();
        waiting.mature(now);
        look(&mut waiting, now)
    }
}

#[async_trait]
impl JobQueue for MemoryQueue {
    async fn send(&self, message: &Message, delay: Duration) -> Result<(), QueueError> {
        self.change(|waiting, now| {
            if waiting.len() >= self.capacity {
                let message = format!("{} jobs wait already; try again later", self.capacity);
                return Err(QueueError { kind: QueueErrorKind::Full, message });
            }
            waiting.add(message.clone(), now, (!delay.is_zero()).then(|| later(now, delay)));
            Ok(())
        })
    }

    async fn send_again(&self, message: &Message) -> Result<(), QueueError> {
        self.change(|waiting, now| waiting.add(message.clone(), now, None));
        Ok(())
    }

    async fn send_held(&self, message: &Message, visibility: Duration) -> Result<Receipt, QueueError> {
        Ok(self.change(|waiting, now| {
            let id = waiting.add(message.clone(), now, None);
            waiting.hold(id, later(now, visibility))
        }))
    }

    async fn receive(&self, most: usize, visibility: Duration, wait: Duration) -> Result<Vec<Delivery>, QueueError> {
        let deadline = later(self.clock.now(), wait);
        loop {
            let changed = self.changed.notified(); // before looking, so that no change is missed
            let (taken, now, next) = self.look(|waiting, now| {
                let taken = waiting.take(most, later(now, visibility));
                (taken, now, waiting.next_change())
            });
            if !taken.is_empty() || now >= deadline || most == 0 {
                return Ok(taken);
            }
            let until = next.map_or(deadline, |next| next.min(deadline));
            tokio::select! {
                () = changed => {}
                () = self.clock.sleep((until - now).unsigned_abs()) => {}
            }
        }
    }

    async fn extend(&self, receipt: &Receipt, visibility: Duration) -> Result<Receipt, QueueError> {
        Ok(self.change(|waiting, now| match waiting.find(receipt) {
            Some(id) => waiting.hold(id, later(now, visibility)),
            None => receipt.clone(),
        }))
    }

    async fn release(&self, receipt: &Receipt) -> Result<(), QueueError> {
        self.change(|waiting, _| {
            if let Some(id) = waiting.find(receipt) {
                waiting.release(id);
            }
        });
        Ok(())
    }

    async fn delete(&self, receipt: &Receipt) -> Result<(), QueueError> {
        self.change(|waiting, _| {
            if let Some(id) = waiting.find(receipt) {
                waiting.remove(id);
            }
        });
        Ok(())
    }

    async fn forget(&self, job: &JobId) {
        self.change(|waiting, _| waiting.forget(job));
    }

    async fn depth(&self) -> Result<QueueDepth, QueueError> {
        Ok(QueueDepth { waiting: self.look(|waiting, _| waiting.len()) })
    }

    async fn oldest(&self) -> Result<Option<OffsetDateTime>, QueueError> {
        Ok(self.look(|waiting, _| waiting.oldest()))
    }

    fn capacity(&self) -> usize {
        self.capacity
    }
}
