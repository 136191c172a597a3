//! Several processes on one store and one queue, dying, stalling and meeting again.

use std::sync::atomic::Ordering;
use std::time::Duration;

use actors::model::{Cause, JobOutcome, JobRecord, JobState, Owner};
use actors::ports::memory::Fault;
use actors::ports::{BlobStore as _, Clock as _, JobQueue as _, Message};
use actors::{LeaveJob, layout};
use tokio::sync::mpsc;

use crate::harness::{Process, World, call, let_others_run};

const LEASE: Duration = Duration::from_mins(1);

fn succeeded(record: &JobRecord) -> bool {
    matches!(&record.outcome, Some(JobOutcome::Succeeded { artifacts, .. }) if artifacts.len() == 1)
}

async fn until(holds: impl Fn() -> bool) {
    while !holds() {
        tokio::task::yield_now().await;
    }
}

#[actix::test]
async fn what_one_replica_accepts_another_runs() {
    let world = World::shared().await;
    let (front, worker) = (world.front().await, world.running(1).await);
    let owner = Owner::local();
    world.gate.close();
    let submitted = front.submit(&owner, call("one")).await.expect("accepted").record;
    assert_eq!(submitted.state, JobState::Queued, "a front runs nothing");
    front.until_running(&owner, &submitted.id, 1).await;

    let here = || worker.core.board.latest(&submitted.id);
    front.drive(until(|| here().is_some_and(|record| record.progress.done >= 3.0))).await;
    let before = world.clock.now();
    let mut watch = front.core.watch(&owner, &submitted.id).await.expect("exists");
    let seen = front.drive(watch.wait_for(|record| record.progress.done >= 3.0)).await;
    drop(seen.expect("progress is seen before the end"));
    assert!(world.clock.now() - before <= Duration::from_millis(2_100), "progress crosses within two seconds");

    front.core.cancel(&owner, &submitted.id).await.expect("asked");
    front.pass(Duration::from_secs(2)).await;
    // From here on no time passes: who has not heard of it by now never does.
    let ended = until(|| here().is_none());
    tokio::time::timeout(Duration::from_mins(1), ended).await.expect("a cancel crosses within two seconds");
    assert_eq!(front.end_of(&owner, &submitted.id).await.state, JobState::Cancelled);
    world.gate.open();
}

#[actix::test]
async fn a_free_replica_runs_what_it_accepts_unless_somebody_waits() {
    let world = World::shared().await;
    let owner = Owner::local();
    world.gate.close();
    let replica = world.running(1).await;
    let first = replica.submit(&owner, call("one")).await.expect("accepted").record;
    assert_eq!((first.state, first.attempt), (JobState::Running, 1));
    let second = replica.submit(&owner, call("two")).await.expect("accepted").record;
    assert_eq!(second.state, JobState::Queued, "no slot is free");
    replica.drive(let_others_run()).await;
    let queue = world.queue.as_ref().expect("shared");
    assert_eq!(queue.depth().await.expect("depth").waiting, 1, "the first one's message is held by who runs it");
    world.gate.open();
    for job in [&first.id, &second.id] {
        assert!(succeeded(&*replica.end_of(&owner, job).await));
    }
    replica.pass(LEASE * 2).await;
    assert!(queue.receive(9, LEASE, Duration::ZERO).await.expect("received").is_empty(), "no message is left");
}

#[actix::test]
async fn a_dead_replicas_job_goes_on_within_two_leases() {
    let world = World::shared().await;
    let owner = Owner::local();
    world.gate.close();
    let first = world.running(1).await;
    let job = first.submit(&owner, call("one")).await.expect("accepted").record.id.clone();
    first.until_running(&owner, &job, 1).await;
    first.faulty.die(1, Fault::Before);
    let second = world.running(1).await;
    let died = world.clock.now();
    second.until_running(&owner, &job, 2).await;
    assert!(world.clock.now() - died < LEASE * 2, "took {}", world.clock.now() - died);
    world.gate.open();
    let record = second.end_of(&owner, &job).await;
    assert!(succeeded(&record));
    assert_eq!((record.attempt, record.lost), (2, 1));
}

#[actix::test]
async fn a_zombie_commits_nothing() {
    let world = World::shared().await;
    let owner = Owner::local();
    world.gate.close();
    let zombie = world.running(1).await;
    let job = zombie.submit(&owner, call("one")).await.expect("accepted").record.id.clone();
    zombie.until_running(&owner, &job, 1).await;
    zombie.faulty.die(1, Fault::Before);
    let heir = world.running(1).await;
    heir.until_running(&owner, &job, 2).await;
    // Back among the living, its lease long over, and its tool ends first.
    zombie.faulty.recover();
    world.gate.open();
    let record = heir.end_of(&owner, &job).await;
    assert!(succeeded(&record) && record.attempt == 2, "{record:?}");
    heir.pass(LEASE * 2).await;
    let stored = heir.core.records.load(&job).await.expect("store").expect("exists").record;
    assert_eq!(stored, *record, "written once");
    let name = "out/copy.txt".parse().expect("a name");
    assert!(world.store.get(&layout::artifact(&job, 2, &name)).await.expect("store").is_some());
}

