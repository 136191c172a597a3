//! A disk without room, a real one: a megabyte of memory, which only root may mount.

use std::path::Path;
use std::process::Command;

use super::*;

/// A mounted disk of one megabyte, unmounted when dropped.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// `None` where this process may not mount. CI may, and fails instead.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let options = ["-t", "tmpfs", "-o", "size=1m", "heavylift-test"];
        let mounted = Command::new("mount").args(options).arg(folder.path()).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(folder));
        }
        assert!(option_env!("CI").is_none(), "CI must be able to mount a small disk");
        eprintln!("not checked: a full disk needs root to mount one");
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg("--lazy").arg(self.path()).status().ok();
    }
}

fn bytes(kib: usize) -> Bytes {
    vec![7; kib * 1024].into()
}

#[tokio::test]
async fn a_full_disk_refuses_and_stays_readable() {
    let Some(disk) = SmallDisk::mount() else { return };
    let store = LocalStore::open(disk.path()).unwrap();
    store.put(&key("a/old"), bytes(600), Expect::Any).await.unwrap();
    for name in ["a/old", "a/new", "b/c/new"] {
        let full = store.put(&key(name), bytes(600), Expect::Any).await.unwrap_err();
        assert_eq!(full.kind, StoreErrorKind::Full, "{name}: {full}");
    }
    assert_eq!(value(&store, "a/old").await, Some(bytes(600)), "the old value stays");
    assert_eq!(names(&store).await, ["a/old"]);
    assert_eq!(fs::read_dir(disk.path().join(".tmp")).unwrap().count(), 1, "no half-written file takes up room");

    let elsewhere = tempfile::tempdir().unwrap();
    let from = elsewhere.path().join("from");
    fs::write(&from, bytes(600)).unwrap();
    let full = store.put_file(&key("a/new"), &from, Expect::Any).await.unwrap_err();
    assert_eq!(full.kind, StoreErrorKind::Full, "{full}");
    assert_eq!(fs::read(&from).unwrap(), bytes(600), "the caller's file stays");

    store.put(&key("a/small"), bytes(100), Expect::Any).await.expect("what fits is taken");
    store.delete(&key("a/old")).await.unwrap();
    store.put_file(&key("a/new"), &from, Expect::Any).await.expect("there is room again");
    assert_eq!(value(&store, "a/new").await, Some(bytes(600)));
}

#[tokio::test]
async fn a_fetch_to_a_full_disk_says_so() {
    let Some(disk) = SmallDisk::mount() else { return };
    let (_folder, store) = store();
    store.put(&key("big"), bytes(2_000), Expect::Any).await.unwrap();
    let to = disk.path().join("to");
    let full = store.fetch(&key("big"), &to).await.unwrap_err();
    assert_eq!(full.kind, StoreErrorKind::Full, "{full}");
    assert!(!to.exists(), "no half file is left");
    assert_eq!(value(&store, "big").await, Some(bytes(2_000)));
}
