//! What an error of Azure, or of the local disk beside it, means to the store's caller.

use std::io;

use actors::ports::{Key, StoreError, StoreErrorKind};

use crate::azure::{Fault, Meaning};

/// The error about `key` that `fault` is.
pub(super) fn failed(key: &Key, fault: impl Into<Fault>) -> StoreError {
    let fault = fault.into();
    let kind = match fault.meaning {
        Meaning::Conflict => StoreErrorKind::Conflict,
        Meaning::Absent => StoreErrorKind::NotFound,
        Meaning::BadName => StoreErrorKind::Invalid,
        Meaning::NoPlace
        | Meaning::BlocksLost
        | Meaning::BeyondEnd
        | Meaning::OldReceipt
        | Meaning::Forbidden
        | Meaning::Unknown => StoreErrorKind::Unavailable,
    };
    StoreError::new(kind, key, fault.words)
}

/// The local file that was to be read or written failed.
pub(super) fn local(key: &Key, error: &io::Error) -> StoreError {
    if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge) {
        return StoreError::new(
            StoreErrorKind::Full,
            key,
            "the local disk has no room left; try again once there is some",
        );
    }
    StoreError::new(StoreErrorKind::Unavailable, key, format!("the local file failed: {error}"))
}

pub(super) fn conflict(key: &Key) -> StoreError {
    StoreError::new(StoreErrorKind::Conflict, key, "someone else wrote it before; read it again")
}

pub(super) fn absent(key: &Key) -> StoreError {
    StoreError::new(StoreErrorKind::NotFound, key, "there is no such blob")
}

pub(super) fn read_only(key: &Key) -> StoreError {
    StoreError::new(StoreErrorKind::Invalid, key, "it is mounted to be read only; choose another name")
}

/// The version that was being read is no longer there, or cannot be had to its end.
pub(super) fn broken_off(key: &Key, why: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, key, format!("reading broke off: {why}"))
}
