//! The suite on a real folder, and what only a folder promises.

mod full_disk;
mod links;

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, SystemTime};

use actors::ports::contract;
use futures_util::future::join_all;
use tempfile::TempDir;

use super::*;

fn key(text: &str) -> Key {
    Key::new(text)
}

/// A store in a new folder.
fn store() -> (TempDir, LocalStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalStore::open(folder.path()).unwrap();
    (folder, store)
}

async fn put(store: &LocalStore, name: &str, value: &'static str) -> Etag {
    store.put(&key(name), value.into(), Expect::Any).await.unwrap()
}

async fn put_kind(store: &LocalStore, name: &str) -> StoreErrorKind {
    store.put(&key(name), Bytes::from_static(b"x"), Expect::Any).await.unwrap_err().kind
}

async fn value(store: &LocalStore, name: &str) -> Option<Bytes> {
    store.get(&key(name)).await.unwrap().map(|blob| blob.value)
}

async fn names(store: &LocalStore) -> Vec<String> {
    let page = store.list("", None, 100).await.unwrap();
    page.entries.iter().map(|entry| entry.key.to_string()).collect()
}

/// How many unfinished files there are.
fn drafts(folder: &TempDir) -> usize {
    fs::read_dir(folder.path().join(".tmp")).unwrap().count() - 1 // the scratch folder
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_store_keeps_its_promises() {
    let (folder, store) = store();
    contract::store(&store, &store.scratch()).await;
    assert_eq!(drafts(&folder), 0, "nothing unfinished is left");
}

/// Files come from and go to another disk where the machine has one: there they are copied, not moved.
#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_them_among_disks() {
    let (_folder, store) = store();
    let elsewhere = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    contract::store(&store, elsewhere.path()).await;
}

/// Without a disk's slow syncs, writers meet between the check of a version and the write far more often.
#[tokio::test(flavor = "multi_thread")]
async fn one_writer_wins_each_of_many_races() {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let store = LocalStore::open(folder.path()).unwrap();
    for round in 0..200 {
        let absent = key(&format!("{}/{round}", round % 7));
        let version = put(&store, "one", "start").await;
        for (key, expect) in [(&absent, Expect::Absent), (&key("one"), Expect::Etag(version))] {
            let writers = (0..8).map(|_| store.put(key, Bytes::from_static(b"mine"), expect.clone()));
            let won = join_all(writers).await.into_iter().flatten().count();
            assert_eq!(won, 1, "round {round}, {expect:?}");
        }
    }
}

#[test]
fn a_second_server_is_refused_and_told_of_the_first() {
    let (folder, store) = store();
    let holder = format!("process {}", std::process::id());
    let refused = LocalStore::open(folder.path()).unwrap_err();
    assert!(matches!(&refused, OpenError::InUse { holder: said, .. } if *said == holder), "{refused}");
    store.announce("127.0.0.1:8000").unwrap();
    let refused = LocalStore::open(folder.path()).unwrap_err().to_string();
    assert!(refused.contains(&format!("{holder} at 127.0.0.1:8000;")), "{refused}");

    let clone = store.clone();
    drop(store);
    LocalStore::open(folder.path()).expect_err("a clone still serves it");
    drop(clone);
    LocalStore::open(folder.path()).expect("nobody serves it any more");
}

#[tokio::test]
async fn a_refused_server_leaves_the_first_ones_files_alone() {
    let (folder, store) = store();
    fs::write(store.scratch().join("upload"), "half").unwrap();
    LocalStore::open(folder.path()).unwrap_err();
    assert!(store.scratch().join("upload").exists());
    put(&store, "a/b", "1").await;
}

#[tokio::test]
async fn what_a_crash_left_unfinished_is_gone() {
    let (folder, store) = store();
    put(&store, "a/b", "whole").await;
    fs::write(folder.path().join(".tmp/17"), "half").unwrap();
    fs::write(store.scratch().join("upload"), "half").unwrap();
    fs::create_dir_all(store.scratch().join("attempt/deep")).unwrap();
    assert_eq!(names(&store).await, ["a/b"], "what is unfinished is not listed");
    drop(store);
    let store = LocalStore::open(folder.path()).unwrap();
    assert_eq!(drafts(&folder), 0);
    assert_eq!(fs::read_dir(store.scratch()).unwrap().count(), 0);
    assert_eq!(names(&store).await, ["a/b"]);
}

