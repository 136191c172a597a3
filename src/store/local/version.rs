//! Versions: a file's modification time in nanoseconds and its length.
//!
//! The times are not the disk's but given out here, always a later one, so that neither equal bytes nor a coarse or
//! corrected clock make two versions look alike. They are kept with the file, so versions outlive the process.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use actors::ports::{Etag, Meta};
use rustix::fs::{FileType, Stat};
use time::OffsetDateTime;

const NANOS: i128 = 1_000_000_000;

/// The version of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version {
    /// Nanoseconds since 1970.
    stamp: i128,
    bytes: u64,
}

impl Version {
    pub(super) fn of(file: &Metadata) -> Self {
        Self { stamp: i128::from(file.mtime()) * NANOS + i128::from(file.mtime_nsec()), bytes: file.len() }
    }

    /// The version of what `stat` describes, where that is a plain file.
    pub(super) fn of_stat(stat: &Stat) -> Option<Self> {
        let stamp = i128::from(stat.st_mtime) * NANOS + i128::from(stat.st_mtime_nsec);
        let bytes = u64::try_from(stat.st_size).unwrap_or(0);
        FileType::from_raw_mode(stat.st_mode).is_file().then_some(Self { stamp, bytes })
    }

    pub(super) fn bytes(self) -> u64 {
        self.bytes
    }

    pub(super) fn etag(self) -> Etag {
        Etag(format!("{:x}-{:x}", self.stamp, self.bytes))
    }

    pub(super) fn meta(self) -> Meta {
        let modified = OffsetDateTime::from_unix_timestamp_nanos(self.stamp).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        Meta { etag: self.etag(), bytes: self.bytes, modified }
    }

    /// Whether a file that got `stamp` could be taken for this version, or an older one.
    pub(super) fn is_not_before(self, stamp: Stamp) -> bool {
        self.stamp >= i128::from(stamp.0)
    }
}

/// A modification time to give to one file, and to no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp(i64);

impl Stamp {
    pub(super) fn time(self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_nanos(self.0.unsigned_abs())
    }

    /// Whether `file` keeps exactly this time.
    pub(super) fn is_kept_by(self, file: &Metadata) -> bool {
        Version::of(file).stamp == i128::from(self.0)
    }
}

/// Gives out times, each later than all before, and now or later.
#[derive(Debug, Default)]
pub(super) struct Stamps(AtomicI64);

impl Stamps {
    pub(super) fn next(&self) -> Stamp {
        let now = i64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos()).unwrap_or(i64::MAX - 1);
        self.at_least(now)
    }

    /// The next one, and later than `version`: the clock may have been put back since that was written.
    pub(super) fn after(&self, version: Version) -> Stamp {
        self.at_least(i64::try_from(version.stamp + 1).unwrap_or(i64::MAX - 1))
    }

    fn at_least(&self, floor: i64) -> Stamp {
        let next = |last: i64| floor.max(last + 1);
        let last = self.0.update(Ordering::Relaxed, Ordering::Relaxed, next);
        Stamp(next(last))
    }
}
