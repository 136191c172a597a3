//! One caller never sees another's work (I5), and nothing grows without bounds (I7).

use actors::model::Owner;
use actors::ports::QueueErrorKind;
use actors::{CoreError, FollowJob};
use tools::ToolErrorKind;

use crate::harness::{World, call};

#[actix::test]
async fn anothers_job_is_as_if_it_did_not_exist() {
    let world = World::new().await;
    let (ada, bob): (Owner, Owner) = ("ada".parse().expect("a name"), "bob".parse().expect("a name"));
    world.put(&ada, "in.txt", "hers").await;
    let process = world.running(1).await;
    let job = process.submit(&ada, call("one")).await.expect("accepted").record.id.clone();
    process.end_of(&ada, &job).await;
    let core = &process.core;
    let unknown = actors::model::JobId::random();
    let said = |error: CoreError| error.to_string().replace(job.as_str(), "X").replace(unknown.as_str(), "X");
    let foreign = said(core.find(&bob, &job).await.expect_err("not his"));
    assert_eq!(foreign, said(core.find(&bob, &unknown).await.expect_err("not there")));
    assert_eq!(foreign, said(core.cancel(&bob, &job).await.expect_err("not his")));
    assert_eq!(foreign, said(core.watch(&bob, &job).await.expect_err("not his")));
    let followed = process.session(&bob).await.send(FollowJob(job.clone())).await.expect("session lives");
    assert_eq!(foreign, said(followed.expect_err("not his")));
    let path = format!("jobs/{job}/out/copy.txt").parse().expect("a path");
    assert!(core.workspace.get(&ada, &path).await.is_ok());
    assert!(core.workspace.get(&bob, &path).await.is_err());
    assert!(core.records.list(&bob, None, 10).await.expect("list").0.is_empty());
    let missing = process.submit(&bob, call("one")).await.expect_err("he has no such file");
    assert!(matches!(missing, CoreError::Call(error) if error.kind == ToolErrorKind::NotFound));
}

#[actix::test]
async fn one_too_many_is_refused_and_leaves_nothing_behind() {
    let world = World::new().await;
    let owner = Owner::local();
    let process = world.process(1, 3); // nothing runs: every job waits
    for number in 0..3 {
        process.submit(&owner, call(&number.to_string())).await.expect("room");
    }
    let refused = process.submit(&owner, call("4")).await.expect_err("no room");
    assert!(matches!(refused, CoreError::Queue(error) if error.kind == QueueErrorKind::Full));
    assert_eq!(process.core.records.active().await.expect("store").len(), 3);
    assert_eq!(process.core.records.list(&owner, None, 10).await.expect("list").0.len(), 3);
}
