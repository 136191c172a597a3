//! The end of a job's time, and what is not this version's to touch.

use std::time::Duration;

use actors::model::{JobId, Owner};
use actors::ports::{BlobStore as _, Expect};
use actors::{CoreError, Sweep, layout};
use bytes::Bytes;

use crate::harness::{World, call};

const TTL: Duration = Duration::from_hours(24);
const SHORTLY_BEFORE: Duration = Duration::from_mins(24 * 60 - 1);

#[actix::test]
async fn a_result_lives_its_time_and_leaves_nothing_behind() {
    let world = World::new().await;
    let owner = Owner::local();
    let process = world.running(1).await;
    let job = process.submit(&owner, call("one")).await.expect("accepted").record.id.clone();
    process.end_of(&owner, &job).await;
    world.clock.advance(SHORTLY_BEFORE);
    process.supervisor.send(Sweep).await.expect("supervisor lives");
    process.core.find(&owner, &job).await.expect("it lives to the last minute");
    let name = "out/copy.txt".parse().expect("a name");
    let artifact = layout::artifact(&job, 1, &name);

    world.clock.advance(Duration::from_mins(2));
    assert!(matches!(process.core.find(&owner, &job).await, Err(CoreError::NoSuchJob(_))));
    process.supervisor.send(Sweep).await.expect("supervisor lives");
    assert!(world.store.head(&artifact).await.expect("store").is_some(), "for who reads it just now");

    world.clock.advance(Duration::from_mins(10));
    // Left by a removal that was cut short, or by a replica that came too late.
    let stray = layout::artifact(&JobId::random(), 1, &name);
    world.store.put(&stray, Bytes::from_static(b"stray"), Expect::Any).await.expect("put");
    process.supervisor.send(Sweep).await.expect("supervisor lives");
    assert_eq!(keys(&world).await, [stray.as_str(), "owners/local/files/in.txt"], "nothing else of it is left");
    world.clock.advance(TTL * 2);
    process.supervisor.send(Sweep).await.expect("supervisor lives");
    assert_eq!(keys(&world).await, ["owners/local/files/in.txt"]);
}

async fn keys(world: &World) -> Vec<String> {
    let page = world.store.list("", None, 100).await.expect("store");
    page.entries.iter().map(|entry| entry.key.to_string()).collect()
}

#[actix::test]
async fn a_later_versions_record_is_left_alone() {
    let world = World::shared().await;
    let owner = Owner::local();
    let later = JobId::random();
    let bytes = Bytes::from_static(b"{\"schema\":3,\"sealed_by\":\"a later version\"}\n{}");
    let key = layout::record(&later);
    world.store.put(&key, bytes.clone(), Expect::Absent).await.expect("put");
    world.store.put(&layout::active(&later), Bytes::new(), Expect::Absent).await.expect("put");
    let process = world.running(1).await;
    world.clock.advance(TTL * 3);
    process.supervisor.send(Sweep).await.expect("supervisor lives");
    let job = process.submit(&owner, call("one")).await.expect("accepted").record.id.clone();
    process.end_of(&owner, &job).await;
    let refused = process.core.find(&owner, &later).await.expect_err("not ours to read");
    assert!(refused.to_string().contains("schema 3"), "{refused}");
    assert_eq!(world.store.get(&key).await.expect("store").expect("still there").value, bytes);
    assert!(world.store.head(&layout::active(&later)).await.expect("store").is_some(), "its marker, too");
}
