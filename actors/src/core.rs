//! What every part of the job core shares: ports, records, workspace, board, slots, settings.
//!
//! Built once by the server's `app`; handed to each actor and front door. Holds no state of its own but the word "draining".

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tools::{Catalogue, Limits};

use crate::board::{Board, Watch};
use crate::cache::InputCache;
use crate::compute::{Compute, Slot};
use crate::counters::Counters;
use crate::error::CoreError;
use crate::limits::Quota;
use crate::model::{JobId, JobRecord, Owner};
use crate::mounts::Mounts;
use crate::ports::{InThread, Ports, ToolRunner};
use crate::records::Records;
use crate::sessions::Sessions;
use crate::workspace::Workspace;

/// How often a job that runs elsewhere is looked at, while somebody watches; the first times it is sooner.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const FIRST_LOOK: Duration = Duration::from_millis(100);
/// With more watched jobs than this, each is looked at more rarely, so that the store is not asked more often than this.
const LOOKS_A_SECOND: usize = 200;

/// The settings of the job core.
#[derive(Clone, Debug)]
pub struct CoreConfig {
    /// This replica's name in leases; another one after every start.
    pub replica: String,
    /// How long a lease lasts; it is renewed at a third of that.
    pub lease: Duration,
    /// How long a finished job and its files are kept.
    pub result_ttl: Duration,
    /// How long what a session began with is kept after its last use.
    pub session_ttl: Duration,
    /// How long a job goes on when nobody is attached and its id was not handed out.
    pub orphan_grace: Duration,
    /// How long one attempt may take.
    pub deadline: Duration,
    /// The longest silence towards somebody who waits.
    pub heartbeat: Duration,
    /// Local disk for inputs, spills and outputs of running jobs.
    pub scratch: PathBuf,
    /// How much of that disk may hold inputs that no running job uses any more; 0 for none.
    pub cache_bytes: u64,
    /// What one job may use.
    pub limits: Limits,
    /// What lowers that for some principals.
    pub quotas: BTreeMap<Owner, Quota>,
    /// Whether no other process uses the store: then every lease found at start is void, and whoever asks for a job's end
    /// asks here.
    pub exclusive: bool,
    /// Whether jobs run here, or only on other replicas.
    pub runs_jobs: bool,
}

impl CoreConfig {
    /// The usual settings, for a process that has its store to itself and keeps what running jobs need in `scratch`.
    pub fn new(scratch: PathBuf) -> Self {
        Self {
            replica: JobId::random().to_string(),
            lease: Duration::from_mins(1),
            result_ttl: Duration::from_hours(24),
            session_ttl: Duration::from_hours(24 * 7),
            orphan_grace: Duration::from_secs(30),
            deadline: Duration::from_hours(1),
            heartbeat: Duration::from_secs(10),
            scratch,
            cache_bytes: 0,
            limits: Limits::default(),
            quotas: BTreeMap::new(),
            exclusive: true,
            runs_jobs: true,
        }
    }
}

/// The shared parts. Clones share them.
#[derive(Clone)]
pub struct Core {
    /// The settings.
    pub config: Arc<CoreConfig>,
    /// The tools that there are.
    pub catalogue: Arc<Catalogue>,
    /// Store, queue and clock.
    pub ports: Ports,
    /// Job records.
    pub records: Records,
    /// Sessions of the protocol.
    pub sessions: Sessions,
    /// Principals' files.
    pub workspace: Workspace,
    /// Inputs that may be wanted again.
    pub cache: InputCache,
    /// What is in motion here.
    pub board: Board,
    /// When jobs run.
    pub compute: Compute,
    /// What runs their tools.
    pub runner: Arc<dyn ToolRunner>,
    /// What happened here since the start.
    pub counters: Arc<Counters>,
    draining: Arc<AtomicBool>,
    hungry: Arc<AtomicBool>,
}

impl Core {
    /// The core on `ports`, running `catalogue` on the threads of `compute`.
    pub fn new(config: CoreConfig, catalogue: Catalogue, ports: Ports, compute: Compute) -> Self {
        let records = Records::new(Arc::clone(&ports.store), Arc::clone(&ports.clock), config.result_ttl);
        let sessions = Sessions::new(Arc::clone(&ports.store), Arc::clone(&ports.clock), config.session_ttl);
        let workspace = Workspace::new(Arc::clone(&ports.store), records.clone());
        // Named by the process: another one's files are none of ours.
        let cache = InputCache::new(config.scratch.join(format!("cache-{}", config.replica)), config.cache_bytes);
        Self {
            config: Arc::new(config),
            runner: Arc::new(InThread(catalogue.clone())),
            catalogue: Arc::new(catalogue),
            ports,
            records,
            sessions,
            workspace,
            cache,
            board: Board::default(),
            compute,
            counters: Arc::default(),
            draining: Arc::default(),
            hungry: Arc::default(),
        }
    }

