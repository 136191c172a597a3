//! What goes wrong between a server and Azure, one thing at a time: it is mended, or told as what it is.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use actors::model::JobId;
use actors::ports::{
    BlobStore, ByteStream, Expect, JobQueue, Key, Message, QueueErrorKind, StoreErrorKind, SystemClock,
};
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use heavylift::queue::AzureQueue;
use heavylift::store::AzureStore;
use tokio::sync::Notify;

use crate::azurite::{self, by_way_of};
use crate::proxy::{Fault, Proxy};

/// A store behind a proxy, and the same container without one.
struct Bench {
    proxy: Proxy,
    store: AzureStore,
    direct: AzureStore,
    key: Key,
}

impl Bench {
    async fn new() -> Self {
        let azurite = azurite::shared().await;
        let (proxy, url) = (Proxy::before(&azurite.blob).await, azurite.new_container());
        let store = azurite::store(&by_way_of(&url, proxy.port)).await;
        proxy.clear();
        Self { proxy, store, direct: azurite::store(&url).await, key: Key::new("some/key") }
    }

    async fn written(value: &[u8]) -> Self {
        let bench = Self::new().await;
        bench.direct.put(&bench.key, Bytes::copy_from_slice(value), Expect::Absent).await.expect("written");
        bench
    }

    async fn put(&self, value: &'static str, expect: Expect) -> Result<actors::ports::Etag, StoreErrorKind> {
        self.store.put(&self.key, value.into(), expect).await.map_err(|error| error.kind)
    }

    async fn value(&self) -> Bytes {
        self.direct.get(&self.key).await.expect("get works").expect("it is there").value
    }
}

async fn drain(stream: ByteStream) -> Vec<u8> {
    let pieces: Vec<Bytes> = stream.try_collect().await.expect("mended");
    pieces.concat()
}

fn pattern(bytes: u32) -> Vec<u8> {
    (0..bytes).map(|at| (at ^ (at >> 8) ^ (at >> 16)).to_le_bytes()[0]).collect()
}

#[tokio::test]
async fn throttling_slows_down_and_does_not_fail() {
    let bench = Bench::new().await;
    for fault in [
        Fault::Answer(503, "ServerBusy", ""),
        Fault::Answer(503, "ServerBusy", "retry-after: 1\r\n"),
        Fault::Answer(429, "TooManyRequests", "x-ms-retry-after-ms: 300\r\n"),
        Fault::Answer(500, "InternalError", ""),
        Fault::Answer(500, "OperationTimedOut", ""),
    ] {
        bench.proxy.plan("PUT ", fault);
    }
    let etag = bench.put("written at last", Expect::Absent).await.expect("tried again");
    assert_eq!(bench.proxy.seen("PUT ").len(), 6);
    for what in ["GET ", "HEAD ", "comp=list", "DELETE "] {
        bench.proxy.plan(what, Fault::Answer(503, "ServerBusy", ""));
        bench.proxy.plan(what, Fault::Reset);
    }
    assert_eq!(bench.store.head(&bench.key).await.expect("head works").expect("there").etag, etag);
    assert!(bench.store.get(&bench.key).await.expect("get works").is_some());
    assert_eq!(bench.store.list("", None, 5).await.expect("list works").entries.len(), 1);
    bench.store.delete(&bench.key).await.expect("deleted");
    assert_eq!(bench.proxy.left(), 0, "everything went wrong that was to go wrong");
}

#[tokio::test]
async fn a_service_that_stays_down_is_unavailable_within_the_budget() {
    let bench = Bench::new().await;
    for _ in 0..40 {
        bench.proxy.plan("PUT ", Fault::Answer(503, "ServerBusy", ""));
    }
    assert_eq!(bench.put("never", Expect::Any).await, Err(StoreErrorKind::Unavailable));
    assert!(bench.proxy.seen("PUT ").len() > 3, "it was tried more than once");
    assert!(bench.proxy.left() > 0, "and not for ever");
}

