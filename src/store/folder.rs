//! A folder that others own and change: what `--mount NAME=file:///…` shows. It is only ever read.
//!
//! Nothing is locked or left there. A symbolic link in it is as if it were not there, so nothing outside is reached. Files may
//! change in place while they are read, so a version is told by size, inode and both times of a file, `fetch` copies (which
//! costs nothing on disks that share blocks), and whatever changes under a read fails that read. What the system's clock
//! cannot tell apart, two changes within one of its ticks that leave the size as it was, is not told apart here.

#[cfg(test)]
mod tests;

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::ops::Range;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use actors::ports::{Blob, BlobStore, ByteStream, Etag, Expect, Key, Meta, Page, StoreError, StoreErrorKind};
use async_trait::async_trait;
use bytes::Bytes;
use rustix::fs::{FileType, Stat};
use time::OffsetDateTime;

use super::local::error::{absent, failed, invalid, unknown};
use super::local::read::pieces;
use super::local::tree::Tree;

/// A folder of somebody else's.
#[derive(Clone, Debug)]
pub struct FolderStore {
    tree: Arc<Tree>,
}

impl FolderStore {
    /// The folder at `root`.
    ///
    /// # Errors
    /// When it is no folder, or may not be read.
    pub fn open(root: &Path) -> io::Result<Self> {
        let root = File::open(root)?;
        if !root.metadata()?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self { tree: Arc::new(Tree::new(root, &[])) })
    }

    /// Does `work` where it may wait for the disk.
    async fn work<T: Send + 'static>(
        &self,
        about: &str,
        work: impl FnOnce(&Tree) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let tree = Arc::clone(&self.tree);
        let done = tokio::task::spawn_blocking(move || work(&tree)).await;
        done.unwrap_or_else(|lost| Err(StoreError::new(StoreErrorKind::Unavailable, about, lost)))
    }
}

#[async_trait]
impl BlobStore for FolderStore {
    async fn put(&self, key: &Key, _: Bytes, _: Expect) -> Result<Etag, StoreError> {
        Err(read_only(key))
    }

    async fn put_file(&self, key: &Key, _: &Path, _: Expect) -> Result<Etag, StoreError> {
        Err(read_only(key))
    }

    async fn get(&self, key: &Key) -> Result<Option<Blob>, StoreError> {
        let key = key.clone();
        self.work(key.clone().as_str(), move |tree| get(tree, &key)).await
    }

    async fn head(&self, key: &Key) -> Result<Option<Meta>, StoreError> {
        let key = key.clone();
        self.work(key.clone().as_str(), move |tree| {
            let stat = tree.find(&key).and_then(|place| place.map_or(Ok(None), |place| place.stat()));
            Ok(stat.map_err(|error| unknown(&key, error))?.as_ref().and_then(meta_of_stat))
        })
        .await
    }

    async fn read(&self, key: &Key, range: Option<Range<u64>>) -> Result<(Meta, ByteStream), StoreError> {
        let key = key.clone();
        self.work(key.clone().as_str(), move |tree| read(tree, &key, range)).await
    }

    async fn fetch(&self, key: &Key, to: &Path) -> Result<Meta, StoreError> {
        let (key, to) = (key.clone(), to.to_owned());
        self.work(key.clone().as_str(), move |tree| fetch(tree, &key, &to)).await
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        Err(read_only(key))
    }

    async fn list(&self, prefix: &str, after: Option<&Key>, limit: usize) -> Result<Page, StoreError> {
        let (prefix, after) = (prefix.to_owned(), after.cloned());
        self.work(&prefix.clone(), move |tree| tree.list(&prefix, after.as_ref(), limit, meta_of_stat)).await
    }
}

fn get(tree: &Tree, key: &Key) -> Result<Option<Blob>, StoreError> {
    let Some((mut file, known)) = tree.open(key).map_err(|error| unknown(key, error))? else { return Ok(None) };
    let mut value = Vec::new();
    file.read_to_end(&mut value).map_err(|error| unknown(key, error))?;
    unchanged(key, &file, &known)?;
    Ok(Some(Blob { value: value.into(), meta: meta_of(&known) }))
}

