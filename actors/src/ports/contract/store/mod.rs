//! What every store promises. The steps are grouped by file; each works in an area of the store of its own.

mod files;
mod listing;
mod reads;
mod versions;
mod writes;

use std::path::Path;

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt as _;

use crate::model::JobId;
use crate::ports::{Blob, BlobStore, ByteStream, Etag, Expect, Key, StoreError, StoreErrorKind};

/// Checks every promise of [`BlobStore`]. `scratch` is an empty folder for local files; the store may hold other blobs.
///
/// # Panics
/// When a promise is not kept.
pub async fn store(store: &dyn BlobStore, scratch: &Path) {
    let area = |name| Area { store, scratch, prefix: format!("contract-{}/{name}/", JobId::random()) };
    writes::check(&area("writes")).await;
    versions::check(&area("versions")).await;
    reads::check(&area("reads")).await;
    files::check(&area("files")).await;
    listing::check(&area("listing")).await;
}

/// A part of the store that nobody else uses, with shorthands for what the steps do all the time.
struct Area<'a> {
    store: &'a dyn BlobStore,
    scratch: &'a Path,
    prefix: String,
}

impl Area<'_> {
    fn key(&self, name: &str) -> Key {
        Key::new(format!("{}{name}", self.prefix))
    }

    async fn put(&self, name: &str, value: impl Into<Bytes>) -> Etag {
        let key = self.key(name);
        self.store.put(&key, value.into(), Expect::Any).await.unwrap_or_else(|error| panic!("put failed: {error}"))
    }

    /// What becomes of a conditional write.
    async fn put_if(&self, name: &str, value: &'static str, expect: Expect) -> Result<Etag, StoreErrorKind> {
        let key = self.key(name);
        self.store.put(&key, value.into(), expect).await.map_err(|error| {
            assert!(error.message.contains(key.as_str()), "an error names its key, got {:?}", error.message);
            error.kind
        })
    }

    async fn get(&self, name: &str) -> Option<Blob> {
        self.store.get(&self.key(name)).await.unwrap_or_else(|error| panic!("get failed: {error}"))
    }

    async fn value(&self, name: &str) -> Option<Bytes> {
        self.get(name).await.map(|blob| blob.value)
    }

    async fn delete(&self, name: &str) {
        self.store.delete(&self.key(name)).await.unwrap_or_else(|error| panic!("delete failed: {error}"));
    }
}

/// All of a stream.
async fn drain(mut stream: ByteStream) -> Result<Bytes, StoreError> {
    let mut all = BytesMut::new();
    while let Some(piece) = stream.try_next().await? {
        all.extend_from_slice(&piece);
    }
    Ok(all.freeze())
}

/// `bytes` bytes of which no two neighbouring blocks are alike, so that a misplaced piece is noticed.
fn pattern(bytes: u32) -> Bytes {
    (0..bytes).map(|at| (at ^ (at >> 8) ^ (at >> 16)).to_le_bytes()[0]).collect()
}
