//! Listing: a walk in the order of whole keys that skips every folder in which nothing can be wanted.
//!
//! `a-b` comes before `a/b`, as `-` does before `/`; so a folder is sorted as if its name ended with `/`, which makes the
//! walk's order the keys'.

use std::fs::File;
use std::io;

use actors::ports::{Entry, Key, Meta, Page, StoreError, StoreErrorKind};
use rustix::fs::{AtFlags, Dir, FileType, Stat, statat};
use rustix::io::Errno;

use super::disk::Disk;
use super::tree::{Tree, enter};
use super::version::Version;

impl Disk {
    pub(super) fn list(&self, prefix: &str, after: Option<&Key>, limit: usize) -> Result<Page, StoreError> {
        self.tree.list(prefix, after, limit, |stat| Version::of_stat(stat).map(Version::meta))
    }
}

impl Tree {
    /// At most `limit` of the files whose path begins with `prefix` and comes after `after`; `meta` is `None` for what is no file.
    pub(in crate::store) fn list(
        &self,
        prefix: &str,
        after: Option<&Key>,
        limit: usize,
        meta: fn(&Stat) -> Option<Meta>,
    ) -> Result<Page, StoreError> {
        let failed = |error: io::Error| {
            let what = format!("the disk failed: {error}");
            StoreError::new(StoreErrorKind::Unavailable, format!("the listing of {prefix:?}"), what)
        };
        let (after, most) = (after.map(Key::as_str), limit.saturating_add(1));
        let mut walk = Walk { tree: self, prefix, after, most, meta, found: Vec::new() };
        walk.begin().map_err(failed)?;
        let Walk { mut found, .. } = walk;
        let more = found.len() > limit;
        found.truncate(limit);
        Ok(Page { entries: found, more })
    }
}

/// One listing under way.
struct Walk<'a> {
    tree: &'a Tree,
    prefix: &'a str,
    after: Option<&'a str>,
    most: usize,
    meta: fn(&Stat) -> Option<Meta>,
    found: Vec<Entry>,
}

impl Walk<'_> {
    /// Begins where the prefix's folders end: nothing beside them can be wanted.
    fn begin(&mut self) -> io::Result<()> {
        let start = self.prefix.rfind('/').map_or("", |end| &self.prefix[..=end]);
        let path = start.trim_end_matches('/');
        let is_path = start.is_empty() || (Key::parse(path).is_some() && path.len() + 1 == start.len());
        if !is_path || self.tree.is_reserved(path) {
            return Ok(());
        }
        match self.tree.folder(path)? {
            Some(folder) => self.folder(&folder, start),
            None => Ok(()),
        }
    }

    /// Lists the folder whose keys begin with `path`, which is empty or ends with `/`.
    fn folder(&mut self, folder: &File, path: &str) -> io::Result<()> {
        for full in self.children(folder, path)? {
            if self.found.len() >= self.most {
                break;
            }
            let name = &full[path.len()..];
            match name.strip_suffix('/') {
                Some(name) => match enter(folder, name) {
                    Ok(child) => self.folder(&child, &full)?,
                    Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {} // removed or replaced meanwhile
                    Err(error) => return Err(error.into()),
                },
                None => self.file(folder, name, full.as_str())?,
            }
        }
        Ok(())
    }

    fn file(&mut self, folder: &File, name: &str, full: &str) -> io::Result<()> {
        let stat = match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(()), // deleted meanwhile
            Err(error) => return Err(error.into()),
        };
        if let (Some(key), Some(meta)) = (Key::parse(full), (self.meta)(&stat)) {
            self.found.push(Entry { key, meta });
        }
        Ok(())
    }

    /// What in `folder` may be wanted, in order: keys of files, and of folders with a `/` at the end.
    fn children(&self, folder: &File, path: &str) -> io::Result<Vec<String>> {
        let mut children = Vec::new();
        let mut full = path.to_owned();
        for entry in Dir::read_from(folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if path.is_empty() && self.tree.is_reserved(name) {
                continue;
            }
            full.truncate(path.len());
            full.push_str(name);
            match kind(folder, name, entry.file_type())? {
                Some(FileType::RegularFile) if self.wants_file(&full) => children.push(full.clone()),
                Some(FileType::Directory) if Key::parse(&full).is_some() => {
                    full.push('/');
                    children.extend(self.wants_folder(&full).then(|| full.clone()));
                }
                _ => {} // nothing of ours
            }
        }
        children.sort_unstable();
        children.dedup(); // a folder that changes while it is read may name a file twice
        Ok(children)
    }

    fn wants_file(&self, key: &str) -> bool {
        key.starts_with(self.prefix) && self.after.is_none_or(|after| key > after)
    }

    /// Whether a key that begins with `path` may be wanted.
    fn wants_folder(&self, path: &str) -> bool {
        let in_prefix = path.starts_with(self.prefix) || self.prefix.starts_with(path);
        in_prefix && self.after.is_none_or(|after| path > after || after.starts_with(path))
    }
}

/// What `name` is; some disks do not say it in their listings.
fn kind(folder: &File, name: &str, listed: FileType) -> io::Result<Option<FileType>> {
    if listed != FileType::Unknown {
        return Ok(Some(listed));
    }
    match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(FileType::from_raw_mode(stat.st_mode))),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
