//! Bringing a blob to local disk: what is large comes in parts, several at once, all of one version.

use std::ops::Range;
use std::path::Path;

use actors::ports::{Key, Meta, StoreError};
use futures_util::future::try_join;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::fs::File;
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _, BufWriter};

use super::AzureStore;
use super::error::{broken_off, failed, local};
use super::read::Reading;
use crate::azure::Meaning;

/// The size of a part.
const PART_BYTES: u64 = 16 * 1024 * 1024;
/// How many parts come at once; of each only what was just received is in memory.
const PARALLEL: usize = 4;
/// How much is gathered before the disk is bothered.
const BUFFER_BYTES: usize = 256 * 1024;

impl AzureStore {
    pub(super) async fn bring(&self, key: &Key, to: &Path) -> Result<Meta, StoreError> {
        tokio::fs::remove_file(to).await.ok(); // fetched before; what cannot be removed shows below
        let brought = self.bring_parts(key, to).await;
        if brought.is_err() {
            tokio::fs::remove_file(to).await.ok();
        }
        brought
    }

    async fn bring_parts(&self, key: &Key, to: &Path) -> Result<Meta, StoreError> {
        let first = self.open(key, 0..PART_BYTES, None).await.map_err(|fault| failed(key, fault))?;
        let meta = first.meta.clone();
        File::create_new(to).await.map_err(|error| local(key, &error))?;
        let rest = stream::iter(parts(meta.bytes))
            .map(|part| self.bring_part(key, to, part, &meta))
            .buffer_unordered(PARALLEL - 1)
            .try_collect::<()>();
        try_join(write(key, to, 0, first), rest).await?;
        Ok(meta)
    }

    async fn bring_part(&self, key: &Key, to: &Path, part: Range<u64>, meta: &Meta) -> Result<(), StoreError> {
        let start = part.start;
        let reading = self.open(key, part, Some(&meta.etag)).await.map_err(|fault| match fault.meaning {
            Meaning::Conflict | Meaning::Absent => broken_off(key, "it was replaced or removed meanwhile"),
            _ => failed(key, fault),
        })?;
        write(key, to, start, reading).await
    }
}

fn parts(bytes: u64) -> impl Iterator<Item = Range<u64>> + Send {
    let starts = (PART_BYTES..bytes).step_by(usize::try_from(PART_BYTES).expect("a small number"));
    starts.map(move |start| start..bytes.min(start + PART_BYTES))
}

async fn write(key: &Key, to: &Path, at: u64, mut reading: Reading) -> Result<(), StoreError> {
    let failed = |error| local(key, &error);
    let mut file = File::options().write(true).open(to).await.map_err(failed)?;
    file.seek(std::io::SeekFrom::Start(at)).await.map_err(failed)?;
    let mut file = BufWriter::with_capacity(BUFFER_BYTES, file);
    while let Some(piece) = reading.next().await? {
        file.write_all(&piece).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)
}