    /// The same with `mounts` in everyone's workspace.
    #[must_use]
    pub fn with_mounts(mut self, mounts: Mounts) -> Self {
        self.workspace = self.workspace.with_mounts(mounts);
        self
    }

    /// The same with `runner` to run the tools.
    #[must_use]
    pub fn with_runner(self, runner: Arc<dyn ToolRunner>) -> Self {
        Self { runner, ..self }
    }

    /// Stops taking new work.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Whether new work is refused.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Says whether the dispatcher looked for waiting jobs, found none, and still looks.
    pub(crate) fn set_hungry(&self, hungry: bool) {
        self.hungry.store(hungry, Ordering::Release);
    }

    /// A slot for a job of `owner`, if one is free and its memory is.
    pub(crate) fn slot_for(&self, owner: &Owner) -> Option<Slot> {
        self.compute.try_slot(self.limits_of(owner).memory_bytes)
    }

    /// A slot for a job that may run where it came in: one is free, and nobody waits for it.
    pub(crate) fn free_slot(&self, owner: &Owner) -> Option<Slot> {
        let nobody_waits = self.hungry.load(Ordering::Acquire) && !self.is_draining();
        if nobody_waits { self.slot_for(owner) } else { None }
    }

    /// The latest known record of an owner's job.
    ///
    /// # Errors
    /// `NoSuchJob`; `Unreadable`; `Store`.
    pub async fn find(&self, owner: &Owner, job: &JobId) -> Result<Arc<JobRecord>, CoreError> {
        match self.board.latest(job) {
            Some(latest) if latest.owner == *owner => Ok(latest),
            Some(_) => Err(CoreError::NoSuchJob(job.clone())),
            None => Ok(Arc::new(self.records.load_owned(owner, job).await?.record)),
        }
    }

    /// Begins to watch an owner's job. One that is over shows its end and nothing more.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub async fn watch(&self, owner: &Owner, job: &JobId) -> Result<Watch, CoreError> {
        if let Some(watch) = self.board.watch(job) {
            let own = watch.borrow().owner == *owner;
            return if own { Ok(watch) } else { Err(CoreError::NoSuchJob(job.clone())) };
        }
        let record = self.records.load_owned(owner, job).await?.record;
        if record.state.is_terminal() {
            return Ok(watch::channel(Arc::new(record)).1);
        }
        // In motion, but not here: seen through the store.
        let (watch, first) = self.board.mirror(record);
        if first {
            tokio::spawn(mirror(self.clone(), job.clone()));
        }
        Ok(watch)
    }

    /// Notes that a job's id was handed out: from then on nobody's going away ends it, on whichever replica.
    pub async fn keep(&self, record: &JobRecord) {
        let job = &record.id;
        if record.state.is_terminal() || self.board.keep(job) {
            return; // nobody can end it any more, or it is known already
        }
        if let Err(error) = self.records.keep(job).await {
            tracing::warn!(%job, %error, "not noted that the job's id was handed out");
        }
    }

    /// Ends a job that nobody waits for any more, unless its id was handed out.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub(crate) async fn abandon(&self, owner: &Owner, job: &JobId) -> Result<(), CoreError> {
        if self.board.is_kept(job) || self.records.is_kept(job).await? {
            return Ok(());
        }
        self.cancel(owner, job).await?;
        Ok(())
    }
}

/// Shows watchers what the store says of a job, until it ends, runs here, or nobody watches any more.
async fn mirror(core: Core, job: JobId) {
    let mut pause = FIRST_LOOK;
    while core.board.is_mirrored(&job) {
        core.ports.clock.sleep(pause).await;
        match core.records.load(&job).await {
            Ok(Some(found)) => core.board.show(found.record),
            // Gone from the store: who asks again is told.
            Ok(None) => core.board.drop_job(&job),
            Err(error) => tracing::debug!(%job, %error, "store did not answer a watcher, asking again"),
        }
        let crowd = LOOK_EVERY * u32::try_from(core.board.len() / LOOKS_A_SECOND).unwrap_or(u32::MAX);
        pause = (pause * 2).min(LOOK_EVERY).max(crowd);
    }
}