#[actix::test]
async fn messages_may_come_twice_and_after_the_end() {
    let world = World::shared().await;
    let owner = Owner::local();
    world.gate.close();
    let replicas = [world.running(2).await, world.running(2).await];
    let job = replicas[0].submit(&owner, call("one")).await.expect("accepted").record.id.clone();
    let queue = world.queue.as_ref().expect("shared");
    let message = Message { job: job.clone(), owner: owner.clone() };
    for _ in 0..5 {
        queue.send_again(&message).await.expect("sent");
    }
    replicas[0].pass(LEASE * 3).await;
    world.gate.open();
    let record = replicas[1].end_of(&owner, &job).await;
    assert!(succeeded(&record) && record.attempt == 1, "{record:?}");
    queue.send_again(&message).await.expect("sent");
    replicas[0].pass(LEASE * 3).await;
    assert_eq!(world.runs.load(Ordering::SeqCst), 1);
    assert!(queue.receive(9, LEASE, Duration::ZERO).await.expect("received").is_empty(), "all of them are deleted");
}

#[actix::test]
async fn a_job_that_kills_its_replicas_ends_and_leaves_the_queue() {
    let world = World::shared().await;
    let owner = Owner::local();
    world.gate.close();
    let front = world.front().await;
    let job = front.submit(&owner, call("one")).await.expect("accepted").record.id.clone();
    for attempt in 1..=3 {
        let replica = world.running(1).await;
        replica.until_running(&owner, &job, attempt).await;
        replica.faulty.die(1, Fault::Before);
        replica.core.drain();
        front.pass(LEASE).await;
    }
    let last = world.running(1).await;
    let record = last.end_of(&owner, &job).await;
    assert!(
        matches!(&record.outcome, Some(JobOutcome::Failed(error)) if error.cause == Cause::WorkerLost),
        "{record:?}"
    );
    last.pass(LEASE * 2).await;
    let queue = world.queue.as_ref().expect("shared");
    assert!(queue.receive(9, LEASE, Duration::ZERO).await.expect("received").is_empty());
    assert!(last.core.records.active().await.expect("store").is_empty());
    world.gate.open();
}

/// A job that was written, and whose message never was.
async fn orphan(process: &Process) -> JobRecord {
    let record = process.submit(&Owner::local(), call("orphan")).await.expect("accepted").record;
    process.core.ports.queue.forget(&record.id).await;
    JobRecord::clone(&record)
}

#[actix::test]
async fn an_orphan_is_found() {
    let world = World::shared().await;
    let front = world.front().await;
    let record = orphan(&front).await;
    drop(front);
    let replica = world.running(1).await;
    let began = world.clock.now();
    assert!(succeeded(&*replica.end_of(&record.owner, &record.id).await));
    assert!(world.clock.now() - began < LEASE * 2);
}

#[actix::test]
async fn one_replica_sweeps_and_another_takes_over() {
    let world = World::shared().await;
    let (first, second) = (world.front().await, world.front().await);
    first.pass(LEASE * 5).await;
    let wrote = |process: &Process| process.faulty.writes().iter().filter(|write| write.contains("sweeper")).count();
    let (of_first, of_second) = (wrote(&first), wrote(&second));
    assert!((of_first == 0) != (of_second == 0), "one of them, all the time: {of_first} and {of_second}");
    let (dies, stays) = if of_first > 0 { (first, second) } else { (second, first) };
    dies.faulty.die(1, Fault::Before);
    stays.pass(LEASE * 5).await;
    assert!(wrote(&stays) > 0, "the other one takes over");
}

#[actix::test]
async fn what_was_handed_out_on_one_replica_is_not_abandoned_on_another() {
    let world = World::shared().await;
    let owner = Owner::local();
    world.gate.close();
    let (first, second) = (world.running(1).await, world.front().await);
    let submitted = first.submit(&owner, call("one")).await.expect("accepted").record;
    let joined = second.submit(&owner, call("one")).await.expect("accepted");
    assert!(joined.reused && joined.record.id == submitted.id);
    second.core.keep(&joined.record).await;
    let session = first.session(&owner).await;
    let leave = LeaveJob { job: submitted.id.clone(), on_purpose: true };
    first.drive(session.send(leave)).await.expect("session lives");
    first.pass(Duration::from_secs(10)).await;
    assert_eq!(first.core.find(&owner, &submitted.id).await.expect("exists").state, JobState::Running);
    world.gate.open();
    assert!(succeeded(&*second.end_of(&owner, &submitted.id).await));
}

#[actix::test]
async fn who_follows_a_job_follows_it_to_the_next_replica() {
    let world = World::shared().await;
    let owner = Owner::local();
    world.gate.close();
    let (first, front) = (world.running(1).await, world.front().await);
    let job = first.submit(&owner, call("one")).await.expect("accepted").record.id.clone();
    first.until_running(&owner, &job, 1).await;
    let (told, mut heard) = mpsc::unbounded_channel();
    for process in [&first, &front] {
        let session = process.session(&owner).await;
        let follow = first.drive(session.send(actors::FollowJob(job.clone()))).await.expect("session lives");
        let (mut notes, told) = (follow.expect("own job"), told.clone());
        actix::spawn(async move {
            while let Some(note) = notes.recv().await {
                if let actors::Note::Ended(record) = note {
                    told.send(record).ok();
                }
            }
        });
    }
    drop(told);
    first.faulty.die(1, Fault::Before);
    let heir = world.running(1).await;
    heir.until_running(&owner, &job, 2).await;
    world.gate.open();
    for _ in 0..2 {
        let record = heir.drive(heard.recv()).await.expect("both hear the end");
        assert!(succeeded(&record) && record.attempt == 2);
    }
}
