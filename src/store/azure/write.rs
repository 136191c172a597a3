//! Writing and removing: "Put Blob" for what is small, "Put Block" in parallel and "Put Block List" for what is large.
//!
//! Both are whole or nothing, and carry the caller's condition. A try whose answer was lost may have been carried out; then
//! the next try meets the first one's version and is told that its condition does not hold. So every write carries a mark of
//! its own, and a conflict after more than one try looks whether the mark is there. If it is, the write happened. If another
//! write came on top meanwhile the mark is gone and the answer is `Conflict`, as it is for a caller who asks again after
//! `Unavailable`: what stands in the blob then says who wrote it.
//!
//! Blocks of a write that was given up are never seen by anyone, and are thrown away by the service after a week.

use std::collections::HashMap;
use std::num::NonZero;
use std::path::Path;

use actors::model::JobId;
use actors::ports::{Etag, Expect, Key, StoreError};
use azure_core::http::{Body, RequestContent};
use azure_storage_blob::models::{BlobClientDeleteOptions, BlobClientUploadOptions};
use azure_storage_blob::stream::tokio::FileStream;
use bytes::Bytes;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use super::AzureStore;
use super::error::{conflict, failed, local};
use super::read::{known, quoted};
use crate::azure::{Fault, Meaning, Patience, Tries, within_reason};

/// The name of the mark among a blob's metadata.
pub(super) const MARK: &str = "heavyliftwrite";
/// What is larger is written in blocks of this size: with [`PARALLEL`] of them in memory.
const BLOCK_BYTES: u64 = 4 * 1024 * 1024;
/// How many blocks are on their way at once.
const PARALLEL: NonZero<usize> = NonZero::new(4).expect("not zero");
/// How many blocks a blob can have ("Scalability and performance targets for Blob Storage").
const MAX_BLOCKS: u64 = 50_000;
/// Up to here a request counts as small.
const SMALL_BYTES: u64 = 64 * 1024;

impl AzureStore {
    pub(super) async fn put_bytes(&self, key: &Key, value: Bytes, expect: &Expect) -> Result<Etag, StoreError> {
        let bytes = value.len() as u64;
        self.upload(key, Body::Bytes(value), bytes, expect).await
    }

    pub(super) async fn put_local(&self, key: &Key, from: &Path, expect: &Expect) -> Result<Etag, StoreError> {
        let failed = |error| local(key, &error);
        let mut file = File::open(from).await.map_err(failed)?;
        let bytes = file.metadata().await.map_err(failed)?.len();
        if bytes <= BLOCK_BYTES {
            let mut value = Vec::with_capacity(usize::try_from(bytes).unwrap_or_default());
            file.read_to_end(&mut value).await.map_err(failed)?;
            return self.put_bytes(key, value.into(), expect).await;
        }
        let stream = FileStream::builder(file).build().await.map_err(|error| failed_to_read(key, error))?;
        self.upload(key, stream.into(), bytes, expect).await
    }

    async fn upload(&self, key: &Key, body: Body, bytes: u64, expect: &Expect) -> Result<Etag, StoreError> {
        let (tries, mark) = (Tries::default(), JobId::random().to_string());
        let patience = if bytes <= SMALL_BYTES { Patience::SMALL } else { Patience::LARGE };
        let mut options = BlobClientUploadOptions {
            metadata: Some(HashMap::from([(MARK.to_owned(), mark.clone())])),
            method_options: tries.options(patience),
            parallel: Some(PARALLEL),
            partition_size: NonZero::new(BLOCK_BYTES.max(bytes.div_ceil(MAX_BLOCKS))),
            ..BlobClientUploadOptions::default()
        };
        match expect {
            Expect::Any => {}
            Expect::Absent => options.if_none_match = Some("*".into()),
            Expect::Etag(etag) => options.if_match = Some(quoted(etag).ok_or_else(|| conflict(key))?),
        }
        let blob = self.blob(key);
        let content: RequestContent<_, _> = body.into();
        let request = blob.upload(content, Some(options));
        // Blocks are each tried within reason; all of them together take as long as they take.
        let outcome = if bytes <= BLOCK_BYTES { within_reason(request).await } else { request.await };
        match outcome.map_err(Fault::from) {
            Ok(written) => known(written.etag).ok_or_else(|| failed(key, no_version())),
            Err(fault) if refuses(&fault, expect) => {
                if tries.were_many() {
                    self.find_mark(key, &mark).await
                } else {
                    Err(conflict(key))
                }
            }
            Err(fault) => Err(failed(key, fault)),
        }
    }

    /// The version that one of our own tries wrote, whose answer was lost; or the conflict that it was.
    async fn find_mark(&self, key: &Key, mark: &str) -> Result<Etag, StoreError> {
        match self.properties(key).await? {
            Some((meta, found)) if found.as_deref() == Some(mark) => Ok(meta.etag),
            _ => Err(conflict(key)),
        }
    }

    pub(super) async fn remove(&self, key: &Key) -> Result<(), StoreError> {
        let method_options = Tries::default().options(Patience::SMALL);
        let options = BlobClientDeleteOptions { method_options, ..BlobClientDeleteOptions::default() };
        let blob = self.blob(key);
        match within_reason(blob.delete(Some(options))).await.map_err(Fault::from) {
            Ok(_) => Ok(()),
            Err(fault) if fault.meaning == Meaning::Absent => Ok(()),
            Err(fault) => Err(failed(key, fault)),
        }
    }
}

/// A version of a blob that is gone is refused as a version that never was; and who lost blocks lost them to another write.
fn refuses(fault: &Fault, expect: &Expect) -> bool {
    match fault.meaning {
        Meaning::Conflict => true,
        Meaning::Absent => matches!(expect, Expect::Etag(_)),
        Meaning::BlocksLost => *expect != Expect::Any,
        _ => false,
    }
}

fn no_version() -> Fault {
    Fault::new(Meaning::Unknown, "Azure Storage did not say which version it wrote")
}

fn failed_to_read(key: &Key, error: azure_core::Error) -> StoreError {
    match error.downcast_ref::<std::io::Error>() {
        Some(io) => local(key, io),
        None => failed(key, error),
    }
}
