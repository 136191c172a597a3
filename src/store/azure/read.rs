//! Reading: "Get Blob" as one stream, gone on with after a break by a range of the same version.
//!
//! One request at a time, whose length is checked: the SDK's own parallel download takes a body that ends early for whole.

use std::ops::Range;

use actors::ports::{Blob, ByteStream, Etag, Key, Meta, StoreError};
use azure_core::http::headers::HeaderName;
use azure_core::http::response::AsyncResponseBody;
use azure_storage_blob::models::{
    BlobClientDownloadOptions, BlobClientDownloadResult, BlobClientGetPropertiesOptions,
    BlobClientGetPropertiesResultHeaders as _, HttpRange,
};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use std::num::NonZero;
use time::OffsetDateTime;

use super::AzureStore;
use super::error::{absent, broken_off, failed};
use super::write::MARK;
use crate::azure::{Fault, Meaning, Patience, Tries, within_reason};

/// Beyond the end of every blob, and a number that everybody can count to.
const WHOLE: u64 = 1 << 50;
/// How many breaks in a row, without a byte between them, end a read.
const MAX_BREAKS: u32 = 5;
/// How often a small blob is begun anew when it is replaced while it is read.
const MAX_ANEW: u32 = 5;

/// A read in the middle of it.
pub(super) struct Reading {
    store: AzureStore,
    key: Key,
    pub(super) meta: Meta,
    /// What is still to come.
    left: Range<u64>,
    body: Option<AsyncResponseBody>,
    breaks: u32,
    replaced: bool,
}

impl AzureStore {
    /// What is known of a blob, and the mark of the write that made it ("Get Blob Properties").
    pub(super) async fn properties(&self, key: &Key) -> Result<Option<(Meta, Option<String>)>, StoreError> {
        let method_options = Tries::default().options(Patience::SMALL);
        let options = BlobClientGetPropertiesOptions { method_options, ..BlobClientGetPropertiesOptions::default() };
        let blob = self.blob(key);
        let answer = match within_reason(blob.get_properties(Some(options))).await.map_err(Fault::from) {
            Ok(answer) => answer,
            Err(fault) if fault.meaning == Meaning::Absent => return Ok(None),
            Err(fault) => return Err(failed(key, fault)),
        };
        let headers = || -> azure_core::Result<_> {
            let meta = meta(answer.etag()?, answer.content_length()?, answer.last_modified()?);
            Ok(meta.zip(Some(answer.metadata()?.remove(MARK))))
        };
        headers()
            .map_err(|error| failed(key, error))?
            .map_or_else(|| Err(failed(key, incomplete())), |found| Ok(Some(found)))
    }

    /// Opens `range` of the blob, as the version `of` where one is named.
    pub(super) async fn open(&self, key: &Key, range: Range<u64>, of: Option<&Etag>) -> Result<Reading, Fault> {
        let answer = within_reason(self.ask(key, &range, of)).await?;
        let headers = &answer.properties;
        let whole = total(&answer).or(headers.content_length);
        let meta = meta(headers.etag.clone(), whole, headers.last_modified).ok_or_else(incomplete)?;
        let left = range.start.min(meta.bytes)..range.end.min(meta.bytes);
        let (store, key) = (self.clone(), key.clone());
        Ok(Reading { store, key, meta, left, body: Some(answer.body), breaks: 0, replaced: false })
    }

    /// One request for all of `range`.
    async fn ask(
        &self,
        key: &Key,
        range: &Range<u64>,
        of: Option<&Etag>,
    ) -> azure_core::Result<BlobClientDownloadResult> {
        let options = BlobClientDownloadOptions {
            if_match: of.and_then(quoted),
            method_options: Tries::default().options(Patience::SMALL),
            parallel: NonZero::new(1),
            partition_size: NonZero::new(usize::try_from(WHOLE).unwrap_or(usize::MAX)),
            range: Some(HttpRange::new(range.start, range.end - range.start)),
            ..BlobClientDownloadOptions::default()
        };
        self.blob(key).download(Some(options)).await
    }

    pub(super) async fn stream(&self, key: &Key, range: Option<Range<u64>>) -> Result<(Meta, ByteStream), StoreError> {
        let range = range.map_or(0..WHOLE, |range| range.start.min(WHOLE)..range.end.min(WHOLE));
        if range.is_empty() {
            return self.nothing_of(key).await;
        }
        match self.open(key, range, None).await {
            Ok(reading) => Ok((reading.meta.clone(), reading.into_stream())),
            Err(fault) if fault.meaning == Meaning::BeyondEnd => self.nothing_of(key).await,
            Err(fault) => Err(failed(key, fault)),
        }
    }

