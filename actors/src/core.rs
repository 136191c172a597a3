//! What every part of the job core shares: ports, records, workspace, board, slots, settings.
//!
//! Built once by the server's `app`; handed to each actor and front door. Holds no state of its own but the word "draining".

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tools::{Catalogue, Limits};

use crate::board::{Board, Watch};
use crate::cache::InputCache;
use crate::compute::Compute;
use crate::error::CoreError;
use crate::job::CancelJob;
use crate::lifecycle::{self, Step};
use crate::model::{JobId, JobRecord, JobState, Owner};
use crate::mounts::Mounts;
use crate::ports::Ports;
use crate::records::{Records, Versioned, is_conflict};
use crate::workspace::Workspace;

/// How often a job that runs elsewhere is looked at, while somebody watches.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The settings of the job core.
#[derive(Clone, Debug)]
pub struct CoreConfig {
    /// This replica's name in leases; another one after every start.
    pub replica: String,
    /// How long a lease lasts; it is renewed at a third of that.
    pub lease: Duration,
    /// How long a finished job and its files are kept.
    pub result_ttl: Duration,
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
    /// Whether no other process uses the store, so that every lease found at start is void.
    pub exclusive: bool,
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
    /// Principals' files.
    pub workspace: Workspace,
    /// Inputs that may be wanted again.
    pub cache: InputCache,
    /// What is in motion here.
    pub board: Board,
    /// Where jobs run.
    pub compute: Compute,
    draining: Arc<AtomicBool>,
}

impl Core {
    /// The core on `ports`, running `catalogue` in `compute`.
    pub fn new(config: CoreConfig, catalogue: Catalogue, ports: Ports, compute: Compute) -> Self {
        let records = Records::new(Arc::clone(&ports.store), Arc::clone(&ports.clock), config.result_ttl);
        let workspace = Workspace::new(Arc::clone(&ports.store), records.clone());
        // Named by the process: another one's files are none of ours.
        let cache = InputCache::new(config.scratch.join(format!("cache-{}", config.replica)), config.cache_bytes);
        Self {
            config: Arc::new(config),
            catalogue: Arc::new(catalogue),
            ports,
            records,
            workspace,
            cache,
            board: Board::default(),
            compute,
            draining: Arc::default(),
        }
    }

    /// The same with `mounts` in everyone's workspace.
    #[must_use]
    pub fn with_mounts(mut self, mounts: Mounts) -> Self {
        self.workspace = self.workspace.with_mounts(mounts);
        self
    }

    /// Stops taking new work.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Whether new work is refused.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// The latest known record of an owner's job.
    ///
    /// # Errors
    /// `NoSuchJob`; `Unreadable`; `Store`.
    pub async fn find(&self, owner: &Owner, job: &JobId) -> Result<Arc<JobRecord>, CoreError> {
        if let Some(watch) = self.board.watch(job) {
            let latest = Arc::clone(&watch.borrow());
            return if latest.owner == *owner { Ok(latest) } else { Err(CoreError::NoSuchJob(job.clone())) };
        }
        Ok(Arc::new(self.records.load_owned(owner, job).await?.record))
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
        let (latest, watch) = watch::channel(Arc::new(record));
        if !watch.borrow().state.is_terminal() {
            // In motion, but not here: seen through the store.
            tokio::spawn(look_again(self.clone(), job.clone(), latest));
        }
        Ok(watch)
    }

    /// Asks for a job's end. A queued one ends at once, a running one as soon as its tool obeys; a finished one stays as it is.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub async fn cancel(&self, owner: &Owner, job: &JobId) -> Result<JobRecord, CoreError> {
        let mut found = self.records.load_owned(owner, job).await?;
        if !found.record.state.is_terminal() {
            self.records.request_cancel(job).await?;
        }
        loop {
            match found.record.state {
                JobState::Queued => match self.cancel_queued(found).await {
                    Err(error) if is_conflict(&error) => found = self.records.load_owned(owner, job).await?,
                    settled => return settled,
                },
                JobState::Running => {
                    if let Some(runner) = self.board.runner(job) {
                        runner.do_send(CancelJob);
                    }
                    return Ok(found.record);
                }
                _ => return Ok(found.record),
            }
        }
    }

    async fn cancel_queued(&self, found: Versioned) -> Result<JobRecord, CoreError> {
        let Versioned { mut record, etag } = found;
        lifecycle::apply(&mut record, Step::Cancel, self.ports.clock.now()).expect("a queued job can be cancelled");
        self.records.swap(&record, &etag).await?;
        self.board.post(&record);
        self.ports.queue.forget(&record.id).await;
        self.records.settle(&record.id).await?;
        Ok(record)
    }
}

/// Shows watchers what the store says of a job, until it ends, vanishes, or nobody watches any more.
async fn look_again(core: Core, job: JobId, latest: watch::Sender<Arc<JobRecord>>) {
    loop {
        tokio::select! {
            () = latest.closed() => return,
            () = core.ports.clock.sleep(LOOK_EVERY) => {}
        }
        match core.records.load(&job).await {
            Ok(Some(found)) => {
                let ended = found.record.state.is_terminal();
                latest.send_replace(Arc::new(found.record));
                if ended {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => tracing::debug!(%job, %error, "store did not answer a watcher, asking again"),
        }
    }
}
