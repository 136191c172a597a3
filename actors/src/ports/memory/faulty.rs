//! A store that fails when a test says so: at a chosen write, before or after it took effect.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;

use crate::ports::{
    Blob, BlobStore, ByteStream, DirectTerms, Etag, Expect, Key, Meta, Page, StoreError, StoreErrorKind,
};

/// How a planned failure looks from the store's side; the caller is told `Unavailable` in both cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing was written.
    Before,
    /// It was written, and the answer was lost.
    After,
}

/// Passes everything on to another store, keeps a list of the writes, and fails as planned. Reads never fail.
pub struct FaultyStore {
    inner: Arc<dyn BlobStore>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    writes: Vec<String>,
    plan: Option<Plan>,
}

#[derive(Clone, Copy)]
struct Plan {
    at: usize,
    fault: Fault,
    for_good: bool,
}

impl FaultyStore {
    /// A store that does not fail until it is told to.
    pub fn new(inner: Arc<dyn BlobStore>) -> Self {
        Self { inner, state: Mutex::default() }
    }

    /// Fails at write number `at` (from 1, counted since the beginning) and not at later ones.
    pub fn fail_once(&self, at: usize, fault: Fault) {
        self.state.lock().plan = Some(Plan { at, fault, for_good: false });
    }

    /// Fails at write number `at` (from 1, counted since the beginning), and at every later one before it takes effect: to
    /// the store, the process is dead.
    pub fn die(&self, at: usize, fault: Fault) {
        self.state.lock().plan = Some(Plan { at, fault, for_good: true });
    }

    /// Fails no more.
    pub fn recover(&self) {
        self.state.lock().plan = None;
    }

    /// Every write that was tried, in order, like `put jobs/1/job.json`.
    pub fn writes(&self) -> Vec<String> {
        self.state.lock().writes.clone()
    }

    /// Notes a write and says whether it is to fail.
    fn next(&self, what: &str, key: &Key) -> Option<Fault> {
        let mut state = self.state.lock();
        state.writes.push(format!("{what} {key}"));
        let plan = state.plan?;
        let number = state.writes.len();
        if number == plan.at {
            return Some(plan.fault);
        }
        (plan.for_good && number > plan.at).then_some(Fault::Before)
    }
}

fn lost<T>(key: &Key) -> Result<T, StoreError> {
    Err(StoreError::new(StoreErrorKind::Unavailable, key, "a planned failure"))
}

#[async_trait]
impl BlobStore for FaultyStore {
    async fn put(&self, key: &Key, value: Bytes, expect: Expect) -> Result<Etag, StoreError> {
        let fault = self.next("put", key);
        if fault == Some(Fault::Before) {
            return lost(key);
        }
        let answer = self.inner.put(key, value, expect).await;
        if fault.is_some() { lost(key) } else { answer }
    }

    async fn put_file(&self, key: &Key, from: &Path, expect: Expect) -> Result<Etag, StoreError> {
        match self.next("put_file", key) {
            None => self.inner.put_file(key, from, expect).await,
            Some(Fault::Before) => lost(key),
            Some(Fault::After) => {
                // After an error the caller's file is still there: the store uses up a twin.
                let twin = from.with_added_extension("twin");
                tokio::fs::copy(from, &twin).await.map_err(|error| {
                    StoreError::new(StoreErrorKind::Unavailable, key, format!("the local file failed: {error}"))
                })?;
                self.inner.put_file(key, &twin, expect).await.ok();
                tokio::fs::remove_file(&twin).await.ok();
                lost(key)
            }
        }
    }

    async fn get(&self, key: &Key) -> Result<Option<Blob>, StoreError> {
        self.inner.get(key).await
    }

    async fn head(&self, key: &Key) -> Result<Option<Meta>, StoreError> {
        self.inner.head(key).await
    }

    async fn read(&self, key: &Key, range: Option<Range<u64>>) -> Result<(Meta, ByteStream), StoreError> {
        self.inner.read(key, range).await
    }

    async fn fetch(&self, key: &Key, to: &Path) -> Result<Meta, StoreError> {
        self.inner.fetch(key, to).await
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        let fault = self.next("delete", key);
        if fault == Some(Fault::Before) {
            return lost(key);
        }
        let answer = self.inner.delete(key).await;
        if fault.is_some() { lost(key) } else { answer }
    }

    async fn list(&self, prefix: &str, after: Option<&Key>, limit: usize) -> Result<Page, StoreError> {
        self.inner.list(prefix, after, limit).await
    }

    fn is_local(&self) -> bool {
        self.inner.is_local()
    }

    async fn direct_link(&self, key: &Key, terms: &DirectTerms) -> Result<Option<String>, StoreError> {
        self.inner.direct_link(key, terms).await
    }
}
