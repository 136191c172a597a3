//! The local folder for what jobs need while they run: one for each server, empty at start.
//!
//! Taken by `app`. Servers on one machine may share the setting, and even the store; each gets a folder of its own below it,
//! held by a lock that ends with the process.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};
use tools::context::hex;

use crate::config::StoreConfig;

/// How many servers on one machine may share a store.
const MOST: usize = 256;

/// A folder that is this server's until it is dropped.
#[derive(Debug)]
pub(crate) struct Scratch {
    pub(crate) path: PathBuf,
    _lock: File,
}

impl Scratch {
    /// Takes a folder below `root` that no living process holds, and clears what a dead one left in it.
    pub(crate) fn take(root: &Path, store: &StoreConfig) -> anyhow::Result<Self> {
        let name = store_name(store);
        for number in 0..MOST {
            let folder = if number == 0 { name.clone() } else { format!("{name}-{number}") };
            let path = root.join(folder);
            std::fs::create_dir_all(&path).context("making the scratch folder")?;
            let lock = File::options().create(true).truncate(false).write(true).open(path.join(".lock"))?;
            match lock.try_lock() {
                Ok(()) => {
                    clear(&path)?;
                    return Ok(Self { path, _lock: lock });
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error).context("locking the scratch folder"),
            }
        }
        anyhow::bail!("{MOST} servers use the scratch folder already; give this one another --scratch")
    }
}

/// A name for the store among those that use one scratch folder.
fn store_name(store: &StoreConfig) -> String {
    format!("store-{:.16}", hex(&Sha256::digest(store.to_string())))
}

/// What an earlier process left half done: nobody's any more.
fn clear(scratch: &Path) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(scratch)?.flatten() {
        let name = entry.file_name();
        let ours =
            ["job-", "lane-", "upload-", "cache-"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix));
        let removed = match entry.file_type() {
            Ok(kind) if ours && kind.is_dir() => std::fs::remove_dir_all(entry.path()),
            Ok(_) if ours => std::fs::remove_file(entry.path()),
            _ => Ok(()),
        };
        // It has a name of its own: nothing depends on its going.
        if let Err(error) = removed {
            tracing::warn!(%error, name = %name.display(), "left in the scratch folder");
        }
    }
    Ok(())
}

#[test]
fn two_servers_on_one_store_have_a_folder_each() {
    let root = tempfile::tempdir().expect("temporary folder");
    let store = StoreConfig::Local("/data/jobs".into());
    let first = Scratch::take(root.path(), &store).expect("free");
    std::fs::write(first.path.join("job-1"), "in work").expect("writes");
    let second = Scratch::take(root.path(), &store).expect("another");
    assert_ne!(first.path, second.path);
    assert!(first.path.join("job-1").exists(), "a living server's files are left alone");
    let path = first.path.clone();
    drop(first);
    let third = Scratch::take(root.path(), &store).expect("free again");
    assert_eq!(third.path, path);
    assert!(!path.join("job-1").exists(), "a dead server's files are cleared");
}
