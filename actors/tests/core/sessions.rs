//! Sessions: whose they are, how long they last, when an idle one ends; jobs under the names of their requests.

use std::sync::Arc;
use std::time::Duration;

use actors::model::{JobId, Owner, SessionId};
use actors::ports::Clock;
use actors::{Activity, Call, CoreError, IdleEnd, OpenSession, Sweep};
use serde_json::json;
use tokio::sync::oneshot;

use crate::harness::{World, call};

const TTL: Duration = Duration::from_hours(24 * 7);
const IDLE: Duration = Duration::from_mins(30);

#[actix::test]
async fn a_session_is_its_owners_for_its_time() {
    let world = World::shared().await;
    let (one, other) = (world.running(1).await, world.running(1).await);
    let (ada, bob): (Owner, Owner) = ("ada".parse().expect("a name"), "bob".parse().expect("a name"));
    let id = SessionId::random();
    one.core.sessions.save(&ada, &id, json!({"v": 1})).await.expect("saved");
    let there = other.core.sessions.load(&ada, &id).await.expect("store").expect("there");
    assert_eq!(there.initialize, json!({"v": 1}));
    assert!(other.core.sessions.load(&bob, &id).await.expect("store").is_none(), "another's");

    // Used now and then, it lives for good.
    for _ in 0..5 {
        world.clock.advance(TTL / 2);
        assert!(other.core.sessions.touch(&ada, &id).await.expect("store"));
        one.supervisor.send(Sweep).await.expect("supervisor lives");
    }
    let request = JobId::random();
    other.core.sessions.note_job(&ada, &id, &request, &JobId::random()).await.expect("noted");
    world.clock.advance(TTL);
    assert!(!one.core.sessions.touch(&ada, &id).await.expect("store"));
    assert!(one.core.sessions.load(&ada, &id).await.expect("store").is_none());
    one.supervisor.send(Sweep).await.expect("supervisor lives");
    assert!(one.core.sessions.noted_job(&ada, &id, &request).await.expect("store").is_none(), "nothing is left");
}

#[actix::test]
async fn an_idle_session_ends_and_says_so() {
    let world = World::new().await;
    let process = world.running(1).await;
    let activity = Activity::new(Arc::clone(&world.clock) as Arc<dyn Clock>);
    let (tell, mut told) = oneshot::channel();
    let tell = Box::new(move || tell.send(()).expect("heard"));
    let idle_end = Some(IdleEnd { after: IDLE, activity: Arc::clone(&activity), tell });
    let session = process.supervisor.send(OpenSession { owner: Owner::local(), idle_end }).await.expect("lives");
    let in_use = activity.begin();
    world.clock.advance(IDLE * 3);
    process.drive(tokio::task::yield_now()).await;
    assert!(session.connected() && told.try_recv().is_err(), "it is in use");
    drop(in_use);
    let ended = async { (&mut told).await.expect("told") };
    let before = world.clock.now();
    process.drive(ended).await;
    assert!(world.clock.now() - before >= IDLE, "not before its time");
}

#[actix::test]
async fn a_job_gets_the_name_that_its_call_asks_for_once() {
    let world = World::new().await;
    let (process, owner, name) = (world.running(2).await, Owner::local(), JobId::random());
    let named = |word: &str| Call { id: Some(name.clone()), ..call(word) };
    let first = process.submit(&owner, named("one")).await.expect("accepted");
    assert_eq!(first.record.id, name);
    assert!(process.submit(&owner, named("one")).await.expect("accepted").reused);
    let second = process.submit(&owner, named("two")).await.expect("accepted");
    assert!(!second.reused && second.record.id != name, "the name is taken");
    for job in [&first.record.id, &second.record.id] {
        process.end_of(&owner, job).await;
    }
    let (listed, _) = process.core.records.list(&owner, None, 10).await.expect("store");
    assert_eq!(listed.len(), 2, "each is listed once");
    let kept = process.core.find(&owner, &name).await.expect("the first is untouched");
    assert_eq!(kept.params, first.record.params);
}

#[actix::test]
async fn wishes_are_changed_one_after_the_other() {
    let world = World::shared().await;
    let (one, other) = (world.running(1).await, world.running(1).await);
    let (owner, id) = (Owner::local(), SessionId::random());
    assert!(one.core.sessions.wishes(&owner, &id).await.expect("store").is_none());
    assert!(one.core.sessions.wishes_version(&owner, &id).await.expect("store").is_none());
    let add = |word: &'static str| {
        move |before: Option<&[u8]>| Ok::<_, CoreError>([before.unwrap_or_default(), word.as_bytes()].concat())
    };
    let (first, second) = tokio::join!(
        one.core.sessions.change_wishes(&owner, &id, add("a")),
        other.core.sessions.change_wishes(&owner, &id, add("b")),
    );
    let versions = [first.expect("changed").1, second.expect("changed").1];
    let wishes = one.core.sessions.wishes(&owner, &id).await.expect("store").expect("some");
    assert!(*wishes == *b"ab" || *wishes == *b"ba", "{wishes:?}");
    let latest = other.core.sessions.wishes_version(&owner, &id).await.expect("store").expect("a version");
    assert!(versions.contains(&latest));
    let refused = one.core.sessions.change_wishes(&owner, &id, |_| Err(CoreError::Draining)).await;
    assert!(refused.is_err() && one.core.sessions.wishes(&owner, &id).await.expect("store").expect("some") == wishes);
    one.core.sessions.save(&owner, &id, json!({})).await.expect("saved");
    one.core.sessions.remove(&owner, &id).await.expect("removed");
    assert!(one.core.sessions.wishes(&owner, &id).await.expect("store").is_none(), "nothing is left");
}
