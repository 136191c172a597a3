//! One job core after another over one store, as processes come and go.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix::{Actor as _, Addr};
use actors::model::{JobId, JobRecord, JobState, Owner};
use actors::ports::memory::{FaultyStore, ManualClock, MemoryQueue, MemoryStore};
use actors::ports::{BlobStore, Clock, Expect, Ports, ToolRunner};
use actors::{
    Call, Compute, Core, CoreConfig, CoreError, OpenSession, Quota, Recover, Session, SubmitJob, Submitted, Supervisor,
    layout,
};
use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use schemars::JsonSchema;
use serde::Deserialize;
use tempfile::TempDir;
use time::OffsetDateTime;
use tools::{Catalogue, Context, InputSpec, Progress, Report, Tool, ToolError, WorkspacePath};

use crate::asking::Ask;

/// What outlives a process: the store, the clock, how often the tool ran, and the queue if processes share it.
pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) gate: Gate,
    pub(crate) runs: Arc<AtomicUsize>,
    /// One queue for all processes at once; without it each has its own, and the store to itself.
    pub(crate) queue: Option<Arc<MemoryQueue>>,
    /// What runs tools, where not the pool's threads do.
    runner: Option<Arc<dyn ToolRunner>>,
    pub(crate) quotas: BTreeMap<Owner, Quota>,
    scratch: TempDir,
}

/// One process: a core over its own view of the store.
pub(crate) struct Process {
    pub(crate) core: Core,
    pub(crate) faulty: Arc<FaultyStore>,
    pub(crate) supervisor: Addr<Supervisor>,
    clock: Arc<ManualClock>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let clock = Arc::new(ManualClock::new(OffsetDateTime::UNIX_EPOCH));
        let store = Arc::new(MemoryStore::new(Arc::clone(&clock) as Arc<dyn Clock>));
        let scratch = tempfile::tempdir().expect("temporary folder");
        let (runner, quotas) = (None, BTreeMap::new());
        let world =
            Self { clock, store, gate: Gate::default(), runs: Arc::default(), queue: None, runner, quotas, scratch };
        world.put(&Owner::local(), "in.txt", "three little words").await;
        world
    }

    /// The same with `runner` to run the tools.
    pub(crate) fn with_runner(self, runner: Arc<dyn ToolRunner>) -> Self {
        Self { runner: Some(runner), ..self }
    }

    /// A world in which several processes use the store and one queue at the same time.
    pub(crate) async fn shared() -> Self {
        let world = Self::new().await;
        let queue = MemoryQueue::new(Arc::clone(&world.clock) as Arc<dyn Clock>, 100);
        Self { queue: Some(Arc::new(queue)), ..world }
    }

    pub(crate) async fn put(&self, owner: &Owner, path: &str, content: &'static str) {
        let path: WorkspacePath = path.parse().expect("a path");
        let key = layout::file(owner, &path);
        self.store.put(&key, Bytes::from_static(content.as_bytes()), Expect::Any).await.expect("put");
    }

    /// A process with `slots` slots that may hold `capacity` waiting jobs; not yet running any.
    pub(crate) fn process(&self, slots: usize, capacity: usize) -> Process {
        self.process_that(slots, capacity, true)
    }

    /// A process that takes calls and runs none.
    pub(crate) async fn front(&self) -> Process {
        let process = self.process_that(1, 100, false);
        process.recover().await.expect("recovered");
        process
    }

    fn process_that(&self, slots: usize, capacity: usize, runs_jobs: bool) -> Process {
        let faulty = Arc::new(FaultyStore::new(Arc::clone(&self.store) as Arc<dyn BlobStore>));
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let own = || Arc::new(MemoryQueue::new(Arc::clone(&clock), capacity));
        let queue = self.queue.as_ref().map_or_else(own, Arc::clone);
        let ports = Ports { store: Arc::clone(&faulty) as Arc<dyn BlobStore>, queue, clock: Arc::clone(&clock) };
        let config = CoreConfig {
            deadline: Duration::from_hours(24 * 365),
            cache_bytes: 1 << 20,
            quotas: self.quotas.clone(),
            exclusive: self.queue.is_none(),
            runs_jobs,
            ..CoreConfig::new(self.scratch.path().to_owned())
        };
        let copy = Copy { gate: self.gate.clone(), runs: Arc::clone(&self.runs) };
        let ask = Ask { runs: Arc::clone(&self.runs) };
        let compute = Compute::new(slots, 1).expect("threads");
        let mut core = Core::new(config, Catalogue::default().with(copy).with(ask), ports, compute);
        if let Some(runner) = &self.runner {
            core = core.with_runner(Arc::clone(runner));
        }
        let supervisor = Supervisor::new(core.clone()).start();
        Process { core, faulty, supervisor, clock: Arc::clone(&self.clock) }
    }

    /// A process that runs jobs, and waits for some by now.
    pub(crate) async fn running(&self, slots: usize) -> Process {
        let process = self.process(slots, 100);
        process.recover().await.expect("recovered");
        process.drive(let_others_run()).await;
        process
    }
}

