//! Inputs that were brought to local disk and may be wanted again: one file for each version of a blob, as many as fit.
//!
//! Used by a job's `prepare` for stores whose bytes are elsewhere ([`crate::ports::BlobStore::is_local`] says which are not).
//! What a job holds is never removed; of the rest the least recently used goes first. Two jobs that want the same file
//! share one fetch and its outcome, also an error. The folder is this process' alone: what an earlier one left is not
//! looked at, so that nothing half-brought is ever taken for whole.

mod state;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use tempfile::TempPath;

use crate::ports::{BlobStore, Etag, Key, StoreError, StoreErrorKind};
use state::{Claim, State};

/// One version of one blob.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    /// The mount whose store it is in; `None` for the server's own.
    pub mount: Option<String>,
    /// Where it is there.
    pub key: Key,
    /// Which version.
    pub etag: Etag,
}

/// What came of asking for a version.
#[derive(Debug)]
pub enum Brought {
    /// It is on local disk for as long as this is kept.
    Held(Held),
    /// There is no room beside what is held: bring it to a place of your own.
    NoRoom,
    /// The blob is another version by now.
    Changed,
}

/// A file of the cache that stays while this, or a clone, lives. To be read only.
#[derive(Clone, Debug)]
pub struct Held(Arc<CachedFile>);

impl Held {
    /// Where the bytes are.
    pub fn path(&self) -> &Path {
        &self.0.path
    }
}

/// Removed from the disk when it is dropped.
#[derive(Debug)]
struct CachedFile {
    path: TempPath,
    bytes: u64,
}

/// A fetch under way, for all who wait for it. It goes on only while somebody does.
type Fetch = Shared<BoxFuture<'static, Result<Option<Held>, StoreError>>>;

/// The cache. Clones share it.
#[derive(Clone)]
pub struct InputCache(Arc<Inner>);

struct Inner {
    folder: PathBuf,
    state: Mutex<State>,
}

impl InputCache {
    /// An empty cache of at most `capacity_bytes` in `folder`, which is made when it is needed.
    pub fn new(folder: PathBuf, capacity_bytes: u64) -> Self {
        Self(Arc::new(Inner { folder, state: Mutex::new(State::new(capacity_bytes)) }))
    }

    /// The version's `bytes` bytes on local disk: those that are there, or fetched from `store`.
    ///
    /// # Errors
    /// As [`BlobStore::fetch`]; whoever waits for the same fetch gets the same error.
    pub async fn hold(&self, store: &Arc<dyn BlobStore>, version: &Version, bytes: u64) -> Result<Brought, StoreError> {
        let fetch = match self.claim(store, version, bytes) {
            Claim::Ready(held) => return Ok(Brought::Held(held)),
            Claim::NoRoom => return Ok(Brought::NoRoom),
            Claim::Fetch(fetch) => fetch,
        };
        Ok(fetch.await?.map_or(Brought::Changed, Brought::Held))
    }

    fn claim(&self, store: &Arc<dyn BlobStore>, version: &Version, bytes: u64) -> Claim {
        let mut state = self.0.state.lock();
        if let Some(claim) = state.known(version) {
            return claim;
        }
        let Some(evicted) = state.make_room(bytes) else { return Claim::NoRoom };
        let number = state.reserve(bytes);
        let reserved = Reserved { cache: Arc::clone(&self.0), version: version.clone(), number, bytes };
        let fetch = bring(Arc::clone(store), reserved, evicted).boxed().shared();
        state.expect(version, number, &fetch);
        Claim::Fetch(fetch)
    }
}

/// Fetches what room was reserved for, in the place of what had to go.
async fn bring(
    store: Arc<dyn BlobStore>,
    reserved: Reserved,
    evicted: Vec<Arc<CachedFile>>,
) -> Result<Option<Held>, StoreError> {
    remove(evicted).await;
    let path = reserved.place().await?;
    let key = &reserved.version.key;
    let fetched = match store.fetch(key, &path).await {
        Err(error) if error.kind == StoreErrorKind::Full => {
            // The disk is smaller than the setting: nothing is worth keeping at the price of a job.
            let idle = reserved.cache.state.lock().evict_all();
            remove(idle).await;
            store.fetch(key, &path).await
        }
        fetched => fetched,
    };
    if fetched?.etag != reserved.version.etag {
        return Ok(None);
    }
    Ok(Some(reserved.keep(path).await))
}

/// Removes files where nobody waits for the disk but who needs the room.
async fn remove(files: Vec<Arc<CachedFile>>) {
    if !files.is_empty() {
        // A lost thread removes nothing more; the files go with the folder.
        drop(tokio::task::spawn_blocking(move || drop(files)).await);
    }
}

/// Room for a file that is on its way; free again when this is dropped without the file.
struct Reserved {
    cache: Arc<Inner>,
    version: Version,
    /// Which fetch of this version it is, and the file's name.
    number: u64,
    bytes: u64,
}

impl Reserved {
    /// Where the file is to be.
    async fn place(&self) -> Result<TempPath, StoreError> {
        let made = tokio::fs::create_dir_all(&self.cache.folder).await;
        let place = made.and_then(|()| TempPath::try_from_path(self.cache.folder.join(self.number.to_string())));
        place.map_err(|error| {
            let full = error.kind() == std::io::ErrorKind::StorageFull;
            let kind = if full { StoreErrorKind::Full } else { StoreErrorKind::Unavailable };
            StoreError::new(kind, &self.version.key, format!("the cache's folder failed: {}", error.kind()))
        })
    }

    /// Puts the file, which is whole, among those that may be had.
    async fn keep(mut self, path: TempPath) -> Held {
        forbid_writing(&path).await.ok(); // else only good manners protect it
        let bytes = std::mem::take(&mut self.bytes); // the room is the file's from now on
        let held = Held(Arc::new(CachedFile { path, bytes }));
        self.cache.state.lock().arrived(&self.version, &held);
        held
    }
}

async fn forbid_writing(path: &Path) -> std::io::Result<()> {
    let mut permissions = tokio::fs::metadata(path).await?.permissions();
    permissions.set_readonly(true);
    tokio::fs::set_permissions(path, permissions).await
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.cache.state.lock().over(&self.version, self.number, self.bytes);
    }
}
