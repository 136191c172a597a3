//! The same call is the same job, for as long as the caller means it to be.

use std::sync::atomic::Ordering;

use actors::model::Owner;
use actors::{Call, CoreError};
use futures_util::future::join_all;

use crate::harness::{World, call};

fn keyed(word: &str, key: &str) -> Call {
    Call { idempotency_key: Some(key.to_owned()), ..call(word) }
}

#[actix::test]
async fn an_identical_call_joins_or_gets_the_kept_result() {
    let world = World::new().await;
    let owner = Owner::local();
    let process = world.running(2).await;
    world.gate.close();
    let first = process.submit(&owner, call("one")).await.expect("accepted");
    let joined = process.submit(&owner, call("one")).await.expect("accepted");
    assert_eq!((&joined.record.id, joined.reused), (&first.record.id, true));
    world.gate.open();
    process.end_of(&owner, &first.record.id).await;
    let kept = process.submit(&owner, call("one")).await.expect("accepted");
    assert_eq!((&kept.record.id, kept.reused), (&first.record.id, true));
    let fresh = process.submit(&owner, Call { fresh: true, ..call("one") }).await.expect("accepted");
    assert_ne!(fresh.record.id, first.record.id);
    process.end_of(&owner, &fresh.record.id).await;
    world.put(&owner, "in.txt", "other words").await;
    let changed = process.submit(&owner, call("one")).await.expect("accepted");
    assert!(!changed.reused, "the input is another version");
}

#[actix::test]
async fn many_identical_calls_at_once_are_one_job() {
    let world = World::new().await;
    let owner = Owner::local();
    let process = world.running(2).await;
    let calls = (0..20).map(|_| process.submit(&owner, call("one")));
    let jobs: Vec<_> =
        join_all(calls).await.into_iter().map(|submitted| submitted.expect("accepted").record.id.clone()).collect();
    process.end_of(&owner, &jobs[0]).await;
    assert!(jobs.iter().all(|job| *job == jobs[0]), "{jobs:?}");
    assert_eq!(world.runs.load(Ordering::SeqCst), 1);
    assert_eq!(process.core.records.list(&owner, None, 50).await.expect("list").0.len(), 1);
}

#[actix::test]
async fn a_key_stands_for_one_call() {
    let world = World::new().await;
    let owner = Owner::local();
    let process = world.running(1).await;
    let first = process.submit(&owner, keyed("panic", "mine")).await.expect("accepted");
    process.end_of(&owner, &first.record.id).await;
    let again = process.submit(&owner, keyed("panic", "mine")).await.expect("accepted");
    assert_eq!(again.record.id, first.record.id, "also after a failure: the caller asked for this very job");
    let other = process.submit(&owner, keyed("two", "mine")).await.expect_err("another call");
    assert!(matches!(other, CoreError::KeyConflict(key) if key == "mine"));
    let unkeyed = process.submit(&owner, call("panic")).await.expect("accepted");
    assert!(!unkeyed.reused, "a failed job is no kept result");
}

#[actix::test]
async fn what_a_call_would_read_is_known_ahead() {
    let world = World::new().await;
    let owner = Owner::local();
    let process = world.running(1).await;
    let words = u64::try_from("three little words".len()).expect("few");
    assert_eq!(process.core.weigh(&owner, &call("one")).await.expect("weighed"), words);
    assert!(process.core.kept(&owner, &call("one")).await.expect("looked").is_none());
    let first = process.submit(&owner, keyed("one", "mine")).await.expect("accepted");
    process.end_of(&owner, &first.record.id).await;
    assert_eq!(process.core.weigh(&owner, &keyed("one", "mine")).await.expect("weighed"), 0, "it would read nothing");
    assert_eq!(process.core.weigh(&owner, &call("one")).await.expect("weighed"), words, "a key is of its own call");
    let plain = process.submit(&owner, call("one")).await.expect("accepted");
    process.end_of(&owner, &plain.record.id).await;
    assert_eq!(process.core.weigh(&owner, &call("one")).await.expect("weighed"), 0);
    let fresh = Call { fresh: true, ..call("one") };
    assert_eq!(process.core.weigh(&owner, &fresh).await.expect("weighed"), words);
    let kept = process.core.kept(&owner, &call("one")).await.expect("looked").expect("the kept result");
    assert_eq!(kept.id, plain.record.id);
    let stranger: Owner = "eve".parse().expect("a name");
    assert!(process.core.weigh(&stranger, &call("one")).await.is_err(), "another's file is not there");
}
