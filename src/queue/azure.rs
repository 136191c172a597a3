//! A queue on Azure Queue Storage: for any number of servers at once.
//!
//! What the service has none of is done here. **Waiting**: one receiver at a time asks again and again, the longer the
//! rarer; whatever this process itself makes visible wakes it. **Length**: the service's own count, asked for once a second
//! and carried on between; it holds messages in other servers' hands, too, so the line is full a little early rather than
//! late, and servers that all send within one second may go beyond it by what they send. **Turns**: what one request
//! brings is handed out in turn; the service gives no look at what lies behind that.
//!
//! An answer that is lost can leave a message twice (`send`) or a receipt old (`extend`): then the message comes again,
//! which the port allows.

mod count;
mod error;
mod message;
mod receipt;
mod receive;

use std::sync::Arc;
use std::time::Duration;

use actors::model::JobId;
use actors::ports::{Clock, Delivery, JobQueue, Message, QueueDepth, QueueError, QueueErrorKind, Receipt};
use async_trait::async_trait;
use azure_core::http::headers::HeaderName;
use azure_storage_queue::models::{
    QueueClientDeleteMessageOptions, QueueClientGetPropertiesResultHeaders as _, QueueClientSendMessageOptions,
    QueueClientUpdateMessageOptions,
};
use azure_storage_queue::{QueueClient, QueueClientOptions};
use parking_lot::Mutex;
use time::OffsetDateTime;
use tokio::sync::Notify;

use self::count::Count;
use self::error::failed;
use self::receipt::Held;
use crate::azure::{Access, AzureError, Fault, Meaning, Patience, Tries, within_reason};
use crate::config::{AzureConfig, AzureUrl};

/// The longest time that the service hides a message ("Update Message").
const MAX_HIDDEN: Duration = Duration::from_hours(7 * 24);
/// A message stays until it is deleted; the job's record says when it is worth nothing any more.
const FOR_EVER: i32 = -1;

/// One queue of the service.
pub struct AzureQueue {
    service: QueueClient,
    clock: Arc<dyn Clock>,
    capacity: usize,
    count: Mutex<Count>,
    /// Held while the service is asked for its count: one at a time does, and others make do with the last.
    counting: tokio::sync::Mutex<()>,
    /// Signalled when this process made a message visible.
    visible: Notify,
    /// Held by the one receiver that asks while nothing waits: idle slots cost one request, not one each.
    asking: tokio::sync::Mutex<()>,
}

impl AzureQueue {
    /// The queue at `url`, in which at most `capacity` jobs may wait; asks nothing yet.
    ///
    /// # Errors
    /// When there is no identity to ask with.
    pub fn new(
        url: &AzureUrl,
        config: &AzureConfig,
        clock: Arc<dyn Clock>,
        capacity: usize,
    ) -> Result<Self, AzureError> {
        let (credential, client_options) = Access::new(url, config)?.parts();
        let options = QueueClientOptions { client_options, ..QueueClientOptions::default() };
        let service = QueueClient::new(url.signed(), credential, Some(options));
        Ok(Self {
            service: service.map_err(|error| AzureError::new(Fault::from(error).words))?,
            clock,
            capacity,
            count: Mutex::default(),
            counting: tokio::sync::Mutex::new(()),
            visible: Notify::new(),
            asking: tokio::sync::Mutex::new(()),
        })
    }

    /// Makes the queue where it is missing ("Create Queue"). What cannot be made but is there serves as well.
    ///
    /// # Errors
    /// `Unavailable` when it is neither there nor can be made, or nothing may be known of it.
    pub async fn prepare(&self) -> Result<(), QueueError> {
        let Err(fault) = self.ask_length().await else { return Ok(()) };
        if fault.meaning != Meaning::NoPlace {
            return Err(failed("the queue", &fault));
        }
        match within_reason(self.service.create(None)).await.map_err(Fault::from) {
            Ok(_) => Ok(()),
            // Somebody else made it just now; or this says why it cannot be.
            Err(fault) => self.ask_length().await.map(drop).map_err(|_| failed("the queue", &fault)),
        }
    }

    /// How many messages the service has, whoever holds them ("Get Queue Metadata").
    async fn ask_length(&self) -> Result<usize, Fault> {
        let answer = within_reason(self.service.get_properties(None)).await?;
        let count = answer.approximate_messages_count()?.unwrap_or_default();
        Ok(usize::try_from(count).unwrap_or_default())
    }

    /// "Put Message"; what the service gives to dispose of it until it is delivered.
    async fn add(&self, message: &Message, delay: Duration) -> Result<Option<Held>, QueueError> {
        let about = message.job.as_str();
        let text = message::write(message).map_err(|error| failed(about, &error.into()))?;
        let options = QueueClientSendMessageOptions {
            message_time_to_live: Some(FOR_EVER),
            method_options: Tries::default().options(Patience::SMALL),
            visibility_timeout: Some(seconds(delay)),
            ..QueueClientSendMessageOptions::default()
        };
        let sent = within_reason(self.service.send_message(text, Some(options))).await;
        let sent =
            sent.and_then(azure_core::http::Response::into_model).map_err(|error| failed(about, &error.into()))?;
        let first = sent.items.into_iter().flatten().next();
        let receipt = first.and_then(|sent| Some(Held::new(sent.message_id?, sent.pop_receipt?)));
        self.count.lock().added(message, receipt.clone());
        if delay.is_zero() {
            self.visible.notify_one();
        }
        Ok(receipt)
    }

    /// When the message at the front was sent ("Peek Messages").
    async fn ask_oldest(&self) -> Result<Option<OffsetDateTime>, Fault> {
        let answer = within_reason(self.service.peek_messages(None)).await?.into_model()?;
        Ok(answer.items.into_iter().flatten().next().and_then(|first| first.insertion_time))
    }

