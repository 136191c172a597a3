//! What an error of the disk means to the caller.

use std::io;

use actors::ports::{Key, StoreError, StoreErrorKind};
use rustix::io::Errno;

/// Says of an error before anything was changed what to do about it.
pub(in crate::store) fn failed(key: &Key, error: impl Into<io::Error>) -> StoreError {
    let error = error.into();
    match Errno::from_io_error(&error) {
        Some(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) => full(key),
        Some(Errno::NOTDIR | Errno::LOOP) => {
            invalid(key, "a part of the name is taken by something that is no folder; choose another")
        }
        Some(Errno::ISDIR | Errno::NOTEMPTY | Errno::EXIST) => {
            invalid(key, "the name is taken by something that is no file; choose another")
        }
        Some(Errno::NAMETOOLONG | Errno::INVAL | Errno::ILSEQ) => {
            invalid(key, "the disk does not take this name; choose a shorter or plainer one")
        }
        _ => unknown(key, error),
    }
}

/// Says of an error that it cannot be known what was changed.
pub(in crate::store) fn unknown(key: &Key, error: impl Into<io::Error>) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, key, format!("the disk failed: {}", error.into()))
}

pub(in crate::store) fn conflict(key: &Key) -> StoreError {
    StoreError::new(StoreErrorKind::Conflict, key, "someone else wrote it before; read it again")
}

pub(in crate::store) fn absent(key: &Key) -> StoreError {
    StoreError::new(StoreErrorKind::NotFound, key, "there is no such blob")
}

pub(in crate::store) fn invalid(key: &Key, what: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Invalid, key, what)
}

fn full(key: &Key) -> StoreError {
    StoreError::new(StoreErrorKind::Full, key, "the disk has no room left; try again once there is some")
}
