//! A store in a container of Azure Blob Storage: for any number of servers at once.
//!
//! A blob's name is its key, below the folder that the setting names. What the port promises is Blob Storage's own: a write
//! is whole and replicated when it is answered, reads see it from then on, and `If-Match` and `If-None-Match` are the
//! compare-and-swap ("Specifying conditional headers for Blob service operations").
//!
//! The account must have a flat namespace: in a hierarchical one folders would be listed as blobs.

mod direct;
mod error;
mod fetch;
mod list;
mod read;
mod write;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use actors::ports::{
    Blob, BlobStore, ByteStream, Clock, DirectTerms, Etag, Expect, Key, Meta, Page, StoreError, StoreErrorKind,
};
use async_trait::async_trait;
use azure_storage_blob::models::BlobContainerClientListBlobsOptions;
use azure_storage_blob::{BlobClient, BlobContainerClient, BlobContainerClientOptions};
use bytes::Bytes;
use futures_util::TryStreamExt as _;

use self::direct::DirectLinks;
use crate::azure::{Access, AzureError, Fault, Meaning, within_reason};
use crate::config::{AzureConfig, AzureUrl};

/// A container, or a folder in one. Clones share connections.
#[derive(Clone)]
pub struct AzureStore {
    container: Arc<BlobContainerClient>,
    /// Before every key: empty, or with a slash at its end.
    prefix: Arc<str>,
    /// Whether what is in it is somebody else's, never to be written.
    read_only: bool,
    /// Where clients can be led to Azure itself.
    direct: Option<Arc<DirectLinks>>,
}

impl AzureStore {
    /// The store at `url`; asks nothing yet.
    ///
    /// # Errors
    /// When there is no identity to ask with.
    pub fn new(url: &AzureUrl, config: &AzureConfig, clock: Arc<dyn Clock>) -> Result<Self, AzureError> {
        let access = Access::new(url, config)?;
        let direct =
            if config.direct_links { DirectLinks::new(url, access.parts(), clock)?.map(Arc::new) } else { None };
        let (credential, client_options) = access.parts();
        let options = BlobContainerClientOptions { client_options, ..BlobContainerClientOptions::default() };
        let container = BlobContainerClient::new(url.signed(), credential, Some(options));
        let container = container.map_err(|error| AzureError::new(Fault::from(error).words))?;
        Ok(Self { container: Arc::new(container), prefix: url.prefix().into(), read_only: false, direct })
    }

    /// Somebody else's container at `url`, which is there and is only ever read.
    ///
    /// # Errors
    /// When there is no identity to ask with, no such container, or no right to list it.
    pub async fn of_others(url: &AzureUrl, config: &AzureConfig, clock: Arc<dyn Clock>) -> Result<Self, AzureError> {
        let store = Self { read_only: true, ..Self::new(url, config, clock)? };
        let look = within_reason(store.look()).await.map_err(Fault::from);
        let has_some = look.map_err(|fault| match fault.meaning {
            Meaning::NoPlace => AzureError::new("there is no such container; write the name of one that is there"),
            Meaning::Forbidden => AzureError::new(format!(
                "{}. To be mounted it must be readable and listable: Storage Blob Data Reader is enough",
                fault.words
            )),
            _ => AzureError::new(fault.words),
        })?;
        if !has_some {
            tracing::warn!(mount = %url, "nothing is there yet");
        }
        Ok(store)
    }

    /// Makes the container where it is missing ("Create Container"). What cannot be made but is there serves as well.
    ///
    /// # Errors
    /// `Unavailable` when it is neither there nor can be made, or nothing may be read in it.
    pub async fn prepare(&self) -> Result<(), StoreError> {
        let look = within_reason(self.look()).await.map_err(Fault::from);
        let Err(fault) = look else { return Ok(()) };
        if fault.meaning != Meaning::NoPlace {
            return Err(StoreError::new(StoreErrorKind::Unavailable, "the container", fault.words));
        }
        match within_reason(self.container.create(None)).await.map_err(Fault::from) {
            Ok(_) => Ok(()),
            // Somebody else made it just now; or this says why it cannot be.
            Err(fault) => within_reason(self.look())
                .await
                .map(drop)
                .map_err(|_| StoreError::new(StoreErrorKind::Unavailable, "the container", fault.words)),
        }
    }

    /// Whether anything is there. It lists, which is the least that every right of access gives.
    async fn look(&self) -> azure_core::Result<bool> {
        let options = BlobContainerClientListBlobsOptions {
            maxresults: Some(1),
            prefix: Some(self.prefix.to_string()),
            ..BlobContainerClientListBlobsOptions::default()
        };
        let first = self.container.list_blobs(Some(options))?.into_pages().try_next().await?;
        first.map_or(Ok(false), |page| Ok(!page.into_model()?.blob_items.is_empty()))
    }

    fn writable(&self, key: &Key) -> Result<(), StoreError> {
        if self.read_only { Err(error::read_only(key)) } else { Ok(()) }
    }

    fn blob(&self, key: &Key) -> BlobClient {
        self.container.blob_client(&format!("{}{key}", self.prefix))
    }
}

#[async_trait]
impl BlobStore for AzureStore {
    async fn put(&self, key: &Key, value: Bytes, expect: Expect) -> Result<Etag, StoreError> {
        self.writable(key)?;
        Box::pin(self.put_bytes(key, value, &expect)).await
    }

    async fn put_file(&self, key: &Key, from: &Path, expect: Expect) -> Result<Etag, StoreError> {
        self.writable(key)?;
        let etag = Box::pin(self.put_local(key, from, &expect)).await?;
        tokio::fs::remove_file(from).await.ok(); // the caller may as well
        Ok(etag)
    }

    async fn get(&self, key: &Key) -> Result<Option<Blob>, StoreError> {
        Box::pin(self.read_whole(key)).await
    }

    async fn head(&self, key: &Key) -> Result<Option<Meta>, StoreError> {
        Box::pin(self.properties(key)).await.map(|found| found.map(|(meta, _)| meta))
    }

    async fn read(&self, key: &Key, range: Option<Range<u64>>) -> Result<(Meta, ByteStream), StoreError> {
        Box::pin(self.stream(key, range)).await
    }

    async fn fetch(&self, key: &Key, to: &Path) -> Result<Meta, StoreError> {
        Box::pin(self.bring(key, to)).await
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.writable(key)?;
        Box::pin(self.remove(key)).await
    }

    async fn list(&self, prefix: &str, after: Option<&Key>, limit: usize) -> Result<Page, StoreError> {
        Box::pin(self.page(prefix, after, limit)).await
    }

    async fn direct_link(&self, key: &Key, terms: &DirectTerms) -> Result<Option<String>, StoreError> {
        let Some(direct) = &self.direct else { return Ok(None) };
        Ok(Box::pin(direct.address(self.blob(key).url(), &format!("{}{key}", self.prefix), terms)).await)
    }
}
