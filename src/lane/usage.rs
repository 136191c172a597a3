//! What a process uses, as the kernel counts it.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// The unit of `st_blocks`, whatever the file system's own is.
const BLOCK: u64 = 512;

/// What one process uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// Memory that is its own, in bytes: not the program's text, nor files it looks at, which the kernel can drop.
    pub(super) memory_bytes: u64,
    /// Processor time over all threads since its start, in seconds.
    pub(super) cpu_seconds: u64,
}

/// What `pid` uses now; `None` where nobody tells, or it is gone.
#[cfg(target_os = "linux")]
pub(super) fn of(pid: u32) -> Option<Usage> {
    let process = procfs::process::Process::new(i32::try_from(pid).ok()?).ok()?;
    let (status, stat) = (process.status().ok()?, process.stat().ok()?);
    let kib = status.rssanon? + status.rssshmem.unwrap_or(0) + status.vmswap.unwrap_or(0);
    let cpu_seconds = (stat.utime + stat.stime) / procfs::ticks_per_second();
    Some(Usage { memory_bytes: kib * 1024, cpu_seconds })
}

#[cfg(not(target_os = "linux"))]
pub(super) fn of(_: u32) -> Option<Usage> {
    None
}

/// With more entries than this a folder is counted no further: that alone would take too long.
const MOST_ENTRIES: usize = 200_000;

/// Whether `pid` still holds a file below one of `folders` open or mapped; also where nobody tells.
#[cfg(target_os = "linux")]
pub(super) fn holds(pid: u32, folders: &[&Path]) -> bool {
    let is_below = |path: &Path| folders.iter().any(|folder| path.starts_with(folder));
    let held = || -> Option<bool> {
        let process = procfs::process::Process::new(i32::try_from(pid).ok()?).ok()?;
        let open = process.fd().ok()?.flatten().any(|file| match file.target {
            procfs::process::FDTarget::Path(path) => is_below(&path),
            _ => false,
        });
        let mapped = process.maps().ok()?.into_iter().any(|map| match map.pathname {
            procfs::process::MMapPath::Path(path) => is_below(&path),
            _ => false,
        });
        Some(open || mapped)
    };
    held().unwrap_or(true)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn holds(_: u32, _: &[&Path]) -> bool {
    false
}

/// How much of the disk the files below `folder` take, in bytes; without end where there are too many of them. What comes and goes
/// meanwhile is counted or not.
pub(super) fn of_folder(folder: &Path) -> u64 {
    let (mut bytes, mut entries) = (0, 0);
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let listed = match std::fs::read_dir(folder) {
            Ok(listed) => listed,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            // Who hides what it writes has written too much.
            Err(_) => return u64::MAX,
        };
        for entry in listed.flatten() {
            entries += 1;
            if entries > MOST_ENTRIES {
                return u64::MAX;
            }
            match entry.metadata() {
                Ok(known) if known.is_dir() => folders.push(entry.path()),
                Ok(known) => bytes += known.blocks() * BLOCK,
                Err(_) => {}
            }
        }
    }
    bytes
}

#[cfg(target_os = "linux")]
#[test]
fn memory_is_seen_once_it_is_used() {
    let before = of(std::process::id()).expect("we live");
    let block = vec![1_u8; 64 << 20];
    let after = of(std::process::id()).expect("we live");
    assert!(after.memory_bytes >= before.memory_bytes + (32 << 20), "{before:?} {after:?}");
    drop(block);
    assert_eq!(of(u32::MAX), None);
}
