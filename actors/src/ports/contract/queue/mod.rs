//! What every queue promises. The steps are grouped by file; each leaves the queue empty.

mod delivery;
mod turns;
mod waits;

use std::time::Duration;

use time::OffsetDateTime;

use super::within;
use crate::model::{JobId, Owner};
use crate::ports::{Delivery, JobQueue, Message, Receipt};

/// How long a step keeps a message, where it does not matter.
const HOLD: Duration = Duration::from_secs(30);

/// Checks every promise of [`JobQueue`] on an empty queue with a capacity of 8 to 64. `advance` lets the queue's time pass:
/// it turns the clock by hand, or waits.
///
/// # Panics
/// When a promise is not kept.
pub async fn queue(queue: &dyn JobQueue, advance: impl AsyncFn(Duration)) {
    assert!((8..=64).contains(&queue.capacity()), "the suite fills the queue: give it a capacity of 8 to 64");
    let bench = Bench { queue, advance };
    delivery::check(&bench).await;
    waits::check(&bench).await;
    turns::check(&bench).await;
}

/// The queue, its time, and shorthands for what the steps do all the time.
struct Bench<'a, A> {
    queue: &'a dyn JobQueue,
    advance: A,
}

impl<A: AsyncFn(Duration)> Bench<'_, A> {
    async fn advance(&self, time: Duration) {
        (self.advance)(time).await;
    }

    /// Sends a new job's message.
    async fn send(&self, owner: &str) -> Message {
        self.send_later(owner, Duration::ZERO).await
    }

    async fn send_later(&self, owner: &str, delay: Duration) -> Message {
        let message = message(owner);
        self.queue.send(&message, delay).await.unwrap_or_else(|error| panic!("send failed: {error}"));
        message
    }

    /// What can be had at once.
    async fn receive(&self, most: usize) -> Vec<Delivery> {
        self.receive_within(most, Duration::ZERO).await
    }

    async fn receive_within(&self, most: usize, wait: Duration) -> Vec<Delivery> {
        let receive = within("an end to receive", self.queue.receive(most, HOLD, wait)).await;
        let deliveries = receive.unwrap_or_else(|error| panic!("receive failed: {error}"));
        assert!(deliveries.len() <= most, "no more than {most} were asked for");
        deliveries
    }

    /// The one message that can be had at once.
    async fn receive_one(&self, what: &str) -> Delivery {
        self.receive(1).await.pop().unwrap_or_else(|| panic!("{what}: there is a message to be had"))
    }

    async fn nothing_to_be_had(&self, what: &str) {
        let deliveries = self.receive(1).await;
        assert!(deliveries.is_empty(), "{what}: nothing is to be had, got {deliveries:?}");
    }

    async fn delete(&self, receipt: &Receipt) {
        self.queue.delete(receipt).await.unwrap_or_else(|error| panic!("delete failed: {error}"));
    }

    async fn release(&self, receipt: &Receipt) {
        self.queue.release(receipt).await.unwrap_or_else(|error| panic!("release failed: {error}"));
    }

    async fn extend(&self, receipt: &Receipt, visibility: Duration) -> Receipt {
        self.queue.extend(receipt, visibility).await.unwrap_or_else(|error| panic!("extend failed: {error}"))
    }

    /// Sends a message that its sender holds.
    async fn send_held(&self, message: &Message) -> Receipt {
        self.queue.send_held(message, HOLD).await.unwrap_or_else(|error| panic!("sending held failed: {error}"))
    }

    async fn oldest(&self) -> Option<OffsetDateTime> {
        self.queue.oldest().await.unwrap_or_else(|error| panic!("asking for the oldest failed: {error}"))
    }

    async fn waiting(&self) -> usize {
        self.queue.depth().await.unwrap_or_else(|error| panic!("depth failed: {error}")).waiting
    }

    /// Takes and deletes everything that can be had, in order.
    async fn drain(&self) -> Vec<Message> {
        let mut messages = Vec::new();
        while let Some(delivery) = self.receive(1).await.pop() {
            self.delete(&delivery.receipt).await;
            messages.push(delivery.message);
        }
        messages
    }
}

fn message(owner: &str) -> Message {
    let owner: Owner = owner.parse().unwrap_or_else(|_| panic!("{owner} is an owner's name"));
    Message { job: JobId::random(), owner }
}
