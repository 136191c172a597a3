//! The suites on the versions in memory, and what only these promise.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join;

use super::{Fault, FaultyStore, ManualClock, MemoryQueue, MemoryStore};
use crate::model::{JobId, Owner};
use crate::ports::{BlobStore, Clock, Expect, JobQueue, Key, Message, StoreErrorKind, contract};

const SECOND: Duration = Duration::from_secs(1);

fn message(owner: &str) -> Message {
    Message { job: JobId::random(), owner: owner.parse().unwrap() }
}

fn queue(capacity: usize) -> (Arc<ManualClock>, MemoryQueue) {
    let clock = Arc::new(ManualClock::default());
    (Arc::clone(&clock), MemoryQueue::new(clock, capacity))
}

async fn owners(queue: &MemoryQueue, most: usize) -> Vec<Owner> {
    let deliveries = queue.receive(most, SECOND, Duration::ZERO).await.unwrap();
    deliveries.into_iter().map(|delivery| delivery.message.owner).collect()
}

#[tokio::test]
async fn the_store_keeps_its_promises() {
    let scratch = tempfile::tempdir().unwrap();
    contract::store(&MemoryStore::default(), scratch.path()).await;
}

#[tokio::test]
async fn a_wrapper_keeps_the_promises() {
    let scratch = tempfile::tempdir().unwrap();
    contract::store(&FaultyStore::new(Arc::new(MemoryStore::default())), scratch.path()).await;
}

#[tokio::test]
async fn the_queue_keeps_its_promises() {
    let (clock, queue) = queue(10);
    contract::queue(&queue, async |time| clock.advance(time)).await;
}

#[tokio::test]
async fn sleepers_wake_when_their_time_has_come() {
    let clock = ManualClock::default();
    let start = clock.now();
    let turn = async {
        assert_eq!(clock.sleepers(), 1);
        clock.advance(SECOND);
        tokio::task::yield_now().await;
        assert_eq!(clock.sleepers(), 1, "half of the time");
        clock.advance(SECOND);
    };
    join(clock.sleep(2 * SECOND), turn).await;
    assert_eq!((clock.now() - start, clock.sleepers()), (time::Duration::seconds(2), 0));
    clock.sleep(Duration::ZERO).await;
}

#[tokio::test]
async fn an_owner_is_served_first_in_first_out() {
    let (_, queue) = queue(10);
    let sent: Vec<Message> = (0..5).map(|_| message("ada")).collect();
    for message in &sent {
        queue.send(message, Duration::ZERO).await.unwrap();
    }
    let received = queue.receive(5, SECOND, Duration::ZERO).await.unwrap();
    assert!(received.iter().map(|delivery| &delivery.message).eq(&sent));
}

#[tokio::test]
async fn a_newcomer_does_not_wait_behind_a_long_line() {
    let (_, queue) = queue(20_000);
    for _ in 0..10_000 {
        queue.send(&message("ada"), Duration::ZERO).await.unwrap();
    }
    assert_eq!(owners(&queue, 1).await[0].as_str(), "ada");
    queue.send(&message("ben"), Duration::ZERO).await.unwrap();
    let next = owners(&queue, 3).await;
    assert!(next[..2].iter().any(|owner| owner.as_str() == "ben"), "{next:?}");
    assert_eq!(owners(&queue, 20_000).await.len(), 9_997, "all come in the end");
}

#[tokio::test]
async fn what_is_released_goes_to_the_end_of_the_line() {
    let (_, queue) = queue(10);
    let (first, second) = (message("ada"), message("ada"));
    queue.send(&first, Duration::ZERO).await.unwrap();
    queue.send(&second, Duration::ZERO).await.unwrap();
    let held = queue.receive(1, SECOND, Duration::ZERO).await.unwrap();
    queue.release(&held[0].receipt).await.unwrap();
    let received = queue.receive(2, SECOND, Duration::ZERO).await.unwrap();
    assert!(received.iter().map(|delivery| &delivery.message).eq([&second, &first]));
}

#[tokio::test]
async fn what_is_forgotten_makes_room() {
    let (_, queue) = queue(2);
    let (one, other) = (message("ada"), message("ada"));
    queue.send(&one, Duration::ZERO).await.unwrap();
    queue.send(&other, SECOND).await.unwrap();
    queue.forget(&one.job).await;
    queue.forget(&other.job).await;
    assert_eq!(queue.depth().await.unwrap().waiting, 0);
    queue.send(&one, Duration::ZERO).await.unwrap();
    let held = queue.receive(1, SECOND, Duration::ZERO).await.unwrap();
    queue.forget(&one.job).await;
    queue.release(&held[0].receipt).await.unwrap();
    assert_eq!(queue.depth().await.unwrap().waiting, 1, "what is held is its holder's");
}

