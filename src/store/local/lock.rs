//! One server per folder: a lock that the system frees when its holder ends, however that happens.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;

use rustix::fs::{Mode, OFlags, openat};

use super::tree::LOCK;

/// What stands between a process and its address.
const LISTENS: &str = " at ";

/// Why a folder could not be taken over.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another server works there.
    #[error("the store's folder is in use by {holder}; stop that server or choose another folder")]
    InUse {
        /// Which process, as it says itself.
        holder: String,
        /// Whether it says where it listens.
        listens: bool,
    },
    /// The disk cuts modification times, by which versions are told apart.
    #[error(
        "the store's disk keeps times only coarsely, so versions cannot be told apart; choose a folder on another disk"
    )]
    CoarseTimes,
    /// The disk failed.
    #[error("cannot {what}: {source}")]
    Disk {
        /// What was tried.
        what: &'static str,
        /// What the disk said.
        source: io::Error,
    },
}

impl OpenError {
    /// Turns what the disk said when `what` was tried into an error.
    pub(super) fn disk<E: Into<io::Error>>(what: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self::Disk { what, source: error.into() }
    }
}

/// The lock of a folder, held until it is dropped or the process ends. The file says who holds it.
#[derive(Debug)]
pub(super) struct FolderLock {
    file: File,
}

impl FolderLock {
    pub(super) fn take(folder: &File) -> Result<Self, OpenError> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(folder, LOCK, flags, Mode::from_raw_mode(0o600)).map(File::from);
        let file = file.map_err(OpenError::disk("open the store's lock"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                let holder = holder(&file);
                return Err(OpenError::InUse { listens: holder.contains(LISTENS), holder });
            }
            Err(std::fs::TryLockError::Error(source)) => {
                return Err(OpenError::disk("lock the store's folder")(source));
            }
        }
        let lock = Self { file };
        lock.write(&me()).map_err(OpenError::disk("write the store's lock"))?;
        Ok(lock)
    }

    pub(super) fn announce(&self, address: &str) -> io::Result<()> {
        self.write(&format!("{}{LISTENS}{address}", me()))
    }

    fn write(&self, text: &str) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.write_all_at(format!("{text}\n").as_bytes(), 0)
    }
}

fn me() -> String {
    format!("process {}", std::process::id())
}

/// What the holder of the lock left in the file.
fn holder(file: &File) -> String {
    let mut text = String::new();
    let read = file.take(200).read_to_string(&mut text);
    let line = text.lines().next().unwrap_or_default();
    if read.is_err() || line.is_empty() { "another process".to_owned() } else { line.to_owned() }
}
