//! One fetch for all who want a version, no more on disk than there may be, and nothing taken from whoever holds it.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::join_all;
use tempfile::TempDir;
use tokio::sync::Semaphore;

use super::*;
use crate::ports::memory::MemoryStore;
use crate::ports::{Blob, ByteStream, Expect, Meta, Page};

/// A store whose fetches are counted, wait for leave, and fail as planned.
struct Slow {
    inner: MemoryStore,
    fetches: AtomicUsize,
    leave: Semaphore,
    failures: Mutex<Vec<StoreErrorKind>>,
}

#[async_trait]
impl BlobStore for Slow {
    async fn put(&self, key: &Key, value: Bytes, expect: Expect) -> Result<Etag, StoreError> {
        self.inner.put(key, value, expect).await
    }

    async fn put_file(&self, key: &Key, from: &Path, expect: Expect) -> Result<Etag, StoreError> {
        self.inner.put_file(key, from, expect).await
    }

    async fn get(&self, key: &Key) -> Result<Option<Blob>, StoreError> {
        self.inner.get(key).await
    }

    async fn head(&self, key: &Key) -> Result<Option<Meta>, StoreError> {
        self.inner.head(key).await
    }

    async fn read(&self, key: &Key, range: Option<Range<u64>>) -> Result<(Meta, ByteStream), StoreError> {
        self.inner.read(key, range).await
    }

    async fn fetch(&self, key: &Key, to: &Path) -> Result<Meta, StoreError> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        self.leave.acquire().await.expect("never closed").forget();
        let failure = self.failures.lock().pop();
        match failure {
            Some(kind) => Err(StoreError::new(kind, key, "a planned failure")),
            None => self.inner.fetch(key, to).await,
        }
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.inner.delete(key).await
    }

    async fn list(&self, prefix: &str, after: Option<&Key>, limit: usize) -> Result<Page, StoreError> {
        self.inner.list(prefix, after, limit).await
    }
}

/// A cache of ten bytes over a store.
struct World {
    slow: Arc<Slow>,
    store: Arc<dyn BlobStore>,
    cache: InputCache,
    folder: TempDir,
}

impl World {
    fn new() -> Self {
        let (fetches, failures) = (AtomicUsize::new(0), Mutex::default());
        let slow = Arc::new(Slow { inner: MemoryStore::default(), fetches, leave: Semaphore::new(1000), failures });
        let folder = tempfile::tempdir().expect("temporary folder");
        let cache = InputCache::new(folder.path().join("cache"), 10);
        Self { store: Arc::clone(&slow) as Arc<dyn BlobStore>, slow, cache, folder }
    }

    /// A new version of the blob `name`, of `bytes` bytes.
    async fn blob(&self, name: &str, bytes: u8) -> (Version, u64) {
        let key = Key::new(name);
        let value = Bytes::from(vec![bytes; usize::from(bytes)]);
        let etag = self.store.put(&key, value, Expect::Any).await.expect("put");
        (Version { mount: None, key, etag }, u64::from(bytes))
    }

    async fn ask(&self, (version, bytes): &(Version, u64)) -> Result<Brought, StoreError> {
        let brought = self.cache.hold(&self.store, version, *bytes).await;
        assert!(self.cache.0.state.lock().used_bytes() <= 10, "never more than there may be");
        brought
    }

    async fn hold(&self, wanted: &(Version, u64)) -> Held {
        match self.ask(wanted).await.expect("no failure") {
            Brought::Held(held) => {
                let bytes = std::fs::read(held.path()).expect("the file is there");
                assert_eq!(bytes.len() as u64, wanted.1, "and whole");
                held
            }
            other => panic!("{:?}: {other:?}", wanted.0),
        }
    }

    fn fetches(&self) -> usize {
        self.slow.fetches.load(Ordering::SeqCst)
    }

    /// Lets nobody fetch until it is told to.
    fn stop(&self) {
        self.slow.leave.forget_permits(1000);
    }

    fn files(&self) -> usize {
        std::fs::read_dir(self.folder.path().join("cache")).map_or(0, Iterator::count)
    }

    async fn until_used(&self, bytes: u64) {
        while self.used() != bytes {
            tokio::task::yield_now().await;
        }
    }

    fn used(&self) -> u64 {
        self.cache.0.state.lock().used_bytes()
    }
}

#[tokio::test]
async fn what_is_here_is_not_fetched_again() {
    let world = World::new();
    let first = world.blob("a", 4).await;
    drop(world.hold(&first).await);
    let path = world.hold(&first).await.path().to_owned();
    assert_eq!((world.fetches(), world.files(), world.used()), (1, 1, 4));
    assert!(std::fs::metadata(&path).expect("it stays").permissions().readonly());
    // A new version is another file; so is the same name in another store.
    let second = world.blob("a", 5).await;
    world.hold(&second).await;
    world.hold(&first).await;
    let elsewhere = (Version { mount: Some("data".to_owned()), ..second.0.clone() }, 1);
    world.slow.fetches.store(0, Ordering::SeqCst);
    assert!(world.ask(&elsewhere).await.is_ok());
    assert_eq!(world.fetches(), 1);
}

#[tokio::test]
async fn many_who_want_one_file_share_one_fetch() {
    let world = World::new();
    let wanted = world.blob("a", 4).await;
    world.stop();
    let all = join_all((0..16).map(|_| world.hold(&wanted)));
    let free = async {
        tokio::task::yield_now().await;
        assert_eq!(world.used(), 4, "room is set aside once");
        world.slow.leave.add_permits(1);
    };
    let (held, ()) = tokio::join!(all, free);
    assert_eq!((world.fetches(), world.files()), (1, 1));
    assert!(held.iter().all(|one| one.path() == held[0].path()));
}

