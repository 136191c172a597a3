//! Which jobs wait to be run. The queue only wakes a `Dispatcher`; the job's record is the truth.
//!
//! Implemented by `memory` (one process; the server refills it from the store at start) and in the server crate for Azure.

use std::time::Duration;

use async_trait::async_trait;
use time::OffsetDateTime;

use crate::model::{JobId, JobRecord, Owner};

/// "There is work": says which job, and whose, so that turns can be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The job that waits.
    pub job: JobId,
    /// Whose it is.
    pub owner: Owner,
}

impl Message {
    /// The message of `record`'s job.
    #[must_use]
    pub fn of(record: &JobRecord) -> Self {
        Self { job: record.id.clone(), owner: record.owner.clone() }
    }
}

/// The right to dispose of one delivered message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Receipt(pub String);

/// A message that was handed out and is invisible to others until its time is over.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// What it says.
    pub message: Message,
    /// For [`JobQueue::delete`] and the like.
    pub receipt: Receipt,
}

/// How much waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueDepth {
    /// Messages that could be handed out now or later, without those handed out.
    pub waiting: usize,
}

/// What the caller can do about a failed queue operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueErrorKind {
    /// The queue has its full length; nothing was added. Try again later.
    Full,
    /// The outcome is unknown: ask again with the same arguments.
    Unavailable,
}

/// A failed queue operation.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct QueueError {
    /// What the caller can do about it.
    pub kind: QueueErrorKind,
    /// For people.
    pub message: String,
}

/// A queue of jobs.
///
/// # Contract
/// - **At least once**: what was sent is handed out until it is deleted; it may come twice and in any order. No receiver may
///   depend on more.
/// - **Invisible while held**: a message handed out comes again only after its `visibility`, or after `release`.
/// - **In turn**: as far as it can see, it hands out one message of each owner before a second one of any.
/// - **Bounded**: at its full length `send` ends with `Full`, at once. What was accepted before comes in all the same.
/// - **Repeatable**: `delete`, `release` and `forget` with a receipt or job that is no longer known do nothing.
#[async_trait]
pub trait JobQueue: Send + Sync {
    /// Adds a message, to be handed out after `delay`.
    ///
    /// # Errors
    /// `Full`; `Unavailable`.
    async fn send(&self, message: &Message, delay: Duration) -> Result<(), QueueError>;

    /// Adds the message of a job that was accepted before, to be handed out at once, also when the queue is full: what was
    /// running when a server died may come on top of a full line.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn send_again(&self, message: &Message) -> Result<(), QueueError>;

    /// Adds the message of a job that its sender runs at once, as if it had been received already: invisible for `visibility`,
    /// and the receipt's to dispose of. It does not count as waiting, and comes in also when the queue is full.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn send_held(&self, message: &Message, visibility: Duration) -> Result<Receipt, QueueError>;

    /// Takes at most `most` messages for `visibility`. Waits for the first up to `wait`.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn receive(&self, most: usize, visibility: Duration, wait: Duration) -> Result<Vec<Delivery>, QueueError>;

    /// Keeps a message invisible for `visibility` from now on; the receipt given back replaces the old one.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn extend(&self, receipt: &Receipt, visibility: Duration) -> Result<Receipt, QueueError>;

    /// Makes a message visible again at once.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn release(&self, receipt: &Receipt) -> Result<(), QueueError>;

    /// Removes a message for good.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn delete(&self, receipt: &Receipt) -> Result<(), QueueError>;

    /// Removes a job's waiting message where the queue can find it: a courtesy to its length, not a promise.
    async fn forget(&self, job: &JobId);

    /// How much waits.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn depth(&self) -> Result<QueueDepth, QueueError>;

    /// When the message that waits longest was sent, as far as the queue can tell; `None` when none waits.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn oldest(&self) -> Result<Option<OffsetDateTime>, QueueError>;

    /// How many messages may wait at most.
    fn capacity(&self) -> usize;
}
