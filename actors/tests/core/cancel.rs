//! Stopping: a queued job at once, a running one when its tool obeys, an orphan after its grace, all of them at shutdown.

use std::time::Duration;

use actors::model::{JobState, Owner};
use actors::{Drain, LeaveJob};

use crate::harness::{World, call};

#[actix::test]
async fn a_queued_job_ends_at_once_and_a_running_one_soon() {
    let world = World::new().await;
    let owner = Owner::local();
    world.gate.close();
    let process = world.running(1).await;
    let first = process.submit(&owner, call("one")).await.expect("accepted").record.id.clone();
    let second = process.submit(&owner, call("two")).await.expect("accepted").record.id.clone();
    process.drive(running(&process, &owner, &first)).await;
    let cancelled = process.core.cancel(&owner, &second).await.expect("cancelled");
    assert_eq!(cancelled.state, JobState::Cancelled);
    assert_eq!(process.core.ports.queue.depth().await.expect("depth").waiting, 0);
    process.core.cancel(&owner, &first).await.expect("asked");
    assert_eq!(process.end_of(&owner, &first).await.state, JobState::Cancelled);
    let again = process.core.cancel(&owner, &first).await.expect("asking twice does no harm");
    assert_eq!(again.state, JobState::Cancelled);
    world.gate.open();
}

#[actix::test]
async fn an_orphan_is_stopped_after_its_grace_unless_it_was_kept() {
    let world = World::new().await;
    let owner = Owner::local();
    world.gate.close();
    let process = world.running(2).await;
    let session = process.session(&owner).await;
    let orphan = process.submit(&owner, call("one")).await.expect("accepted").record.id.clone();
    let kept = process.submit(&owner, call("two")).await.expect("accepted").record.id.clone();
    process.core.keep(&process.core.find(&owner, &kept).await.expect("exists")).await;
    process.drive(running(&process, &owner, &kept)).await;
    for job in [&orphan, &kept] {
        session.send(LeaveJob { job: job.clone(), on_purpose: false }).await.expect("session lives");
    }
    let ended = async {
        while !process.core.find(&owner, &orphan).await.expect("exists").state.is_terminal() {
            tokio::task::yield_now().await;
        }
    };
    process.drive(ended).await;
    assert_eq!(process.core.find(&owner, &orphan).await.expect("exists").state, JobState::Cancelled);
    assert_eq!(process.core.find(&owner, &kept).await.expect("exists").state, JobState::Running);
    world.gate.open();
    assert_eq!(process.end_of(&owner, &kept).await.state, JobState::Succeeded);
}

#[actix::test]
async fn a_shutdown_hands_back_what_it_cannot_finish() {
    let world = World::new().await;
    let owner = Owner::local();
    world.gate.close();
    let first = world.running(1).await;
    let job = first.submit(&owner, call("one")).await.expect("accepted").record.id.clone();
    first.drive(running(&first, &owner, &job)).await;
    first.drive(first.supervisor.send(Drain(Duration::from_secs(1)))).await.expect("drained");
    // The tool's thread obeys in its own time, not in the test's.
    let handed_back = async {
        loop {
            let record = first.core.records.load(&job).await.expect("store").expect("exists").record;
            if record.state != JobState::Running {
                return record;
            }
            tokio::task::yield_now().await;
        }
    };
    let record = first.drive(handed_back).await;
    assert_eq!((record.state, record.attempt, record.lost), (JobState::Queued, 1, 0));
    assert!(first.submit(&owner, call("two")).await.is_err(), "a draining server takes nothing new");
    world.gate.open();
    let second = world.running(1).await;
    let record = second.end_of(&owner, &job).await;
    assert_eq!((record.state, record.attempt), (JobState::Succeeded, 2));
}

async fn running(process: &crate::harness::Process, owner: &Owner, job: &actors::model::JobId) {
    while process.core.find(owner, job).await.expect("exists").state != JobState::Running {
        tokio::task::yield_now().await;
    }
}
