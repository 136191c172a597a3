//! Reading: a file is opened once and read from that handle, which keeps its version whatever becomes of the name.

use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use actors::ports::{Blob, ByteStream, Key, Meta, StoreError};
use bytes::Bytes;
use futures_util::stream;
use rustix::fs::{AtFlags, CWD, linkat};

use super::disk::Disk;
use super::error::{absent, failed, unknown};
use super::version::Version;

/// How much of a file one piece of a stream holds.
const PIECE_BYTES: u64 = 256 * 1024;

impl Disk {
    pub(super) fn get(&self, key: &Key) -> Result<Option<Blob>, StoreError> {
        let Some((mut file, version)) = self.open_blob(key)? else { return Ok(None) };
        let mut value = Vec::with_capacity(usize::try_from(version.bytes()).unwrap_or(0));
        file.read_to_end(&mut value).map_err(|error| unknown(key, error))?;
        Ok(Some(Blob { value: value.into(), meta: version.meta() }))
    }

    pub(super) fn head(&self, key: &Key) -> Result<Option<Meta>, StoreError> {
        let _reader = self.stripe(key).read();
        let stat = self.tree.find(key).and_then(|place| place.map_or(Ok(None), |place| place.stat()));
        let stat = stat.map_err(|error| unknown(key, error))?;
        Ok(stat.and_then(|stat| Version::of_stat(&stat)).map(Version::meta))
    }

    pub(super) fn read(&self, key: &Key, range: Option<Range<u64>>) -> Result<(Meta, ByteStream), StoreError> {
        let (file, version) = self.open_blob(key)?.ok_or_else(|| absent(key))?;
        let bytes = version.bytes();
        let range = range.map_or(0..bytes, |range| range.start.min(bytes)..range.end.min(bytes));
        Ok((version.meta(), pieces(key.clone(), file, range, |_| Ok(()))))
    }

    /// Opens the blob as it is now, or nothing where there is none or something that is no file.
    fn open_blob(&self, key: &Key) -> Result<Option<(File, Version)>, StoreError> {
        let _reader = self.stripe(key).read();
        let opened = self.tree.open(key).map_err(|error| unknown(key, error))?;
        Ok(opened.map(|(file, known)| (file, Version::of(&known))))
    }

    pub(super) fn fetch(&self, key: &Key, to: &Path) -> Result<Meta, StoreError> {
        std::fs::remove_file(to).ok(); // fetched before; what cannot be removed shows below
        if let Some(meta) = self.link(key, to)? {
            return Ok(meta);
        }
        let (mut file, version) = self.open_blob(key)?.ok_or_else(|| absent(key))?;
        let copied = File::create_new(to).and_then(|mut copy| io::copy(&mut file, &mut copy));
        copied.map_err(|error| {
            std::fs::remove_file(to).ok();
            failed(key, error)
        })?;
        Ok(version.meta())
    }

    /// Gives the blob's file the second name `to`, where the disk can; else nothing was done.
    fn link(&self, key: &Key, to: &Path) -> Result<Option<Meta>, StoreError> {
        let _reader = self.stripe(key).read();
        let place = self.tree.find(key).map_err(|error| unknown(key, error))?.ok_or_else(|| absent(key))?;
        if linkat(&place.folder, place.name, CWD, to, AtFlags::empty()).is_err() {
            return Ok(None);
        }
        match std::fs::symlink_metadata(to) {
            Ok(known) if known.is_file() => Ok(Some(Version::of(&known).meta())),
            _ => {
                std::fs::remove_file(to).ok(); // it was a link, and is none of the store's blobs
                Err(absent(key))
            }
        }
    }
}

/// The bytes of `range`, each piece passed on only if `check` still finds the file as it should be.
pub(in crate::store) fn pieces(
    key: Key,
    file: File,
    range: Range<u64>,
    check: impl Fn(&File) -> io::Result<()> + Clone + Send + 'static,
) -> ByteStream {
    let file = Arc::new(file);
    Box::pin(stream::try_unfold(range, move |left| {
        let (key, file, check) = (key.clone(), Arc::clone(&file), check.clone());
        async move {
            if left.is_empty() {
                return Ok(None);
            }
            let piece = left.start..left.end.min(left.start + PIECE_BYTES);
            let rest = piece.end..left.end;
            let read = move || read_at(&file, &piece).and_then(|bytes| check(&file).map(|()| bytes));
            let read = tokio::task::spawn_blocking(read).await;
            let bytes =
                read.unwrap_or_else(|lost| Err(io::Error::other(lost))).map_err(|error| unknown(&key, error))?;
            Ok(Some((bytes, rest)))
        }
    }))
}

fn read_at(file: &File, range: &Range<u64>) -> io::Result<Bytes> {
    let mut bytes = vec![0; usize::try_from(range.end - range.start).expect("at most a piece")];
    file.read_exact_at(&mut bytes, range.start)?;
    Ok(bytes.into())
}