#[tokio::test]
async fn the_least_recently_used_goes_first() {
    let world = World::new();
    let [a, b, c, d] =
        [world.blob("a", 3).await, world.blob("b", 3).await, world.blob("c", 3).await, world.blob("d", 3).await];
    for one in [&a, &b, &c, &a] {
        world.hold(one).await;
    }
    world.hold(&d).await;
    assert_eq!((world.fetches(), world.files(), world.used()), (4, 3, 9));
    for one in [&a, &c, &d] {
        world.hold(one).await;
    }
    assert_eq!(world.fetches(), 4, "all but b are here");
    world.hold(&b).await;
    assert_eq!((world.fetches(), world.files()), (5, 3));
}

#[tokio::test]
async fn what_is_held_stays_and_the_rest_makes_room() {
    let world = World::new();
    let [a, b, c] = [world.blob("a", 4).await, world.blob("b", 4).await, world.blob("c", 8).await];
    let (held, idle) = (world.hold(&a).await, world.hold(&b).await);
    drop(idle);
    assert!(matches!(world.ask(&c).await, Ok(Brought::NoRoom)), "two bytes are not enough");
    assert_eq!((world.files(), world.fetches()), (2, 2), "and b did not go for nothing");
    let d = world.blob("d", 6).await;
    world.hold(&d).await;
    assert_eq!(std::fs::read(held.path()).expect("still there"), vec![4; 4]);
    drop(held);
    world.hold(&c).await;
    assert_eq!((world.files(), world.used()), (1, 8));
}

#[tokio::test]
async fn a_file_larger_than_the_cache_is_left_to_its_job() {
    let world = World::new();
    let [a, big] = [world.blob("a", 4).await, world.blob("big", 11).await];
    world.hold(&a).await;
    assert!(matches!(world.ask(&big).await, Ok(Brought::NoRoom)));
    let endless = (big.0, u64::MAX);
    assert!(matches!(world.ask(&endless).await, Ok(Brought::NoRoom)));
    assert_eq!((world.files(), world.fetches()), (1, 1));
}

#[tokio::test]
async fn a_failed_fetch_fails_all_who_wait_and_nobody_after() {
    let world = World::new();
    let wanted = world.blob("a", 4).await;
    world.stop();
    world.slow.failures.lock().push(StoreErrorKind::Unavailable);
    let all = join_all((0..3).map(|_| world.ask(&wanted)));
    let free = async {
        tokio::task::yield_now().await;
        world.slow.leave.add_permits(1);
    };
    let (answers, ()) = tokio::join!(all, free);
    for answer in answers {
        assert_eq!(answer.expect_err("it failed").kind, StoreErrorKind::Unavailable);
    }
    assert_eq!((world.fetches(), world.files(), world.used()), (1, 0, 0));
    world.slow.leave.add_permits(1);
    world.hold(&wanted).await;
    assert_eq!(world.fetches(), 2);
}

#[tokio::test]
async fn a_fetch_ends_with_the_last_who_wants_it() {
    let world = World::new();
    let wanted = world.blob("a", 4).await;
    world.stop();
    let left_before_its_end = tokio::select! {
        biased;
        _ = world.ask(&wanted) => false,
        _ = world.ask(&wanted) => false,
        () = world.until_used(4) => true,
    };
    assert!(left_before_its_end, "both left before the fetch was over");
    assert_eq!((world.used(), world.files()), (0, 0), "its room is free again");
    world.slow.leave.add_permits(1);
    world.hold(&wanted).await;
}

#[tokio::test]
async fn one_who_leaves_takes_nothing_from_those_who_stay() {
    let world = World::new();
    let wanted = world.blob("a", 4).await;
    world.stop();
    let mut first = Box::pin(world.ask(&wanted));
    assert!(futures_util::poll!(&mut first).is_pending(), "it fetches");
    let second = world.hold(&wanted);
    let change = async {
        tokio::task::yield_now().await;
        drop(first);
        world.slow.leave.add_permits(1);
    };
    tokio::join!(second, change);
    assert_eq!(world.fetches(), 1);
}

#[tokio::test]
async fn another_version_is_told_and_not_kept() {
    let world = World::new();
    let old = world.blob("a", 4).await;
    let new = world.blob("a", 5).await;
    assert!(matches!(world.ask(&old).await, Ok(Brought::Changed)));
    assert_eq!((world.files(), world.used()), (0, 0));
    world.hold(&new).await;
    world.store.delete(&new.0.key).await.expect("deleted");
    world.hold(&new).await;
    assert_eq!(world.ask(&old).await.expect_err("gone").kind, StoreErrorKind::NotFound);
}

#[tokio::test]
async fn a_full_disk_takes_back_what_is_only_kept() {
    let world = World::new();
    let [a, b, c] = [world.blob("a", 2).await, world.blob("b", 2).await, world.blob("c", 2).await];
    let held = world.hold(&a).await;
    world.hold(&b).await;
    world.slow.failures.lock().push(StoreErrorKind::Full);
    world.hold(&c).await;
    assert_eq!((world.files(), world.used()), (2, 4), "b went, a did not");
    assert!(held.path().exists());
    // Where that does not help, whoever wants it is told to come again.
    world.slow.failures.lock().extend([StoreErrorKind::Full, StoreErrorKind::Full]);
    let answer = world.ask(&b).await;
    assert_eq!(answer.expect_err("no room").kind, StoreErrorKind::Full);
    world.hold(&b).await;
}