    async fn nothing_of(&self, key: &Key) -> Result<(Meta, ByteStream), StoreError> {
        let (meta, _) = self.properties(key).await?.ok_or_else(|| absent(key))?;
        Ok((meta, Box::pin(stream::empty())))
    }

    pub(super) async fn read_whole(&self, key: &Key) -> Result<Option<Blob>, StoreError> {
        let mut anew = 0;
        loop {
            let mut reading = match self.open(key, 0..WHOLE, None).await {
                Ok(reading) => reading,
                Err(fault) if fault.meaning == Meaning::Absent => return Ok(None),
                Err(fault) => return Err(failed(key, fault)),
            };
            match reading.collect().await {
                Ok(value) => return Ok(Some(Blob { value, meta: reading.meta })),
                Err(_) if reading.replaced && anew < MAX_ANEW => anew += 1,
                Err(error) => return Err(error),
            }
        }
    }
}

impl Reading {
    /// The next piece, or `None` at the end. Breaks are mended here.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        while !self.left.is_empty() {
            let piece = match &mut self.body {
                Some(body) => body.next().await,
                None => self.open_again().await?,
            };
            match piece {
                Some(Ok(mut piece)) if !piece.is_empty() => {
                    piece.truncate(usize::try_from(self.left.end - self.left.start).unwrap_or(usize::MAX));
                    self.left.start += piece.len() as u64;
                    self.breaks = 0;
                    return Ok(Some(piece));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => self.broke(Some(error))?,
                None => self.broke(None)?,
            }
        }
        Ok(None)
    }

    /// Notes that the body ended before its length.
    fn broke(&mut self, error: Option<azure_core::Error>) -> Result<(), StoreError> {
        self.body = None;
        self.breaks += 1;
        let why = error.map_or_else(|| "it ended early".to_owned(), |error| Fault::from(error).words);
        if self.breaks > MAX_BREAKS {
            return Err(broken_off(&self.key, &why));
        }
        tracing::debug!(key = %self.key, why, "reading broke, going on");
        Ok(())
    }

    /// Asks for the rest of the same version, and gives its first piece.
    async fn open_again(&mut self) -> Result<Option<azure_core::Result<Bytes>>, StoreError> {
        let again = self.store.open(&self.key, self.left.clone(), Some(&self.meta.etag)).await;
        let again = again.map_err(|fault| {
            self.replaced = matches!(fault.meaning, Meaning::Conflict | Meaning::Absent);
            let why = if self.replaced { "it was replaced or removed meanwhile" } else { &fault.words };
            broken_off(&self.key, why)
        })?;
        let body = self.body.insert(again.body.expect("an opened read has a body"));
        Ok(body.next().await)
    }

    /// All that is left.
    pub(super) async fn collect(&mut self) -> Result<Bytes, StoreError> {
        let mut value = BytesMut::with_capacity(usize::try_from(self.left.end - self.left.start).unwrap_or_default());
        while let Some(piece) = self.next().await? {
            value.extend_from_slice(&piece);
        }
        Ok(value.freeze())
    }

    fn into_stream(self) -> ByteStream {
        let pieces = stream::try_unfold(self, |mut reading| async {
            let piece = reading.next().await?;
            Ok(piece.map(|piece| (piece, reading)))
        });
        Box::pin(pieces.into_stream())
    }
}

/// A version as the store's callers know it: without the quotes that only some of Azure's answers have.
pub(super) fn known(etag: Option<azure_core::http::Etag>) -> Option<Etag> {
    let etag = String::from(etag?);
    Some(Etag(etag.trim_matches('"').to_owned()))
}

/// A version as Azure asks for it; `None` for what no version of Azure's could be.
pub(super) fn quoted(etag: &Etag) -> Option<azure_core::http::Etag> {
    let harmless = !etag.0.is_empty() && etag.0.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    harmless.then(|| format!("\"{}\"", etag.0).into())
}

pub(super) fn meta(
    etag: Option<azure_core::http::Etag>,
    bytes: Option<u64>,
    modified: Option<OffsetDateTime>,
) -> Option<Meta> {
    Some(Meta { etag: known(etag)?, bytes: bytes?, modified: modified? })
}

pub(super) fn incomplete() -> Fault {
    Fault::new(Meaning::Unknown, "Azure Storage's answer lacks the version, size or time")
}

/// The whole blob's size, which an answer with a part of it tells after the slash.
fn total(answer: &BlobClientDownloadResult) -> Option<u64> {
    let range = answer.headers.get_optional_str(&HeaderName::from_static("content-range"))?;
    range.rsplit_once('/')?.1.parse().ok()
}
