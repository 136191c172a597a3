//! The folders of the store: found, made and removed, without ever leaving it.
//!
//! Every step down is taken from the folder above and refuses symbolic links, so that no link, not even one that appears
//! in the middle of the walk, leads out. Used by `read`, `write` and `list`, and by the store over a mounted folder.

use std::collections::HashSet;
use std::fs::{File, Metadata};
use std::io;

use actors::ports::{Key, StoreError};
use parking_lot::{Mutex, RwLock};
use rustix::fs::{AtFlags, Mode, OFlags, Stat, mkdirat, openat, statat, unlinkat};
use rustix::io::Errno;

use super::error;

/// Names at the top that are the store's own.
pub(super) const LOCK: &str = ".lock";
pub(super) const DRAFTS: &str = ".tmp";
/// Where other processes of the same user come in; see `stdio`.
pub(crate) const DOOR: &str = ".door";

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The store's folder and what is below.
#[derive(Debug)]
pub(in crate::store) struct Tree {
    root: File,
    /// Held for reading from the walk to a place until something is put there; for writing while folders are removed.
    standing: RwLock<()>,
    /// Folders whose own entry may not have reached the disk yet.
    fresh: Mutex<HashSet<String>>,
    /// Names at the top that are no blobs.
    reserved: &'static [&'static str],
}

/// Where a blob is or will be: its folder, held open, and its name in there.
#[derive(Debug)]
pub(in crate::store) struct Place<'a> {
    pub(super) folder: File,
    pub(super) name: &'a str,
}

impl Place<'_> {
    /// What stands here, without following it; `None` for nothing.
    pub(in crate::store) fn stat(&self) -> io::Result<Option<Stat>> {
        match statat(&self.folder, self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT | Errno::NAMETOOLONG) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl Tree {
    /// The tree below `root`, in which the names `reserved` at the top stand for no blobs.
    pub(in crate::store) fn new(root: File, reserved: &'static [&'static str]) -> Self {
        Self { root, standing: RwLock::default(), fresh: Mutex::default(), reserved }
    }

    /// Whether a key or path is not a blob's.
    pub(super) fn is_reserved(&self, path: &str) -> bool {
        path.split('/').next().is_some_and(|first| self.reserved.contains(&first))
    }

    /// The folder at `path` (empty for the top), or `None` where it is missing or no folder.
    pub(super) fn folder(&self, path: &str) -> io::Result<Option<File>> {
        let mut folder = self.top()?;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            match enter(&folder, part) {
                Ok(next) => folder = next,
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NAMETOOLONG) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(folder))
    }

    fn top(&self) -> io::Result<File> {
        Ok(enter(&self.root, ".")?)
    }

    /// The place of `key`, if its folder exists.
    pub(in crate::store) fn find<'a>(&self, key: &'a Key) -> io::Result<Option<Place<'a>>> {
        if self.is_reserved(key.as_str()) {
            return Ok(None);
        }
        let (path, name) = split(key);
        Ok(self.folder(path)?.map(|folder| Place { folder, name }))
    }

    /// Opens the file of `key` as it is now, or nothing where there is none or something that is no file.
    pub(in crate::store) fn open(&self, key: &Key) -> io::Result<Option<(File, Metadata)>> {
        let Some(place) = self.find(key)? else { return Ok(None) };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(&place.folder, place.name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT | Errno::LOOP | Errno::NAMETOOLONG | Errno::NXIO) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let known = file.metadata()?;
        Ok(known.is_file().then_some((file, known)))
    }

    /// Does `act` at the place of `key`, whose folders are made where they are missing and stay until `act` returns.
    pub(super) fn at<'a>(
        &self,
        key: &'a Key,
        act: impl FnOnce(&Place<'a>) -> Result<(), StoreError>,
    ) -> Result<Place<'a>, StoreError> {
        if self.is_reserved(key.as_str()) {
            return Err(error::invalid(key, "the name is the store's own; choose another"));
        }
        let _standing = self.standing.read();
        let (path, name) = split(key);
        let folder = self.make_all(path).map_err(|error| error::failed(key, error))?;
        let place = Place { folder, name };
        act(&place)?;
        Ok(place)
    }

    fn make_all(&self, path: &str) -> io::Result<File> {
        let mut folder = self.top()?;
        for end in ends(path) {
            let (_, part) = split_path(&path[..end]);
            folder = match enter(&folder, part) {
                Err(Errno::NOENT) => self.make(&folder, part, &path[..end])?,
                entered => entered?,
            };
        }
        Ok(folder)
    }

    /// Makes the folder `part` in `folder`, or enters the one that someone else just made.
    fn make(&self, folder: &File, part: &str, path: &str) -> io::Result<File> {
        self.fresh.lock().insert(path.to_owned()); // before it can be seen, so that whoever uses it knows
        match mkdirat(folder, part, Mode::from_raw_mode(0o700)) {
            Ok(()) | Err(Errno::EXIST) => Ok(enter(folder, part)?),
            Err(error) => {
                self.fresh.lock().remove(path);
                Err(error.into())
            }
        }
    }

    /// Sees to it that what was put at `place` and every folder above it is on the disk.
    pub(super) fn settle(&self, key: &Key, place: &Place<'_>) -> io::Result<()> {
        place.folder.sync_all()?;
        let (path, _) = split(key);
        for end in ends(path).filter(|end| self.fresh.lock().contains(&path[..*end])) {
            let (above, _) = split_path(&path[..end]);
            if let Some(above) = self.folder(above)? {
                above.sync_all()?;
            }
            self.fresh.lock().remove(&path[..end]);
        }
        Ok(())
    }

    /// Removes the folders above `key` that are empty now, but for the top ones, which would only be made again. Returns
    /// the folder from which something was removed last, if any.
    pub(super) fn prune(&self, key: &Key) -> io::Result<Option<File>> {
        let _standing = self.standing.write();
        let (mut path, _) = split(key);
        let mut changed = None;
        while let Some((above, part)) = path.rsplit_once('/') {
            let Some(folder) = self.folder(above)? else { break };
            match unlinkat(&folder, part, AtFlags::REMOVEDIR) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(_) => break, // not empty, or not ours to remove
            }
            self.fresh.lock().remove(path);
            changed = Some(folder);
            path = above;
        }
        Ok(changed)
    }
}

/// Steps down into a folder that is no link.
pub(super) fn enter(folder: &File, part: &str) -> Result<File, Errno> {
    openat(folder, part, FOLDER, Mode::empty()).map(File::from)
}

/// A key's folder and name.
fn split(key: &Key) -> (&str, &str) {
    split_path(key.as_str())
}

/// What is above a path's last part (empty for the top), and that part.
fn split_path(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// Where each part of `path` ends: `a/b` has 1 and 3.
fn ends(path: &str) -> impl Iterator<Item = usize> {
    let inner = path.match_indices('/').map(|(at, _)| at);
    inner.chain((!path.is_empty()).then_some(path.len()))
}
