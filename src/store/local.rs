//! A store in a folder: one machine's disk, one server at a time.
//!
//! A blob's key is its path below the folder, so that people find their files. Beside them lie `.lock` (who serves the
//! folder), `.door` (how others reach it) and `.tmp` (what is being written). Nothing in the folder is ever changed in place: a new version is a new file
//! that takes the old one's name, which is what makes reads whole, crashes harmless and hard links safe.

mod disk;
mod draft;
pub(in crate::store) mod error;
mod list;
mod lock;
pub(in crate::store) mod read;
#[cfg(test)]
mod tests;
pub(in crate::store) mod tree;
mod version;
mod write;

pub use lock::OpenError;
pub(crate) use tree::DOOR;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use actors::ports::{Blob, BlobStore, ByteStream, Etag, Expect, Key, Meta, Page, StoreError, StoreErrorKind};
use async_trait::async_trait;
use bytes::Bytes;

use self::disk::Disk;

/// A folder that this process alone serves, until the last clone is dropped.
#[derive(Clone, Debug)]
pub struct LocalStore {
    disk: Arc<Disk>,
}

impl LocalStore {
    /// Takes over the folder `root`, making it where it is missing, and removes what a crash left unfinished.
    ///
    /// # Errors
    /// `InUse` when another process serves it; `CoarseTimes` when its disk cannot tell versions apart; `Disk` otherwise.
    pub fn open(root: &Path) -> Result<Self, OpenError> {
        Ok(Self { disk: Arc::new(Disk::open(root)?) })
    }

    /// Leaves word at which `address` this process serves, for whoever tries to open the folder meanwhile.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn announce(&self, address: &str) -> std::io::Result<()> {
        self.disk.lock.announce(address)
    }

    /// A folder on the store's own disk, empty at start, for files that are meant for `put_file`: they need not be copied.
    pub fn scratch(&self) -> PathBuf {
        self.disk.scratch.clone()
    }

    /// Does `work` where it may wait for the disk.
    async fn work<T: Send + 'static>(
        &self,
        about: &str,
        work: impl FnOnce(&Arc<Disk>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let disk = Arc::clone(&self.disk);
        let done = tokio::task::spawn_blocking(move || work(&disk)).await;
        done.unwrap_or_else(|lost| Err(StoreError::new(StoreErrorKind::Unavailable, about, lost)))
    }
}

#[async_trait]
impl BlobStore for LocalStore {
    async fn put(&self, key: &Key, value: Bytes, expect: Expect) -> Result<Etag, StoreError> {
        let key = key.clone();
        self.work(key.clone().as_str(), move |disk| disk.put(&key, &value, &expect)).await
    }

    async fn put_file(&self, key: &Key, from: &Path, expect: Expect) -> Result<Etag, StoreError> {
        let (key, from) = (key.clone(), from.to_owned());
        self.work(key.clone().as_str(), move |disk| disk.put_file(&key, &from, &expect)).await
    }

    async fn get(&self, key: &Key) -> Result<Option<Blob>, StoreError> {
        let key = key.clone();
        self.work(key.clone().as_str(), move |disk| disk.get(&key)).await
    }

    async fn head(&self, key: &Key) -> Result<Option<Meta>, StoreError> {
        let key = key.clone();
        self.work(key.clone().as_str(), move |disk| disk.head(&key)).await
    }

    async fn read(&self, key: &Key, range: Option<Range<u64>>) -> Result<(Meta, ByteStream), StoreError> {
        let key = key.clone();
        self.work(key.clone().as_str(), move |disk| disk.read(&key, range)).await
    }

    async fn fetch(&self, key: &Key, to: &Path) -> Result<Meta, StoreError> {
        let (key, to) = (key.clone(), to.to_owned());
        self.work(key.clone().as_str(), move |disk| disk.fetch(&key, &to)).await
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        let key = key.clone();
        self.work(key.clone().as_str(), move |disk| disk.delete(&key)).await
    }

    async fn list(&self, prefix: &str, after: Option<&Key>, limit: usize) -> Result<Page, StoreError> {
        let (prefix, after) = (prefix.to_owned(), after.cloned());
        self.work(&prefix.clone(), move |disk| disk.list(&prefix, after.as_ref(), limit)).await
    }

    fn is_local(&self) -> bool {
        true
    }
}
