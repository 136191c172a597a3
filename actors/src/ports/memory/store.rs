//! A store in memory: for tests, as exact as the real ones, with as little room as a test wants.

use std::collections::BTreeMap;
use std::ops::{Bound, Range};
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream;
use parking_lot::Mutex;

use crate::ports::{
    Blob, BlobStore, ByteStream, Clock, Entry, Etag, Expect, Key, Meta, Page, StoreError, StoreErrorKind, SystemClock,
};

/// How much of a blob one piece of a stream holds.
const PIECE_BYTES: usize = 256 * 1024;

/// A map from key to bytes behind a lock.
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    capacity_bytes: Option<u64>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    blobs: BTreeMap<String, Blob>,
    /// How many bytes all blobs have together.
    used_bytes: u64,
    /// The latest version given to any blob.
    version: u64,
}

impl MemoryStore {
    /// An empty store that tells by `clock` when a blob was written.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, capacity_bytes: None, state: Mutex::default() }
    }

    /// The same with room for `capacity_bytes` of values.
    #[must_use]
    pub fn with_capacity(mut self, capacity_bytes: u64) -> Self {
        self.capacity_bytes = Some(capacity_bytes);
        self
    }

    fn write(&self, key: &Key, value: Bytes, expect: &Expect) -> Result<Etag, StoreError> {
        let mut state = self.state.lock();
        let old = state.blobs.get(key.as_str());
        if !holds(expect, old) {
            return Err(StoreError::new(StoreErrorKind::Conflict, key, "someone else wrote it before; read it again"));
        }
        let bytes = value.len() as u64;
        let used_bytes = state.used_bytes - old.map_or(0, |old| old.meta.bytes) + bytes;
        if self.capacity_bytes.is_some_and(|capacity| used_bytes > capacity) {
            return Err(StoreError::new(StoreErrorKind::Full, key, "the store has no room left"));
        }
        state.used_bytes = used_bytes;
        state.version += 1;
        let etag = Etag(format!("{:x}", state.version));
        let meta = Meta { etag: etag.clone(), bytes, modified: self.clock.now() };
        state.blobs.insert(key.as_str().to_owned(), Blob { value, meta });
        Ok(etag)
    }

    fn find(&self, key: &Key) -> Option<Blob> {
        self.state.lock().blobs.get(key.as_str()).cloned()
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new(Arc::new(SystemClock))
    }
}

fn holds(expect: &Expect, old: Option<&Blob>) -> bool {
    match expect {
        Expect::Any => true,
        Expect::Absent => old.is_none(),
        Expect::Etag(etag) => old.is_some_and(|old| old.meta.etag == *etag),
    }
}

fn absent(key: &Key) -> StoreError {
    StoreError::new(StoreErrorKind::NotFound, key, "there is no such blob")
}

/// The outcome of working on the caller's file.
fn file_failed(key: &Key, error: &std::io::Error) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, key, format!("the local file failed: {error}"))
}

#[async_trait]
impl BlobStore for MemoryStore {
    async fn put(&self, key: &Key, value: Bytes, expect: Expect) -> Result<Etag, StoreError> {
        self.write(key, value, &expect)
    }

    async fn put_file(&self, key: &Key, from: &Path, expect: Expect) -> Result<Etag, StoreError> {
        let value = tokio::fs::read(from).await.map_err(|error| file_failed(key, &error))?;
        let etag = self.write(key, value.into(), &expect)?;
        tokio::fs::remove_file(from).await.ok(); // the caller may as well
        Ok(etag)
    }

    async fn get(&self, key: &Key) -> Result<Option<Blob>, StoreError> {
        Ok(self.find(key))
    }

    async fn head(&self, key: &Key) -> Result<Option<Meta>, StoreError> {
        Ok(self.find(key).map(|blob| blob.meta))
    }

    async fn read(&self, key: &Key, range: Option<Range<u64>>) -> Result<(Meta, ByteStream), StoreError> {
        let Blob { value, meta } = self.find(key).ok_or_else(|| absent(key))?;
        let whole = value.len();
        let cut = |at: u64| usize::try_from(at).unwrap_or(whole).min(whole);
        let range = range.map_or(0..whole, |range| cut(range.start)..cut(range.end));
        let rest = if range.is_empty() { Bytes::new() } else { value.slice(range) };
        let pieces = stream::unfold(rest, |mut rest| async {
            let piece = rest.split_to(rest.len().min(PIECE_BYTES));
            (!piece.is_empty()).then_some((Ok(piece), rest))
        });
        Ok((meta, Box::pin(pieces)))
    }

    async fn fetch(&self, key: &Key, to: &Path) -> Result<Meta, StoreError> {
        let blob = self.find(key).ok_or_else(|| absent(key))?;
        tokio::fs::write(to, &blob.value).await.map_err(|error| file_failed(key, &error))?;
        Ok(blob.meta)
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        if let Some(old) = state.blobs.remove(key.as_str()) {
            state.used_bytes -= old.meta.bytes;
        }
        Ok(())
    }

    async fn list(&self, prefix: &str, after: Option<&Key>, limit: usize) -> Result<Page, StoreError> {
        let state = self.state.lock();
        let from = match after {
            Some(after) if after.as_str() >= prefix => Bound::Excluded(after.as_str()),
            _ => Bound::Included(prefix),
        };
        let mut rest =
            state.blobs.range::<str, _>((from, Bound::Unbounded)).take_while(|(key, _)| key.starts_with(prefix));
        let entry = |(key, blob): (&String, &Blob)| Entry { key: Key::new(key), meta: blob.meta.clone() };
        let entries = rest.by_ref().take(limit).map(entry).collect();
        Ok(Page { entries, more: rest.next().is_some() })
    }
}