impl Process {
    pub(crate) async fn recover(&self) -> Result<usize, CoreError> {
        self.drive(self.supervisor.send(Recover)).await.expect("supervisor lives")
    }

    pub(crate) async fn session(&self, owner: &Owner) -> Addr<Session> {
        self.supervisor.send(OpenSession::with(owner.clone())).await.expect("supervisor lives")
    }

    pub(crate) async fn submit(&self, owner: &Owner, call: Call) -> Result<Submitted, CoreError> {
        let session = self.session(owner).await;
        self.drive(session.send(SubmitJob(call))).await.expect("session lives")
    }

    /// Waits for the end of a job while time flies.
    pub(crate) async fn end_of(&self, owner: &Owner, job: &JobId) -> Arc<JobRecord> {
        let ended = async {
            loop {
                let mut watch = self.core.watch(owner, job).await.expect("the job exists");
                if let Ok(record) = watch.wait_for(|record| record.state.is_terminal()).await {
                    return Arc::clone(&record);
                }
            }
        };
        self.drive(ended).await
    }

    /// Waits until a job runs its `attempt`-th attempt.
    pub(crate) async fn until_running(&self, owner: &Owner, job: &JobId, attempt: u32) {
        let runs = async {
            loop {
                let found = self.core.records.load(job).await.expect("store").expect("the job exists");
                if found.record.state == JobState::Running && found.record.attempt == attempt {
                    assert_eq!(found.record.owner, *owner);
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        self.drive(runs).await;
    }

    /// Lets the world's time pass.
    pub(crate) async fn pass(&self, time: Duration) {
        self.drive(self.clock.sleep(time)).await;
    }

    /// Polls `future` to its end, moving the clock on whenever it waits.
    pub(crate) async fn drive<T>(&self, future: impl Future<Output = T>) -> T {
        tokio::pin!(future);
        loop {
            tokio::select! {
                biased;
                done = &mut future => return done,
                () = tokio::task::yield_now() => self.clock.advance(Duration::from_millis(5)),
            }
        }
    }
}

/// Lets whatever else is ready go on until it waits for something.
pub(crate) async fn let_others_run() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// A call of the test tool on `in.txt`.
pub(crate) fn call(word: &str) -> Call {
    let params = serde_json::json!({"file": "in.txt", "word": word});
    Call { tool: "test_copy".to_owned(), params, idempotency_key: None, fresh: false, id: None, trace: None }
}

/// A gate in the middle of the test tool's work: closed, it holds every run until it is opened.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub(crate) fn close(&self) {
        *self.0.0.lock() = true;
    }

    pub(crate) fn open(&self) {
        *self.0.0.lock() = false;
        self.0.1.notify_all();
    }

    /// Passes, or waits in small steps that hear a cancel.
    fn pass(&self, ctx: &Context) -> Result<(), ToolError> {
        let mut closed = self.0.0.lock();
        while *closed {
            ctx.cancel().check()?;
            self.0.1.wait_for(&mut closed, Duration::from_millis(1));
        }
        Ok(())
    }
}

/// Copies a file and a word into an artifact, in three steps of progress.
struct Copy {
    gate: Gate,
    runs: Arc<AtomicUsize>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CopyParams {
    file: WorkspacePath,
    word: String,
}

impl Tool for Copy {
    type Params = CopyParams;
    type Details = ();
    const NAME: &'static str = "test_copy";
    const TITLE: &'static str = "Copy";
    const DESCRIPTION: &'static str = "Copies a file.";

    fn inputs(&self, params: &CopyParams) -> Result<Vec<InputSpec>, ToolError> {
        Ok(vec![InputSpec::Path { name: "file".to_owned(), path: params.file.clone() }])
    }

    fn run(&self, params: CopyParams, ctx: &mut Context) -> Result<Report, ToolError> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        assert_ne!(params.word, "panic", "asked to");
        let text = std::fs::read_to_string(&ctx.input("file")?.local).expect("input is there");
        for step in 1..=3 {
            ctx.report(Progress::of(f64::from(step), 3.0, format!("step {step}")));
        }
        self.gate.pass(ctx)?;
        let out = ctx.output("out/copy.txt", "text/plain")?;
        std::fs::write(out, format!("{text} {}", params.word)).expect("output is written");
        Ok(Report { summary: format!("copied {}", params.word), ..Report::default() })
    }
}