#[tokio::test]
async fn versions_outlive_the_process() {
    let (folder, store) = store();
    let etag = put(&store, "jobs/1/job.json", "{}").await;
    let before = store.list("", None, 10).await.unwrap().entries;
    drop(store);
    let store = LocalStore::open(folder.path()).unwrap();
    assert_eq!(store.list("", None, 10).await.unwrap().entries, before);
    let next = store.put(&key("jobs/1/job.json"), "{1}".into(), Expect::Etag(etag.clone())).await.unwrap();
    assert_ne!(next, etag);
}

#[tokio::test]
async fn a_clock_put_back_repeats_no_version() {
    let (folder, store) = store();
    put(&store, "a", "1").await;
    let tomorrow = SystemTime::from(time::OffsetDateTime::now_utc()) + Duration::from_hours(24);
    fs::File::open(folder.path().join("a")).unwrap().set_modified(tomorrow).unwrap();
    let ahead = store.head(&key("a")).await.unwrap().unwrap();
    put(&store, "a", "2").await;
    let next = store.head(&key("a")).await.unwrap().unwrap();
    assert!(next.modified > ahead.modified && next.etag != ahead.etag);
}

#[test]
fn stamps_rise_among_threads() {
    let stamps = version::Stamps::default();
    let mut all: Vec<SystemTime> = std::thread::scope(|scope| {
        let draw = || (0..2_000).map(|_| stamps.next().time()).collect::<Vec<_>>();
        let threads = [scope.spawn(draw), scope.spawn(draw), scope.spawn(draw)];
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 6_000);
}

#[tokio::test]
async fn the_layout_is_the_keys() {
    let (folder, store) = store();
    put(&store, "owners/ada/files/a b/ü.csv", "x").await;
    assert_eq!(fs::read(folder.path().join("owners/ada/files/a b/ü.csv")).unwrap(), b"x");
    store.delete(&key("owners/ada/files/a b/ü.csv")).await.unwrap();
    assert!(!folder.path().join("owners/ada").exists(), "empty folders go, too");
}

#[tokio::test]
async fn files_are_moved_and_shared_not_copied() {
    let (folder, store) = store();
    let from = store.scratch().join("from");
    fs::write(&from, "bytes").unwrap();
    let inode = fs::metadata(&from).unwrap().ino();
    store.put_file(&key("a/blob"), &from, Expect::Absent).await.unwrap();
    let blob = fs::metadata(folder.path().join("a/blob")).unwrap();
    assert_eq!((blob.ino(), blob.nlink(), blob.mode() & 0o222), (inode, 1, 0), "moved, and nobody's to write");
    let to = store.scratch().join("to");
    store.fetch(&key("a/blob"), &to).await.unwrap();
    assert_eq!(fs::metadata(&to).unwrap().ino(), inode);
    assert_eq!(drafts(&folder), 0);
}

#[tokio::test]
async fn a_name_that_is_taken_is_refused() {
    let (_folder, store) = store();
    put(&store, "a/b", "file").await;
    for taken in ["a", "a/b/c", "a/b/c/d", ".tmp", ".tmp/x", ".lock", ".lock/x"] {
        assert_eq!(put_kind(&store, taken).await, StoreErrorKind::Invalid, "{taken}");
        assert_eq!(value(&store, taken).await, None, "{taken}");
        store.delete(&key(taken)).await.expect("nothing to delete");
    }
    let long = format!("a/{}", "x".repeat(300));
    assert_eq!(put_kind(&store, &long).await, StoreErrorKind::Invalid);
    assert_eq!(value(&store, &long).await, None);
    store.delete(&key(&long)).await.expect("nothing to delete");
    assert_eq!(value(&store, "a/b").await.as_deref(), Some(&b"file"[..]));
    assert_eq!(names(&store).await, ["a/b"]);
}

#[tokio::test]
async fn foreign_things_are_left_out() {
    let (folder, store) = store();
    put(&store, "a/b", "1").await;
    let at = |name: &[u8]| folder.path().join("a").join(std::ffi::OsStr::from_bytes(name));
    fs::write(at(b"not-utf8-\xff"), "x").unwrap();
    fs::write(at(b"back\\slash"), "x").unwrap();
    fs::write(at(b"line\nbreak"), "x").unwrap();
    fs::create_dir(at(b"empty")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, at(b"pipe"), rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    assert_eq!(names(&store).await, ["a/b"]);
    assert_eq!(value(&store, "a/pipe").await, None, "and nobody waits for a pipe's other end");
    assert_eq!(store.head(&key("a/pipe")).await.unwrap(), None);
    assert_eq!(put_kind(&store, "a/pipe").await, StoreErrorKind::Invalid);
    assert_eq!(put_kind(&store, "a/empty").await, StoreErrorKind::Invalid);
}
