//! The job loop, step by step: the process dies, or one write fails, at every single write there is.
//!
//! What must hold after each: an acknowledged job exists (I1), ends exactly once (I2), and its files are whole (I4).

use std::sync::atomic::Ordering;
use std::time::Duration;

use actors::layout;
use actors::model::{JobId, JobOutcome, JobRecord, JobState, Owner};
use actors::ports::memory::Fault;
use actors::ports::{BlobStore as _, Clock as _};

use crate::harness::{Process, World, call};

/// More writes than one job takes; reaching it means that a run never came to its end.
const MOST_WRITES: usize = 60;

async fn check_whole(world: &World, record: &JobRecord) {
    assert_eq!(record.state, JobState::Succeeded, "{record:?}");
    let Some(JobOutcome::Succeeded { artifacts, .. }) = &record.outcome else { panic!("no result: {record:?}") };
    assert_eq!(artifacts.len(), 1);
    let key = layout::artifact(&record.id, record.attempt, &artifacts[0].name.parse().expect("a name"));
    let file = world.store.get(&key).await.expect("store").expect("the artifact is there");
    assert_eq!(&file.value[..], b"three little words ok");
    assert_eq!(file.value.len() as u64, artifacts[0].bytes);
}

/// Everything that is below jobs/ belongs to a job that ended well, and nothing is marked as active.
async fn check_store(world: &World) {
    let active = world.store.list(layout::ACTIVE, None, 100).await.expect("store");
    assert!(active.entries.is_empty(), "left active: {:?}", active.entries);
}

/// How a call becomes a running job: at once where it came in, or by way of the queue.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Here,
    Queue,
}

impl Way {
    /// A process that takes the next call this way, with its first write to come.
    async fn process(self, world: &World) -> Process {
        match self {
            Self::Here => world.running(1).await,
            Self::Queue => world.process(1, 100),
        }
    }

    async fn submit(self, process: &Process) -> Option<JobId> {
        let submitted = process.submit(&Owner::local(), call("ok")).await;
        if self == Self::Queue {
            process.recover().await.ok(); // a process may die in it
        }
        let record = submitted.ok()?.record;
        assert_eq!(record.state == JobState::Running, self == Self::Here, "{self:?}");
        Some(record.id.clone())
    }
}

/// The process dies at its `at`-th write; another takes its place.
async fn die_at(at: usize, fault: Fault, way: Way) -> bool {
    let world = World::new().await;
    let owner = Owner::local();
    let first = way.process(&world).await;
    first.faulty.die(at, fault);
    let acknowledged = way.submit(&first).await;
    let survived = match &acknowledged {
        Some(job) => lives_to_the_end(&first, &world, &owner, job).await,
        None => false,
    };
    let second = world.running(1).await;
    if let Some(job) = &acknowledged {
        let record = second.end_of(&owner, job).await;
        check_whole(&world, &record).await;
    }
    second.drive(until_idle(&second)).await;
    check_store(&world).await;
    survived && first.faulty.writes().len() < at
}

/// Whether the job came to its end within two minutes of the world's time: longer than any lease and all patience.
async fn lives_to_the_end(process: &Process, world: &World, owner: &Owner, job: &JobId) -> bool {
    let late = world.clock.now() + Duration::from_mins(2);
    let over = async {
        while world.clock.now() < late {
            if process.core.find(owner, job).await.is_ok_and(|record| record.state.is_terminal()) {
                return true;
            }
            tokio::task::yield_now().await;
        }
        false
    };
    process.drive(over).await
}

async fn until_idle(process: &Process) {
    while !process.core.records.active().await.expect("store").is_empty() {
        tokio::task::yield_now().await;
    }
}

#[actix::test]
async fn a_process_may_die_at_any_write() {
    for (fault, way, least) in [
        (Fault::Before, Way::Here, 7),
        (Fault::After, Way::Here, 7),
        (Fault::Before, Way::Queue, 8),
        (Fault::After, Way::Queue, 8),
    ] {
        let mut at = 1;
        while !die_at(at, fault, way).await {
            at += 1;
            assert!(at < MOST_WRITES, "no run ever survived");
        }
        // Record, marker, index, key, artifact, end and the marker's removal; by way of the queue also the claim.
        assert!(at > least, "a job takes at least {least} writes this way; got to {at}");
    }
}

/// One write fails once; the same process brings the job to its end, or refused it.
async fn fail_once_at(at: usize, fault: Fault, way: Way) -> bool {
    let world = World::new().await;
    let owner = Owner::local();
    let process = way.process(&world).await;
    process.faulty.fail_once(at, fault);
    if let Some(job) = way.submit(&process).await {
        let record = process.end_of(&owner, &job).await;
        check_whole(&world, &record).await;
        assert_eq!(world.runs.load(Ordering::SeqCst), 1, "one passing fault is no reason to run twice");
    }
    process.faulty.writes().len() < at
}

#[actix::test]
async fn any_single_write_may_fail() {
    for fault in [Fault::Before, Fault::After] {
        for way in [Way::Here, Way::Queue] {
            let mut at = 1;
            while !fail_once_at(at, fault, way).await {
                at += 1;
                assert!(at < MOST_WRITES, "the faults never ended");
            }
        }
    }
}

#[actix::test]
async fn a_job_is_given_up_after_three_lost_attempts() {
    let world = World::new().await;
    let owner = Owner::local();
    world.gate.close();
    let mut process = world.running(1).await;
    let job = process.submit(&owner, call("ok")).await.expect("accepted").record.id.clone();
    for attempt in 1..=3 {
        process.until_running(&owner, &job, attempt).await;
        process.faulty.die(1, Fault::Before);
        process = world.running(1).await;
    }
    let record = process.end_of(&owner, &job).await;
    assert!(
        matches!(&record.outcome, Some(JobOutcome::Failed(error)) if error.cause == actors::model::Cause::WorkerLost)
    );
    world.gate.open();
}

#[actix::test]
async fn a_panicking_tool_harms_nobody_else() {
    let world = World::new().await;
    let owner = Owner::local();
    let process = world.running(1).await;
    let broken = process.submit(&owner, call("panic")).await.expect("accepted");
    let sound = process.submit(&owner, call("ok")).await.expect("accepted");
    let record = process.end_of(&owner, &broken.record.id).await;
    assert!(matches!(&record.outcome, Some(JobOutcome::Failed(error)) if error.cause == actors::model::Cause::Panic));
    check_whole(&world, &*process.end_of(&owner, &sound.record.id).await).await;
}