fn read(tree: &Tree, key: &Key, range: Option<Range<u64>>) -> Result<(Meta, ByteStream), StoreError> {
    let (file, known) = tree.open(key).map_err(|error| unknown(key, error))?.ok_or_else(|| absent(key))?;
    let bytes = known.len();
    let range = range.map_or(0..bytes, |range| range.start.min(bytes)..range.end.min(bytes));
    let etag = etag_of(&known);
    let check = move |file: &File| {
        let same = etag_of(&file.metadata()?) == etag;
        if same { Ok(()) } else { Err(io::Error::other("the file changed while it was read")) }
    };
    Ok((meta_of(&known), pieces(key.clone(), file, range, check)))
}

fn fetch(tree: &Tree, key: &Key, to: &Path) -> Result<Meta, StoreError> {
    let (mut file, known) = tree.open(key).map_err(|error| unknown(key, error))?.ok_or_else(|| absent(key))?;
    std::fs::remove_file(to).ok(); // fetched before; what cannot be removed shows below
    let copied = File::create_new(to).and_then(|mut copy| io::copy(&mut file, &mut copy));
    let settled = copied.map_err(|error| failed(key, error)).and_then(|_| unchanged(key, &file, &known));
    if let Err(error) = settled {
        std::fs::remove_file(to).ok();
        return Err(error);
    }
    Ok(meta_of(&known))
}

/// # Errors
/// `Conflict` when the file is not what it was when it was opened.
fn unchanged(key: &Key, file: &File, known: &Metadata) -> Result<(), StoreError> {
    let now = file.metadata().map_err(|error| unknown(key, error))?;
    if etag_of(&now) == etag_of(known) {
        return Ok(());
    }
    Err(StoreError::new(StoreErrorKind::Conflict, key, "it changed while it was read; try again once it is still"))
}

fn read_only(key: &Key) -> StoreError {
    invalid(key, "it is mounted to be read only; choose another name")
}

/// What tells one version of a file from another. Its owner can set the time of its content, but not that of its last change.
#[derive(Clone, Copy)]
struct Marks {
    inode: u64,
    bytes: u64,
    written: (i64, i64),
    changed: (i64, i64),
}

impl Marks {
    fn etag(self) -> Etag {
        let Self { inode, bytes, written, changed } = self;
        let nanos = |(seconds, nanos): (i64, i64)| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        Etag(format!("{inode:x}-{bytes:x}-{:x}-{:x}", nanos(written), nanos(changed)))
    }

    fn meta(self) -> Meta {
        let (seconds, nanos) = self.written;
        let written = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        let modified = OffsetDateTime::from_unix_timestamp_nanos(written).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        Meta { etag: self.etag(), bytes: self.bytes, modified }
    }
}

fn marks(known: &Metadata) -> Marks {
    Marks {
        inode: known.ino(),
        bytes: known.len(),
        written: (known.mtime(), known.mtime_nsec()),
        changed: (known.ctime(), known.ctime_nsec()),
    }
}

fn meta_of(known: &Metadata) -> Meta {
    marks(known).meta()
}

fn etag_of(known: &Metadata) -> Etag {
    marks(known).etag()
}

/// What is known of a file by its `stat`; `None` for what is no plain file.
fn meta_of_stat(stat: &Stat) -> Option<Meta> {
    let whole = |nanos| i64::try_from(nanos).unwrap_or(0);
    let marks = Marks {
        inode: stat.st_ino,
        bytes: u64::try_from(stat.st_size).unwrap_or(0),
        written: (stat.st_mtime, whole(stat.st_mtime_nsec)),
        changed: (stat.st_ctime, whole(stat.st_ctime_nsec)),
    };
    FileType::from_raw_mode(stat.st_mode).is_file().then(|| marks.meta())
}
