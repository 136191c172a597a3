//! Files that are being written. Each is gone when its draft is dropped, unless it was published.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use actors::ports::Etag;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, openat, renameat, unlinkat};

use super::tree::Place;
use super::version::{Stamp, Version};

/// The folder of drafts, emptied at start.
#[derive(Debug)]
pub(super) struct Drafts {
    folder: File,
    /// The number of the next one.
    next: AtomicU64,
}

/// A file that is to become a blob.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    drafts: &'a Drafts,
    name: String,
    pub(super) file: File,
}

impl Drafts {
    pub(super) fn new(folder: File) -> Self {
        Self { folder, next: AtomicU64::new(0) }
    }

    /// An empty file. Nobody may change it once it is published, so nobody may write to it but by this handle.
    pub(super) fn create(&self) -> io::Result<Draft<'_>> {
        let name = self.name();
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = File::from(openat(&self.folder, &name, flags, Mode::from_raw_mode(0o400))?);
        Ok(Draft { drafts: self, name, file })
    }

    /// The caller's file itself, or `None` where its bytes must be copied: it is on another disk, or it is known by other
    /// names, too, whose times and bytes are not ours to change.
    pub(super) fn adopt(&self, from: &Path) -> io::Result<Option<Draft<'_>>> {
        let name = self.name();
        if linkat(CWD, from, &self.folder, &name, AtFlags::empty()).is_err() {
            return Ok(None);
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file =
            openat(&self.folder, &name, flags, Mode::empty()).map(File::from).inspect_err(|_| self.remove(&name))?;
        let draft = Draft { drafts: self, name, file };
        let known = draft.file.metadata()?;
        let ours_alone = known.is_file() && known.nlink() == 2; // the caller's name and the draft's
        if !ours_alone {
            return Ok(None);
        }
        let owner_reads = std::fs::Permissions::from_mode(0o400);
        Ok(draft.file.set_permissions(owner_reads).is_ok().then_some(draft))
    }

    fn name(&self) -> String {
        self.next.fetch_add(1, Ordering::Relaxed).to_string()
    }

    fn remove(&self, name: &str) {
        unlinkat(&self.folder, name, AtFlags::empty()).ok(); // else the next start does
    }
}

impl Draft<'_> {
    /// Gives the file its time and puts it on the disk.
    pub(super) fn seal(&self, stamp: Stamp) -> io::Result<()> {
        self.file.set_modified(stamp.time())?;
        self.file.sync_all()
    }

    /// Whether the disk took the time as it was given.
    pub(super) fn keeps(&self, stamp: Stamp) -> io::Result<bool> {
        Ok(stamp.is_kept_by(&self.file.metadata()?))
    }

    pub(super) fn etag(&self) -> io::Result<Etag> {
        Ok(Version::of(&self.file.metadata()?).etag())
    }

    /// Puts the file at its place, instead of what is there.
    pub(super) fn publish(&self, place: &Place<'_>) -> io::Result<()> {
        Ok(renameat(&self.drafts.folder, &self.name, &place.folder, place.name)?)
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        self.drafts.remove(&self.name); // a published one has no such name any more
    }
}
