//! A store and a queue that are a network away: in memory, and every request takes as long as it is told.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actors::model::JobId;
use actors::ports::{
    Blob, BlobStore, ByteStream, Delivery, Etag, Expect, JobQueue, Key, Message, Meta, Page, QueueDepth, QueueError,
    Receipt, StoreError,
};
use async_trait::async_trait;
use bytes::Bytes;
use time::OffsetDateTime;

/// Another port, so many milliseconds away.
pub(crate) struct Far<P: ?Sized> {
    pub(crate) port: Arc<P>,
    pub(crate) trip: Duration,
}

impl<P: ?Sized> Far<P> {
    async fn go(&self) -> &P {
        tokio::time::sleep(self.trip).await;
        &self.port
    }
}

#[async_trait]
impl BlobStore for Far<dyn BlobStore> {
    async fn put(&self, key: &Key, value: Bytes, expect: Expect) -> Result<Etag, StoreError> {
        self.go().await.put(key, value, expect).await
    }

    async fn put_file(&self, key: &Key, from: &Path, expect: Expect) -> Result<Etag, StoreError> {
        self.go().await.put_file(key, from, expect).await
    }

    async fn get(&self, key: &Key) -> Result<Option<Blob>, StoreError> {
        self.go().await.get(key).await
    }

    async fn head(&self, key: &Key) -> Result<Option<Meta>, StoreError> {
        self.go().await.head(key).await
    }

    async fn read(&self, key: &Key, range: Option<Range<u64>>) -> Result<(Meta, ByteStream), StoreError> {
        self.go().await.read(key, range).await
    }

    async fn fetch(&self, key: &Key, to: &Path) -> Result<Meta, StoreError> {
        self.go().await.fetch(key, to).await
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.go().await.delete(key).await
    }

    async fn list(&self, prefix: &str, after: Option<&Key>, limit: usize) -> Result<Page, StoreError> {
        self.go().await.list(prefix, after, limit).await
    }
}

#[async_trait]
impl JobQueue for Far<dyn JobQueue> {
    async fn send(&self, message: &Message, delay: Duration) -> Result<(), QueueError> {
        self.go().await.send(message, delay).await
    }

    async fn send_again(&self, message: &Message) -> Result<(), QueueError> {
        self.go().await.send_again(message).await
    }

    async fn send_held(&self, message: &Message, visibility: Duration) -> Result<Receipt, QueueError> {
        self.go().await.send_held(message, visibility).await
    }

    async fn receive(&self, most: usize, visibility: Duration, wait: Duration) -> Result<Vec<Delivery>, QueueError> {
        self.go().await.receive(most, visibility, wait).await
    }

    async fn extend(&self, receipt: &Receipt, visibility: Duration) -> Result<Receipt, QueueError> {
        self.go().await.extend(receipt, visibility).await
    }

    async fn release(&self, receipt: &Receipt) -> Result<(), QueueError> {
        self.go().await.release(receipt).await
    }

    async fn delete(&self, receipt: &Receipt) -> Result<(), QueueError> {
        self.go().await.delete(receipt).await
    }

    async fn forget(&self, job: &JobId) {
        self.go().await.forget(job).await;
    }

    async fn depth(&self) -> Result<QueueDepth, QueueError> {
        // Known, as a real one knows it for a second.
        self.port.depth().await
    }

    async fn oldest(&self) -> Result<Option<OffsetDateTime>, QueueError> {
        self.go().await.oldest().await
    }

    fn capacity(&self) -> usize {
        self.port.capacity()
    }
}
