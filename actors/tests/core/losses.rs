//! What becomes of a job whose process is lost, or comes to a limit: tried again, three times at most, or not at all.

use std::sync::Arc;
use std::time::Duration;

use actors::Quota;
use actors::model::{Cause, JobError, JobOutcome, JobRecord, JobState, Owner};
use actors::ports::{Run, RunFault, ToolRunner};
use parking_lot::Mutex;
use tools::{Limits, Outcome, Report, ToolError, ToolErrorKind};

use crate::harness::{World, call};

/// Gives one answer after the other, and keeps what it was given to run with.
#[derive(Default)]
struct Scripted {
    answers: Mutex<Vec<Result<Outcome, RunFault>>>,
    limits: Mutex<Vec<Limits>>,
}

impl Scripted {
    fn new(answers: impl IntoIterator<Item = Result<Outcome, RunFault>>) -> Arc<Self> {
        let mut answers: Vec<_> = answers.into_iter().collect();
        answers.reverse();
        Arc::new(Self { answers: Mutex::new(answers), limits: Mutex::default() })
    }
}

impl ToolRunner for Scripted {
    fn run(&self, run: Run) -> Result<Outcome, RunFault> {
        self.limits.lock().push(run.limits);
        self.answers.lock().pop().expect("no run more than there are answers")
    }
}

fn lost() -> Result<Outcome, RunFault> {
    Err(RunFault::Lost("its process was ended by signal 11 (SIGSEGV)".to_owned()))
}

fn done() -> Outcome {
    Outcome { report: Report::default(), artifacts: Vec::new() }
}

async fn end(runner: &Arc<Scripted>) -> Arc<JobRecord> {
    let world = World::new().await.with_runner(Arc::clone(runner) as Arc<dyn ToolRunner>);
    let process = world.running(1).await;
    let job = process.submit(&Owner::local(), call("x")).await.expect("accepted").record;
    process.end_of(&Owner::local(), &job.id).await
}

fn error(record: &JobRecord) -> &JobError {
    match &record.outcome {
        Some(JobOutcome::Failed(error)) => error,
        other => panic!("not failed: {other:?}"),
    }
}

#[actix::test]
async fn a_lost_attempt_is_made_again() {
    let record = end(&Scripted::new([lost(), lost(), Ok(done())])).await;
    assert_eq!((record.state, record.attempt, record.lost), (JobState::Succeeded, 3, 2));
}

#[actix::test]
async fn a_job_that_loses_every_process_is_set_aside() {
    let record = end(&Scripted::new([lost(), lost(), lost()])).await;
    assert_eq!((record.attempt, record.lost, error(&record).cause), (3, 3, Cause::WorkerLost));
    assert!(error(&record).message.contains("SIGSEGV"), "{record:?}");
}

#[actix::test]
async fn a_job_that_came_to_a_limit_is_not_tried_again() {
    let record = end(&Scripted::new([Err(ToolError::exhausted("stopped at 2 GiB").into())])).await;
    assert_eq!((record.attempt, record.lost), (1, 0));
    assert_eq!((error(&record).cause, error(&record).kind), (Cause::Limit, ToolErrorKind::ResourceExhausted));
}

#[actix::test]
async fn a_quota_counts_for_its_principal_alone() {
    let runner = Scripted::new([Ok(done()), Ok(done())]);
    let quota = Quota { memory_bytes: Some(7 << 20), deadline: Some(Duration::from_secs(1)), ..Quota::default() };
    let mut world = World::new().await.with_runner(Arc::clone(&runner) as Arc<dyn ToolRunner>);
    let ada: Owner = "ada".parse().expect("a name");
    world.put(&ada, "in.txt", "ada's").await;
    world.quotas.insert(ada.clone(), quota);
    let process = world.running(1).await;
    for owner in [&ada, &Owner::local()] {
        let job = process.submit(owner, call("x")).await.expect("accepted").record;
        process.end_of(owner, &job.id).await;
    }
    let memory: Vec<_> = runner.limits.lock().iter().map(|limits| limits.memory_bytes).collect();
    assert_eq!(memory, [7 << 20, Limits::default().memory_bytes]);
    assert_eq!(process.core.deadline_of(&ada), Duration::from_secs(1));
}
