//! Receiving: the service answers at once ("Get Messages"), so waiting is asking again, the longer the rarer.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use actors::model::Owner;
use actors::ports::{Delivery, QueueError};
use azure_storage_queue::models::{QueueClientReceiveMessagesOptions, ReceivedMessage};
use rand::RngExt as _;

use super::error::failed;
use super::receipt::Held;
use super::{AzureQueue, message, seconds};
use crate::azure::{Patience, Tries, within_reason};

/// How many messages one request brings at most.
const MAX_BATCH: usize = 32;
/// The pause after the first look that found nothing; it grows by half each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause: how late, at worst, another server's message is seen.
const LAST_PAUSE: Duration = Duration::from_millis(1500);

impl AzureQueue {
    pub(super) async fn wait_for(
        &self,
        most: usize,
        visibility: Duration,
        wait: Duration,
    ) -> Result<Vec<Delivery>, QueueError> {
        if most == 0 {
            return Ok(Vec::new());
        }
        if wait.is_zero() {
            return self.look(most, visibility).await;
        }
        let end = self.clock.now() + wait;
        let _asking = tokio::select! {
            asking = self.asking.lock() => asking,
            () = self.clock.sleep(wait) => return Ok(Vec::new()),
        };
        let mut pause = FIRST_PAUSE;
        loop {
            let found = self.look(most, visibility).await?;
            let left = Duration::try_from(end - self.clock.now()).unwrap_or_default();
            if !found.is_empty() || left.is_zero() {
                return Ok(found);
            }
            tokio::select! {
                () = self.visible.notified() => {}
                () = self.clock.sleep(left.min(with_jitter(pause))) => {}
            }
            pause = (pause + pause / 2).min(LAST_PAUSE);
        }
    }

    /// What can be had at once, in turn.
    async fn look(&self, most: usize, visibility: Duration) -> Result<Vec<Delivery>, QueueError> {
        let until = self.clock.now() + visibility;
        let options = QueueClientReceiveMessagesOptions {
            method_options: Tries::default().options(Patience::SMALL),
            number_of_messages: i32::try_from(most.min(MAX_BATCH)).ok(),
            visibility_timeout: Some(seconds(visibility).max(1)),
            ..QueueClientReceiveMessagesOptions::default()
        };
        let answer = within_reason(self.service.receive_messages(Some(options))).await;
        let messages = answer.and_then(azure_core::http::Response::into_model);
        let messages = messages.map_err(|error| failed("the queue", &error.into()))?;
        let mut deliveries = Vec::new();
        for received in messages.items.into_iter().flatten() {
            let Some((held, text)) = parts(received) else { continue };
            self.count.lock().holds(&held, until);
            match message::read(&text) {
                Some(message) => deliveries.push(Delivery { message, receipt: held.receipt() }),
                None => self.discard(&held).await,
            }
        }
        Ok(in_turn(deliveries))
    }

    /// What is no message of ours would come again for ever.
    async fn discard(&self, held: &Held) {
        tracing::warn!(message = held.message(), "a message in the queue is none of Heavylift's and is deleted");
        if let Err(error) = self.remove(held).await {
            tracing::warn!(message = held.message(), %error, "it was not deleted and will come again");
        }
    }
}

fn parts(received: ReceivedMessage) -> Option<(Held, String)> {
    Some((Held::new(received.message_id?, received.pop_receipt?), received.message_text.unwrap_or_default()))
}

/// One of each owner before a second one of any; each owner's in the order in which they came.
fn in_turn(deliveries: Vec<Delivery>) -> Vec<Delivery> {
    let mut owners: Vec<Owner> = Vec::new();
    let mut lines: HashMap<Owner, VecDeque<Delivery>> = HashMap::new();
    for delivery in deliveries {
        let owner = delivery.message.owner.clone();
        if !lines.contains_key(&owner) {
            owners.push(owner.clone());
        }
        lines.entry(owner).or_default().push_back(delivery);
    }
    let mut turns = Vec::new();
    while !lines.is_empty() {
        for owner in &owners {
            turns.extend(lines.get_mut(owner).and_then(VecDeque::pop_front));
        }
        lines.retain(|_, line| !line.is_empty());
    }
    turns
}

/// Servers that were started together must not ask together.
fn with_jitter(pause: Duration) -> Duration {
    pause.mul_f64(rand::rng().random_range(0.75..1.25))
}