#[tokio::test]
async fn endless_times_are_no_trouble() {
    let (clock, queue) = queue(10);
    queue.send(&message("ada"), Duration::ZERO).await.unwrap();
    let held = queue.receive(1, Duration::MAX, Duration::MAX).await.unwrap();
    let (received, ()) = join(queue.receive(1, Duration::MAX, Duration::MAX), async {
        clock.advance(SECOND);
        queue.release(&held[0].receipt).await.unwrap();
    })
    .await;
    assert_eq!(received.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_message_is_lost_or_doubled_among_threads() {
    let (_, queue) = queue(1_000);
    let queue = Arc::new(queue);
    let receivers: Vec<_> = (0..4)
        .map(|_| {
            let queue = Arc::clone(&queue);
            tokio::spawn(async move {
                let mut jobs = Vec::new();
                while jobs.len() < 100 {
                    for delivery in queue.receive(1, 60 * SECOND, 60 * SECOND).await.unwrap() {
                        queue.delete(&delivery.receipt).await.unwrap();
                        jobs.push(delivery.message.job);
                    }
                }
                jobs
            })
        })
        .collect();
    let mut sent = Vec::new();
    for n in 0..400 {
        let message = message(["ada", "ben", "cyd"][n % 3]);
        queue.send(&message, Duration::ZERO).await.unwrap();
        sent.push(message.job);
    }
    let mut received = Vec::new();
    for receiver in receivers {
        received.extend(receiver.await.unwrap());
    }
    sent.sort();
    received.sort();
    assert_eq!(sent, received);
}

#[tokio::test]
async fn a_full_store_keeps_what_it_has() {
    let store = MemoryStore::default().with_capacity(10);
    let (one, other) = (Key::new("one"), Key::new("other"));
    store.put(&one, Bytes::from_static(b"12345678"), Expect::Any).await.unwrap();
    for key in [&one, &other] {
        let full = store.put(key, Bytes::from_static(b"12345678901"), Expect::Any).await.unwrap_err();
        assert_eq!(full.kind, StoreErrorKind::Full);
    }
    assert_eq!(&store.get(&one).await.unwrap().unwrap().value[..], b"12345678");
    store.put(&one, Bytes::from_static(b"1234567890"), Expect::Any).await.expect("replaced, it fits");
    store.delete(&one).await.unwrap();
    store.put(&other, Bytes::from_static(b"1234567890"), Expect::Any).await.expect("there is room again");
}

#[tokio::test]
async fn a_store_fails_as_planned() {
    let inner = Arc::new(MemoryStore::default());
    let store = FaultyStore::new(inner.clone());
    let [one, two, three] = ["one", "two", "three"].map(Key::new);
    store.fail_once(1, Fault::Before);
    assert_eq!(store.put(&one, Bytes::new(), Expect::Any).await.unwrap_err().kind, StoreErrorKind::Unavailable);
    assert!(inner.get(&one).await.unwrap().is_none());
    store.put(&one, Bytes::new(), Expect::Any).await.expect("only once");

    store.die(4, Fault::After);
    store.put(&two, Bytes::new(), Expect::Any).await.expect("not yet");
    assert_eq!(store.delete(&two).await.unwrap_err().kind, StoreErrorKind::Unavailable);
    assert!(inner.get(&two).await.unwrap().is_none(), "it took effect");
    store.put(&three, Bytes::new(), Expect::Any).await.unwrap_err();
    assert!(inner.get(&three).await.unwrap().is_none(), "the dead write nothing");
    assert_eq!(store.writes(), ["put one", "put one", "put two", "delete two", "put three"]);
    store.recover();
    store.put(&three, Bytes::new(), Expect::Any).await.unwrap();
}

#[tokio::test]
async fn a_lost_answer_leaves_the_callers_file() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("file.bin");
    std::fs::write(&file, b"bytes").unwrap();
    let store = FaultyStore::new(Arc::new(MemoryStore::default()));
    store.fail_once(1, Fault::After);
    store.put_file(&Key::new("blob"), &file, Expect::Absent).await.unwrap_err();
    assert_eq!(std::fs::read(&file).unwrap(), b"bytes");
    assert_eq!(&store.get(&Key::new("blob")).await.unwrap().unwrap().value[..], b"bytes");
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 1, "no twin is left");
}