    /// Hides a message for `time` from now on; its new receipt, or `None` where the old one is good for nothing any more
    /// ("Update Message").
    async fn hide(&self, held: &Held, time: Duration) -> Result<Option<Held>, QueueError> {
        const POP_RECEIPT: HeaderName = HeaderName::from_static("x-ms-popreceipt");
        let method_options = Tries::default().options(Patience::SMALL);
        let options = QueueClientUpdateMessageOptions { method_options, ..QueueClientUpdateMessageOptions::default() };
        let request = self.service.update_message(held.message(), held.pop(), seconds(time), Some(options));
        match within_reason(request).await.map_err(Fault::from) {
            Ok(answer) => {
                let pop = answer.headers().get_optional_string(&POP_RECEIPT);
                Ok(pop.map(|pop| Held::new(held.message().to_owned(), pop)))
            }
            Err(fault) if is_over(&fault) => Ok(None),
            Err(fault) => Err(failed("a message", &fault)),
        }
    }

    /// "Delete Message".
    async fn remove(&self, held: &Held) -> Result<(), QueueError> {
        let method_options = Tries::default().options(Patience::SMALL);
        let options = QueueClientDeleteMessageOptions { method_options, ..QueueClientDeleteMessageOptions::default() };
        let request = self.service.delete_message(held.message(), held.pop(), Some(options));
        match within_reason(request).await.map_err(Fault::from) {
            Ok(_) => {
                self.count.lock().removed(held);
                Ok(())
            }
            Err(fault) if is_over(&fault) => Ok(()),
            Err(fault) => Err(failed("a message", &fault)),
        }
    }
}

#[async_trait]
impl JobQueue for AzureQueue {
    async fn send(&self, message: &Message, delay: Duration) -> Result<(), QueueError> {
        if self.depth().await?.waiting >= self.capacity {
            let full = format!("{}: {} jobs wait already; try again later", message.job, self.capacity);
            return Err(QueueError { kind: QueueErrorKind::Full, message: full });
        }
        Box::pin(self.add(message, delay)).await.map(drop)
    }

    async fn send_again(&self, message: &Message) -> Result<(), QueueError> {
        Box::pin(self.add(message, Duration::ZERO)).await.map(drop)
    }

    async fn send_held(&self, message: &Message, visibility: Duration) -> Result<Receipt, QueueError> {
        let until = self.clock.now() + visibility;
        let Some(held) = Box::pin(self.add(message, visibility.max(Duration::from_secs(1)))).await? else {
            let fault = format!("{}: the service gave no receipt", message.job);
            return Err(QueueError { kind: QueueErrorKind::Unavailable, message: fault });
        };
        self.count.lock().holds(&held, until);
        Ok(held.receipt())
    }

    async fn receive(&self, most: usize, visibility: Duration, wait: Duration) -> Result<Vec<Delivery>, QueueError> {
        Box::pin(self.wait_for(most, visibility, wait)).await
    }

    async fn extend(&self, receipt: &Receipt, visibility: Duration) -> Result<Receipt, QueueError> {
        let Some(held) = Held::parse(receipt) else { return Ok(receipt.clone()) };
        let until = self.clock.now() + visibility;
        let Some(longer) = self.hide(&held, visibility).await? else { return Ok(receipt.clone()) };
        self.count.lock().holds(&longer, until);
        Ok(longer.receipt())
    }

    async fn release(&self, receipt: &Receipt) -> Result<(), QueueError> {
        let Some(held) = Held::parse(receipt) else { return Ok(()) };
        if self.hide(&held, Duration::ZERO).await?.is_some() {
            self.count.lock().released(&held);
            self.visible.notify_one();
        }
        Ok(())
    }

    async fn delete(&self, receipt: &Receipt) -> Result<(), QueueError> {
        match Held::parse(receipt) {
            Some(held) => self.remove(&held).await,
            None => Ok(()),
        }
    }

    async fn forget(&self, job: &JobId) {
        let sent = self.count.lock().sent(job);
        if let Some(sent) = sent
            && let Err(error) = self.remove(&sent).await
        {
            tracing::debug!(%job, %error, "message of a job that is over was not deleted; it will be when it comes");
        }
    }

    async fn depth(&self) -> Result<QueueDepth, QueueError> {
        let now = self.clock.now();
        let counting = self.counting.try_lock();
        let known = self.count.lock().waiting(now, counting.is_err());
        if let Some(waiting) = known {
            return Ok(QueueDepth { waiting });
        }
        let length = self.ask_length().await.map_err(|fault| failed("the queue", &fault))?;
        Ok(QueueDepth { waiting: self.count.lock().counted(length, now) })
    }

    async fn oldest(&self) -> Result<Option<OffsetDateTime>, QueueError> {
        self.ask_oldest().await.map_err(|fault| failed("the queue", &fault))
    }

    fn capacity(&self) -> usize {
        self.capacity
    }
}

/// The message is gone, or someone else's by now.
fn is_over(fault: &Fault) -> bool {
    matches!(fault.meaning, Meaning::Absent | Meaning::OldReceipt)
}

/// Whole seconds, as the service counts: rather longer than shorter.
fn seconds(time: Duration) -> i32 {
    let time = time.min(MAX_HIDDEN);
    let whole = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    i32::try_from(whole.min(MAX_HIDDEN.as_secs())).expect("a week in seconds")
}

#[test]
fn times_are_rounded_up_to_seconds() {
    let rounded = [0, 1, 1000, 1001].map(|millis| seconds(Duration::from_millis(millis)));
    assert_eq!(rounded, [0, 1, 1, 2]);
    assert_eq!(seconds(Duration::MAX), 604_800);
}