#[tokio::test]
async fn a_condition_that_does_not_hold_is_a_conflict_at_once() {
    let bench = Bench::written(b"theirs").await;
    let etag = bench.direct.head(&bench.key).await.expect("head works").expect("there").etag;
    for (status, code) in [(412, "ConditionNotMet"), (409, "BlobAlreadyExists")] {
        bench.proxy.clear();
        bench.proxy.plan("PUT ", Fault::Answer(status, code, ""));
        assert_eq!(bench.put("ours", Expect::Etag(etag.clone())).await, Err(StoreErrorKind::Conflict), "{code}");
        assert_eq!((bench.proxy.seen("PUT ").len(), bench.proxy.seen("HEAD ").len()), (1, 0), "one request, {code}");
    }
    // Not every 409 is about the condition.
    bench.proxy.plan("PUT ", Fault::Answer(409, "SnapshotOperationRateExceeded", ""));
    assert_eq!(bench.put("ours", Expect::Etag(etag)).await, Err(StoreErrorKind::Unavailable));
    assert_eq!(&bench.value().await[..], b"theirs");
}

#[tokio::test]
async fn a_refusal_names_its_remedy_and_no_secret() {
    let bench = Bench::new().await;
    bench.proxy.plan("PUT ", Fault::Answer(403, "AuthenticationFailed", ""));
    let refused = bench.store.put(&bench.key, "x".into(), Expect::Any).await.expect_err("refused");
    assert_eq!(refused.kind, StoreErrorKind::Unavailable);
    assert!(refused.message.contains("renew the signature"), "{refused}");
    bench.proxy.plan("GET ", Fault::Answer(404, "ContainerNotFound", ""));
    let refused = bench.store.get(&bench.key).await.expect_err("no container is not no blob");
    assert_eq!(refused.kind, StoreErrorKind::Unavailable);
    for shown in [format!("{refused:?}"), refused.to_string()] {
        assert!(!shown.contains("sig=") && !shown.contains("127.0.0.1"), "{shown}");
    }
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_happened_once() {
    let bench = Bench::new().await;
    bench.proxy.plan("PUT ", Fault::LoseAnswer);
    let first = bench.put("first", Expect::Absent).await.expect("it was ours");
    assert_eq!(&bench.value().await[..], b"first");
    bench.proxy.plan("PUT ", Fault::LoseAnswer);
    bench.proxy.plan("PUT ", Fault::LoseAnswer);
    let second = bench.put("second", Expect::Etag(first)).await.expect("it was ours");
    assert_eq!(&bench.value().await[..], b"second");
    let third = bench.put("third", Expect::Etag(second)).await.expect("the version that was told is the one there");
    bench.proxy.plan("DELETE ", Fault::LoseAnswer);
    bench.store.delete(&bench.key).await.expect("it is gone, by whichever try");
    assert_eq!(bench.put("fourth", Expect::Etag(third)).await, Err(StoreErrorKind::Conflict));
    assert_eq!(bench.proxy.left(), 0);
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_and_that_was_written_over_is_a_conflict() {
    let bench = Bench::written(b"before").await;
    let etag = bench.direct.head(&bench.key).await.expect("head works").expect("there").etag;
    let overwritten = Arc::new(Notify::new());
    bench.proxy.plan("PUT ", Fault::LoseAnswerAfter(Arc::clone(&overwritten)));
    let other = async {
        while bench.direct.head(&bench.key).await.expect("head works").expect("there").etag == etag {}
        bench.direct.put(&bench.key, "theirs".into(), Expect::Any).await.expect("written");
        overwritten.notify_one();
    };
    let (ours, ()) = tokio::join!(bench.put("ours", Expect::Etag(etag.clone())), other);
    assert_eq!(ours, Err(StoreErrorKind::Conflict));
    assert_eq!(&bench.value().await[..], b"theirs", "and it is not written a second time");
}

#[tokio::test]
async fn blocks_are_tried_again_one_by_one() {
    let bench = Bench::new().await;
    let folder = tempfile::tempdir().expect("temporary folder");
    let (from, value) = (folder.path().join("from"), pattern(21_000_000));
    tokio::fs::write(&from, &value).await.expect("written");
    bench.proxy.plan("comp=block&", Fault::Answer(503, "ServerBusy", ""));
    bench.proxy.plan("comp=block&", Fault::Reset);
    bench.proxy.plan("comp=block&", Fault::LoseAnswer);
    bench.proxy.plan("comp=blocklist", Fault::LoseAnswer);
    let etag = bench.store.put_file(&bench.key, &from, Expect::Absent).await.expect("mended");
    assert_eq!(bench.proxy.left(), 0);
    let blob = bench.direct.get(&bench.key).await.expect("get works").expect("it is there");
    assert!(blob.value == value, "the same bytes");
    assert_eq!(blob.meta.etag, etag);
    let seen = bench.proxy.seen("comp=block&");
    let ids: BTreeSet<&str> =
        seen.iter().filter_map(|head| head.split("blockid=").nth(1)?.split(['&', ' ']).next()).collect();
    assert_eq!(ids.len(), 6, "no block was begun anew");
    assert!(seen.len() >= 6 + 3, "three of them were sent again");
}

#[tokio::test]
async fn a_body_that_ends_early_is_gone_on_with() {
    let value = pattern(3_000_000);
    let bench = Bench::written(&value).await;
    for bytes in [1_000_000, 0, 700_000] {
        bench.proxy.plan("GET ", Fault::Truncate(bytes));
    }
    let (meta, stream) = bench.store.read(&bench.key, None).await.expect("it is there");
    assert!(drain(stream).await == value, "the same bytes");
    let seen = bench.proxy.seen("GET ");
    assert_eq!(seen.len(), 4);
    for (request, from) in seen[1..].iter().zip(["bytes=1000000-", "bytes=1000000-", "bytes=1700000-"]) {
        assert!(request.contains(from) && request.contains(&meta.etag.0), "the rest of the same version: {request}");
    }
    for (wanted, range) in [(value.clone(), None), (value[5..2_000_000].to_vec(), Some(5..2_000_000))] {
        bench.proxy.plan("GET ", Fault::Truncate(1));
        bench.proxy.plan("GET ", Fault::Reset);
        let (_, stream) = bench.store.read(&bench.key, range).await.expect("it is there");
        assert!(drain(stream).await == wanted, "the same bytes");
    }
    bench.proxy.plan("GET ", Fault::Truncate(9));
    assert!(bench.store.get(&bench.key).await.expect("mended").expect("there").value == value);
    bench.proxy.plan("comp=list", Fault::Truncate(30));
    assert_eq!(bench.store.list("", None, 5).await.expect("asked again").entries.len(), 1);
}

#[tokio::test]
async fn a_body_that_never_comes_is_unavailable() {
    let bench = Bench::written(&pattern(1000)).await;
    for _ in 0..20 {
        bench.proxy.plan("GET ", Fault::Truncate(0));
    }
    let (_, stream) = bench.store.read(&bench.key, None).await.expect("it begins");
    let broken = stream.try_collect::<Vec<_>>().await.expect_err("nothing comes");
    assert_eq!(broken.kind, StoreErrorKind::Unavailable);
    let folder = tempfile::tempdir().expect("temporary folder");
    let to = folder.path().join("to");
    let broken = bench.store.fetch(&bench.key, &to).await.expect_err("nothing comes");
    assert_eq!(broken.kind, StoreErrorKind::Unavailable);
    assert!(!to.exists(), "no half a file");
}

/// A reader of one version gets that, or is told; never the beginning of one and the end of another.
#[tokio::test]
async fn a_version_that_went_while_it_was_read_is_told() {
    let bench = Bench::written(&pattern(2_000_000)).await;
    bench.proxy.plan("GET ", Fault::Truncate(1_000_000));
    let (_, mut stream) = bench.store.read(&bench.key, None).await.expect("it is there");
    stream.try_next().await.expect("a first piece").expect("not empty");
    bench.direct.put(&bench.key, vec![0; 2_000_000].into(), Expect::Any).await.expect("replaced");
    let broken = stream.try_collect::<Vec<_>>().await.expect_err("the rest is another version's");
    assert_eq!(broken.kind, StoreErrorKind::Unavailable);
    assert!(broken.message.contains("replaced"), "{broken}");
    // What is small and read whole is begun anew.
    bench.proxy.plan("GET ", Fault::Truncate(1));
    let now = bench.direct.head(&bench.key).await.expect("head works").expect("there").etag;
    bench.proxy.plan("GET ", Fault::Answer(412, "ConditionNotMet", ""));
    let blob = bench.store.get(&bench.key).await.expect("begun anew").expect("there");
    assert_eq!((blob.meta.etag, blob.value.len()), (now, 2_000_000));
}

#[tokio::test]
async fn parts_of_a_fetched_file_are_mended() {
    let value = pattern(50_000_000);
    let bench = Bench::new().await;
    bench.direct.put(&bench.key, value.clone().into(), Expect::Absent).await.expect("written");
    for fault in [Fault::Truncate(5_000_000), Fault::Truncate(12), Fault::Reset, Fault::Answer(503, "ServerBusy", "")] {
        bench.proxy.plan("GET ", fault);
    }
    let folder = tempfile::tempdir().expect("temporary folder");
    let to = folder.path().join("to");
    let meta = bench.store.fetch(&bench.key, &to).await.expect("mended");
    assert_eq!((meta.bytes, bench.proxy.left()), (50_000_000, 0));
    assert!(tokio::fs::read(&to).await.expect("fetched") == value, "the same bytes");
}

#[tokio::test]
async fn a_request_that_is_swallowed_is_asked_again() {
    let bench = Bench::written(b"there").await;
    bench.proxy.plan("HEAD ", Fault::Swallow);
    bench.proxy.plan("PUT ", Fault::Swallow);
    let head = bench.store.head(&bench.key);
    let (head, put) = tokio::join!(head, bench.put("written", Expect::Any));
    assert!(head.expect("asked again").is_some());
    put.expect("asked again");
}

#[tokio::test]
async fn what_was_cut_off_goes_on_when_it_is_healed() {
    let bench = Bench::written(&pattern(100_000)).await;
    bench.proxy.cut();
    let asked = bench.put("after the cut", Expect::Any);
    let heal = async {
        while bench.proxy.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        assert!(bench.value().await.len() == 100_000, "nothing came through");
        bench.proxy.heal();
    };
    let (written, ()) = tokio::join!(asked, heal);
    written.expect("it came through");
    assert_eq!(&bench.value().await[..], b"after the cut");
}

/// A queue behind a proxy, and the same without one.
async fn queues() -> (Proxy, AzureQueue, AzureQueue) {
    let azurite = azurite::shared().await;
    let (proxy, url) = (Proxy::before(&azurite.queue).await, azurite.new_queue());
    let behind = azurite::queue(&by_way_of(&url, proxy.port), Arc::new(SystemClock), 16).await;
    proxy.clear();
    (proxy, behind, azurite::queue(&url, Arc::new(SystemClock), 16).await)
}

#[tokio::test]
async fn a_queue_is_asked_again_and_its_answers_may_be_lost() {
    const HOLD: Duration = Duration::from_secs(30);
    let (proxy, queue, direct) = queues().await;
    let message = Message { job: JobId::random(), owner: "ada".parse().expect("an owner") };
    for fault in [Fault::Answer(503, "ServerBusy", ""), Fault::Answer(429, "TooManyRequests", ""), Fault::Reset] {
        proxy.plan("POST ", fault);
    }
    queue.send(&message, Duration::ZERO).await.expect("tried again");
    proxy.plan("GET ", Fault::Truncate(20));
    proxy.plan("GET ", Fault::Answer(500, "InternalError", ""));
    let mut found = queue.receive(1, Duration::from_secs(1), Duration::ZERO).await.expect("asked again");
    while found.is_empty() {
        // The answer that was truncated had taken it; it comes again.
        found = queue.receive(1, HOLD, Duration::from_secs(5)).await.expect("received");
    }
    assert_eq!(found[0].message, message);
    proxy.plan("PUT ", Fault::LoseAnswer);
    let receipt = queue.extend(&found[0].receipt, HOLD).await.expect("an old receipt is no error");
    queue.delete(&receipt).await.expect("nor here");
    assert!(direct.receive(1, HOLD, Duration::ZERO).await.expect("received").is_empty(), "it is held all the same");
    assert_eq!(proxy.left(), 0);

    proxy.plan("POST ", Fault::LoseAnswer);
    let twice = Message { job: JobId::random(), ..message };
    queue.send(&twice, Duration::ZERO).await.expect("sent");
    let found = direct.receive(5, HOLD, Duration::ZERO).await.expect("received");
    assert!(!found.is_empty() && found.iter().all(|delivery| delivery.message == twice), "at least once");
    proxy.plan("DELETE ", Fault::LoseAnswer);
    for delivery in &found {
        queue.delete(&delivery.receipt).await.expect("gone, by whichever try");
    }
    for _ in 0..3 {
        proxy.plan("DELETE ", Fault::Answer(403, "AuthorizationFailure", ""));
    }
    let refused = queue.delete(&found[0].receipt).await.expect_err("refused");
    assert_eq!(refused.kind, QueueErrorKind::Unavailable);
    assert!(refused.message.contains("renew the signature"), "{refused}");
}
