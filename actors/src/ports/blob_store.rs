//! Where bytes live: job records, artifacts, workspace files.
//!
//! Implemented by `memory` (tests), and in the server crate for one machine's disk and for Azure. Callers are `Records`,
//! `Workspace` and the file routes. Nothing here knows what a job is.

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::pin::Pin;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::Key;

/// A version of a blob: equal for equal versions, never used again for another one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Etag(pub String);

/// What must be true of a blob for a write to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Nothing: the last writer wins.
    Any,
    /// There is no blob under the key.
    Absent,
    /// The blob is this version.
    Etag(Etag),
}

/// What is known of a blob without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Its version.
    pub etag: Etag,
    /// How many bytes it has.
    pub bytes: u64,
    /// When it was written.
    pub modified: OffsetDateTime,
}

/// A small blob, whole.
#[derive(Clone, Debug)]
pub struct Blob {
    /// Its bytes.
    pub value: Bytes,
    /// Its version and size.
    pub meta: Meta,
}

/// One line of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The blob's key.
    pub key: Key,
    /// Its version and size.
    pub meta: Meta,
}

/// A part of a listing.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// In order of key.
    pub entries: Vec<Entry>,
    /// Whether there may be more after the last entry.
    pub more: bool,
}

/// How a store is to answer whoever comes with an address of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectTerms {
    /// The last moment at which the address may work.
    pub until: OffsetDateTime,
    /// The name under which the file is to be saved.
    pub file_name: String,
    /// The media type to send.
    pub mime: String,
}

/// A blob's bytes, piece by piece. Dropping it ends the read.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, StoreError>> + Send>>;

/// What the caller can do about a failed store operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// `Expect` did not hold: read again, decide again.
    Conflict,
    /// There is no such blob.
    NotFound,
    /// There is no room; nothing was written. Try again later.
    Full,
    /// The name cannot be used here (a folder stands where the file should go): choose another.
    Invalid,
    /// The outcome is unknown: ask again with the same arguments.
    Unavailable,
}

/// A failed store operation.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    /// What the caller can do about it.
    pub kind: StoreErrorKind,
    /// For people: lowercase, names the key, no path of the host.
    pub message: String,
}

impl StoreError {
    /// An error of `kind` about `key`.
    pub fn new(kind: StoreErrorKind, key: impl fmt::Display, what: impl fmt::Display) -> Self {
        Self { kind, message: format!("{key}: {what}") }
    }
}

/// A flat map from key to bytes, strong enough to keep a job's truth in.
///
/// # Contract
/// - **Atomic**: a reader sees a whole value or none; a crash during `put` leaves the old value.
/// - **Durable**: when `put` returns, the value survives the process and the machine's power.
/// - **Ordered**: a read that starts after a write returned sees it, from any replica.
/// - **Conditional**: of two writers with the same `Expect::Etag` (or both `Absent`), exactly one wins; the other gets
///   [`StoreErrorKind::Conflict`].
/// - **Repeatable**: calling anything twice does no more than calling it once; deleting what is absent is not an error.
/// - **Prompt about room**: a write that does not fit ends with `Full` and leaves the old value readable.
///
/// A wrapper must forward every method. `contract::store` checks all of this for any implementation.
#[async_trait]
pub trait BlobStore: Send + Sync {
    /// Writes `value` under `key` if `expect` holds, and returns the new version. For records and small files.
    ///
    /// # Errors
    /// `Conflict` when `expect` does not hold; `Full` when there is no room; `Invalid` for a name that cannot be used;
    /// `Unavailable` when the outcome is unknown.
    async fn put(&self, key: &Key, value: Bytes, expect: Expect) -> Result<Etag, StoreError>;

    /// Like [`put`](Self::put), with the bytes of the local file `from`, which is used up: afterwards it is gone or may be removed.
    ///
    /// # Errors
    /// As [`put`](Self::put). After an error `from` is still there.
    async fn put_file(&self, key: &Key, from: &Path, expect: Expect) -> Result<Etag, StoreError>;

    /// A small blob, whole, or `None`.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn get(&self, key: &Key) -> Result<Option<Blob>, StoreError>;

    /// What is known of a blob, or `None`.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn head(&self, key: &Key) -> Result<Option<Meta>, StoreError>;

    /// The bytes of `range` (all of the blob where it is `None`), as one version of it: never the beginning of one and the
    /// end of another. A range beyond the end is cut to it.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable`, also in the stream.
    async fn read(&self, key: &Key, range: Option<Range<u64>>) -> Result<(Meta, ByteStream), StoreError>;

    /// Brings the blob to the new local file `to` and returns what it brought. The file is to be read only: it may share
    /// its bytes with the store.
    ///
    /// # Errors
    /// `NotFound`; `Full` when there is no room at `to`; `Conflict` where it changed meanwhile, which only happens over files that
    /// others change in place; `Unavailable`.
    async fn fetch(&self, key: &Key, to: &Path) -> Result<Meta, StoreError>;

    /// Removes the blob. What reads it already keeps what it reads.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn delete(&self, key: &Key) -> Result<(), StoreError>;

    /// At most `limit` blobs whose key begins with `prefix` and comes after `after`, in order of key (bytewise).
    ///
    /// # Errors
    /// `Unavailable`.
    async fn list(&self, prefix: &str, after: Option<&Key>, limit: usize) -> Result<Page, StoreError>;

    /// Whether [`fetch`](Self::fetch) costs next to nothing, since the bytes are on this machine's disk and can be shared: then
    /// nobody keeps copies of what was fetched.
    fn is_local(&self) -> bool {
        false
    }

    /// An address at which anyone can read this one blob from the store itself, with ranges, until `terms.until` and no longer,
    /// so that its bytes bypass the server; `None` where the store has no such addresses. It says nothing of whether there is
    /// such a blob, and is a secret like the right it stands for: it goes to the caller and into no log.
    ///
    /// # Errors
    /// `Unavailable` when the address cannot be made just now.
    async fn direct_link(&self, key: &Key, terms: &DirectTerms) -> Result<Option<String>, StoreError> {
        let _ = (key, terms);
        Ok(None)
    }
}
