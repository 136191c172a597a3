//! Writing and removing: a draft is filled, put on the disk, and then takes the blob's name.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use actors::ports::{Etag, Expect, Key, StoreError};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, unlinkat};
use rustix::io::Errno;

use super::disk::Disk;
use super::draft::Draft;
use super::error::{conflict, failed, invalid, unknown};
use super::tree::Place;
use super::version::Version;

impl Disk {
    pub(super) fn put(&self, key: &Key, value: &[u8], expect: &Expect) -> Result<Etag, StoreError> {
        let filled = self.drafts.create().and_then(|mut draft| draft.file.write_all(value).map(|()| draft));
        let draft = filled.map_err(|error| failed(key, error))?;
        self.publish(key, &draft, expect)
    }

    pub(super) fn put_file(&self, key: &Key, from: &Path, expect: &Expect) -> Result<Etag, StoreError> {
        let adopted = self.drafts.adopt(from).unwrap_or(None);
        let draft = adopted.map_or_else(|| self.copy(key, from), Ok)?;
        let etag = self.publish(key, &draft, expect)?;
        std::fs::remove_file(from).ok(); // the caller may as well
        Ok(etag)
    }

    fn copy(&self, key: &Key, from: &Path) -> Result<Draft<'_>, StoreError> {
        let mut source = open_local(from).map_err(|error| unknown(key, error))?;
        let mut draft = self.drafts.create().map_err(|error| failed(key, error))?;
        io::copy(&mut source, &mut draft.file).map_err(|error| failed(key, error))?;
        Ok(draft)
    }

    fn publish(&self, key: &Key, draft: &Draft<'_>, expect: &Expect) -> Result<Etag, StoreError> {
        let stamp = self.stamps.next();
        draft.seal(stamp).map_err(|error| failed(key, error))?;
        let _writer = self.stripe(key).write();
        if matches!(expect, Expect::Etag(_)) && self.tree.find(key).map_err(|error| failed(key, error))?.is_none() {
            return Err(conflict(key)); // without making folders for nothing
        }
        let place = self.tree.at(key, |place| {
            let old = version_at(key, place)?;
            check(key, expect, old)?;
            if let Some(old) = old.filter(|old| old.is_not_before(stamp)) {
                draft.seal(self.stamps.after(old)).map_err(|error| failed(key, error))?;
            }
            draft.publish(place).map_err(|error| failed(key, error))
        })?;
        self.tree.settle(key, &place).map_err(|error| unknown(key, error))?;
        draft.etag().map_err(|error| unknown(key, error))
    }

    pub(super) fn delete(&self, key: &Key) -> Result<(), StoreError> {
        let _writer = self.stripe(key).write();
        self.remove(key).map_err(|error| unknown(key, error))
    }

    fn remove(&self, key: &Key) -> io::Result<()> {
        let Some(place) = self.tree.find(key)? else { return Ok(()) };
        if place.stat()?.and_then(|stat| Version::of_stat(&stat)).is_none() {
            return Ok(());
        }
        match unlinkat(&place.folder, place.name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
        let changed = self.tree.prune(key)?.unwrap_or(place.folder);
        changed.sync_all()
    }
}

/// The version of the blob at `place`, if there is one; an error if something else stands there.
fn version_at(key: &Key, place: &Place<'_>) -> Result<Option<Version>, StoreError> {
    let Some(stat) = place.stat().map_err(|error| failed(key, error))? else { return Ok(None) };
    let version = Version::of_stat(&stat);
    let taken = || invalid(key, "the name is taken by a folder or something else that is no file; choose another");
    version.map(Some).ok_or_else(taken)
}

fn check(key: &Key, expect: &Expect, old: Option<Version>) -> Result<(), StoreError> {
    let holds = match expect {
        Expect::Any => true,
        Expect::Absent => old.is_none(),
        Expect::Etag(etag) => old.is_some_and(|old| old.etag() == *etag),
    };
    if holds { Ok(()) } else { Err(conflict(key)) }
}

/// Opens the caller's file, which must be one: what a link leads to was not meant.
fn open_local(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(openat(CWD, path, flags, Mode::empty())?);
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "what was handed over is no file"))
}
