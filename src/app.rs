//! Builds the server, in the order in which its parts need each other, and takes it down in the opposite one.
//!
//! The only place that knows every part. Tests and the demo start it as the command line does: `heavylift serve`.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor as _, Addr};
use actix_web::middleware::from_fn;
use actix_web::{App as ActixApp, HttpServer, web};
use actors::ports::{BlobStore, Clock, JobQueue, Ports, SystemClock};
use actors::{Compute, Core, CoreConfig, Drain, Mounts, Recover, Supervisor};
use anyhow::Context as _;
use tokio_util::sync::CancellationToken;
use tools::{Catalogue, Limits};

use crate::auth::{Keyring, SourceRules, authenticate, check_source};
use crate::changes::Changes;
use crate::cli::ui;
use crate::config::snippets::Snippets;
use crate::config::{Isolation, JobConfig, MountSource, QueueConfig, Role, ServeConfig, StoreConfig};
use crate::lane::sandbox::Sandbox;
use crate::lane::{Lanes, Plan};
use crate::links::{LinkKey, Links};
use crate::mcp::surface::Surface;
use crate::queue::AzureQueue;
use crate::scratch::Scratch;
use crate::stdio::door::{self, Door};
use crate::store::{AzureStore, FolderStore, LocalStore};
use crate::view::Viewer;
use crate::{http, mcp, queue, stdio};

/// How long the end of a silence may be away: shorter than any client's or proxy's patience.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How long open requests may take to end once the jobs are safe, in seconds.
const LAST_REQUESTS_SECONDS: u64 = 2;
/// How long a connection stays open without a request: longer than clients and front ends (Azure's: 240 s) keep theirs, so that
/// none sends a request on one that is being closed.
const IDLE_CONNECTION: Duration = Duration::from_mins(5);
/// How long answers under way get before the streams that carry them are ended.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What every front door sees.
pub struct App {
    /// The job core.
    pub core: Core,
    /// The root of the actors; opens sessions.
    pub supervisor: Addr<Supervisor>,
    /// The settings.
    pub config: ServeConfig,
    /// Where clients reach the server; no slash at its end.
    pub base_url: String,
    /// Makes and checks links.
    pub links: Arc<Links>,
    /// Who wants to hear of which change.
    pub changes: Changes,
    /// The processes that jobs run in, where they do.
    pub lanes: Option<Lanes>,
    /// Cancelled when the server begins to shut down: who waits is told at once.
    pub shutdown: CancellationToken,
    /// Cancelled at the very end, when all answers are out: what is still open then is ended.
    pub hang_up: CancellationToken,
}

impl App {
    /// What turns records into views, now.
    pub fn viewer(&self) -> Viewer<'_> {
        Viewer { links: &self.links, config: &self.core.config, now: self.core.ports.clock.now() }
    }
}

/// A server that listens.
pub struct Running {
    /// Where.
    pub addr: SocketAddr,
    /// The shared parts.
    pub app: web::Data<App>,
    /// Speaks MCP.
    pub(crate) endpoint: mcp::Endpoint,
    server: actix_web::dev::Server,
    /// Ours until the end.
    _scratch: Scratch,
}

/// Serves until the process is asked to end (SIGTERM, Ctrl-C), and says where on standard output once it listens; with
/// `--stdio`, as [`stdio::serve`].
///
/// # Errors
/// As [`start`] and [`Running::serve_until`].
pub async fn serve(config: ServeConfig) -> anyhow::Result<()> {
    let needs_key = config.api_keys.is_some();
    // Heard from here on: who reads that we listen may ask us to end at once.
    let asked_to_end = asked_to_end()?;
    if config.stdio {
        return Box::pin(stdio::serve(config, asked_to_end)).await;
    }
    let running = start(config, Catalogue::standard(), Surface::standard()).await?;
    let url = &running.app.base_url;
    ui::out(format!("Heavylift listens on {url}\n"));
    ui::out(Snippets::new(url, needs_key).page());
    running.serve_until(asked_to_end).await
}

fn asked_to_end() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Builds everything and listens, running the tools of `catalogue` and offering `surface` beside them. Jobs that an earlier
/// process left go on.
///
/// # Errors
/// A store or queue that is in use or cannot be made, an address that cannot be bound, API keys that cannot be read.
pub async fn start(mut config: ServeConfig, catalogue: Catalogue, surface: Surface) -> anyhow::Result<Running> {
    // What may be refused comes first: a job that was begun for nothing would count as lost.
    let keyring = match &config.api_keys {
        Some(file) => Keyring::load(file)?,
        None => Keyring::open(),
    };
    let listener =
        std::net::TcpListener::bind(config.addr).with_context(|| format!("cannot listen on {}", config.addr))?;
    let addr = listener.local_addr()?;
    let (ports, door) = Box::pin(open_ports(&config, addr)).await?;
    let scratch = Scratch::take(&config.scratch, &config.store)?;
    config.scratch.clone_from(&scratch.path);
    let compute = compute(&config.jobs)?;
    let lanes = make_lanes(&config, &ports.clock)?;
    if let Some(lanes) = &lanes {
        warm(lanes, &compute);
    }
    let mounts = Box::pin(mounts(&config, &ports.clock)).await?;
    let core_config = CoreConfig { quotas: keyring.quotas().clone(), ..core_config(&config) };
    let mut core = Core::new(core_config, catalogue, ports, compute).with_mounts(mounts);
    if let Some(lanes) = &lanes {
        core = core.with_runner(Arc::new(lanes.clone()));
    }
    let changes = Changes::default();
    let told = changes.clone();
    core.board.tell(Box::new(move |record| told.job(record)));
    let supervisor = Supervisor::new(core.clone()).start();
    let taken_up = supervisor.send(Recover).await??;
    if taken_up > 0 {
        tracing::info!(jobs = taken_up, "jobs of an earlier run go on");
    }
    let rules = web::Data::new(SourceRules::new(&config));
    let base_url = config.base_url(addr);
    let links = Arc::new(make_links(&core, &config, base_url.clone()).await?);
    let (shutdown, hang_up) = (CancellationToken::new(), CancellationToken::new());
    let app = web::Data::new(App { core, supervisor, config, base_url, links, changes, lanes, shutdown, hang_up });
    let endpoint = mcp::Endpoint::new(app.clone(), surface, &rules);
    if let Some(door) = door {
        actix_web::rt::spawn(door.serve(endpoint.clone(), app.shutdown.clone()));
    }
    let server = listen(listener, app.clone(), endpoint.clone(), web::Data::new(keyring), rules)?;
    Ok(Running { addr, app, endpoint, server, _scratch: scratch })
}

fn compute(jobs: &JobConfig) -> anyhow::Result<Compute> {
    let threads = match jobs.isolation {
        Isolation::Thread => jobs.threads_per_job,
        // It only waits for the lane.
        Isolation::Process => 1,
    };
    let compute = Compute::new(jobs.workers, threads).context("starting compute threads")?;
    Ok(compute.with_memory(jobs.memory_bytes))
}

/// Starts a lane in every slot: no job is begun in a slot before its lane is ready.
fn warm(lanes: &Lanes, compute: &Compute) {
    for _ in 0..compute.slots() {
        let Some(slot) = compute.try_slot(0) else { return };
        let lanes = lanes.clone();
        // It runs whether it is awaited or not.
        drop(slot.run(move || lanes.warm_one()));
    }
}

/// The processes that jobs run in, one of them started where nothing may run unless it is shut in.
fn make_lanes(config: &ServeConfig, clock: &Arc<dyn Clock>) -> anyhow::Result<Option<Lanes>> {
    let jobs = &config.jobs;
    if jobs.isolation == Isolation::Thread || config.role == Role::Front {
        return Ok(None);
    }
    let (limits, scratch) = (job_limits(jobs), config.scratch.clone());
    let plan = Plan { lanes: jobs.workers, limits, sandbox: jobs.sandbox, scratch };
    let lanes = Lanes::new(plan, Arc::clone(clock));
    if jobs.sandbox == Sandbox::Require {
        lanes.probe().context("jobs cannot be run as the settings require")?;
    }
    Ok(Some(lanes))
}

/// The store and the queue that the settings name, made where they are missing, and the store's door if it has one.
async fn open_ports(config: &ServeConfig, addr: SocketAddr) -> anyhow::Result<(Ports, Option<Door>)> {
    let mut door = None;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store: Arc<dyn BlobStore> = match &config.store {
        StoreConfig::Local(folder) => {
            let store = LocalStore::open(folder)?;
            door = open_door(config, folder);
            store.announce(&addr.to_string())?;
            Arc::new(store)
        }
        StoreConfig::Azure(url) => {
            let store = AzureStore::new(url, &config.azure, Arc::clone(&clock))?;
            store.prepare().await.with_context(|| format!("cannot use {url}"))?;
            Arc::new(store)
        }
    };
    let queue: Arc<dyn JobQueue> = match &config.queue {
        QueueConfig::Local => Arc::new(queue::local::open(Arc::clone(&clock), config.max_waiting)),
        QueueConfig::Azure(url) => {
            let queue = AzureQueue::new(url, &config.azure, Arc::clone(&clock), config.max_waiting)?;
            queue.prepare().await.with_context(|| format!("cannot use {url}"))?;
            Arc::new(queue)
        }
    };
    Ok((Ports { store, queue, clock }, door))
}

/// The door for processes of the same user: not where everyone must bring a key.
fn open_door(config: &ServeConfig, folder: &Path) -> Option<Door> {
    let opened =
        if config.api_keys.is_some() { door::shut(folder).map(|()| None) } else { Door::open(folder).map(Some) };
    opened.unwrap_or_else(|error| {
        tracing::warn!(%error, "AI clients cannot start servers of their own on this store beside this one");
        None
    })
}

fn listen(
    listener: std::net::TcpListener,
    app: web::Data<App>,
    endpoint: mcp::Endpoint,
    keyring: web::Data<Keyring>,
    rules: web::Data<SourceRules>,
) -> std::io::Result<actix_web::dev::Server> {
    let (takes_calls, legacy_sse) = (app.config.role != Role::Worker, app.config.legacy_sse);
    let links = web::Data::from(Arc::clone(&app.links));
    let server = HttpServer::new(move || {
        ActixApp::new()
            .app_data(app.clone())
            .app_data(keyring.clone())
            .app_data(links.clone())
            .app_data(rules.clone())
            .configure(http::probes)
            .configure(|routes| {
                if takes_calls {
                    http::routes(routes);
                    endpoint.routes(routes);
                    if legacy_sse {
                        endpoint.legacy_sse(routes);
                    }
                }
            })
            .default_service(web::route().to(http::no_route))
            .wrap(from_fn(authenticate))
            .wrap(from_fn(check_source))
    });
    let server = server
        // Small events must not wait for the peer's acknowledgement: that costs 40 ms each.
        .tcp_nodelay(true)
        // A client that closed its stream has gone: without this actix notices only when it next writes.
        .h1_allow_half_closed(false)
        .keep_alive(IDLE_CONNECTION)
        .shutdown_timeout(LAST_REQUESTS_SECONDS)
        .disable_signals()
        .listen(listener)?;
    Ok(server.run())
}

impl Running {
    /// Serves until `stop` ends, then shuts down: takes nothing new, tells who waits, gives jobs their grace, hands the
    /// rest back.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve_until(self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let Self { app, server, .. } = self;
        let handle = server.handle();
        let mut served = actix_web::rt::spawn(server);
        tokio::select! {
            ended = &mut served => return Ok(ended??),
            () = stop => {}
        }
        tracing::info!("shutting down");
        app.shutdown.cancel();
        // The actor may be gone already; then there is nothing to drain.
        let _ = app.supervisor.send(Drain(app.config.drain_grace)).await;
        let hang_up = async {
            app.core.ports.clock.sleep(LAST_WORDS).await;
            app.hang_up.cancel();
        };
        tokio::join!(handle.stop(true), hang_up);
        Ok(served.await??)
    }
}

async fn mounts(config: &ServeConfig, clock: &Arc<dyn Clock>) -> anyhow::Result<Mounts> {
    let mut opened = Vec::with_capacity(config.mounts.len());
    for mount in &config.mounts {
        let store: anyhow::Result<Arc<dyn BlobStore>> = match &mount.source {
            MountSource::Folder(folder) => {
                FolderStore::open(folder).map(|store| Arc::new(store) as _).map_err(Into::into)
            }
            MountSource::Azure(url) => {
                let store = AzureStore::of_others(url, &config.azure, Arc::clone(clock)).await;
                store.map(|store| Arc::new(store) as _).map_err(Into::into)
            }
        };
        opened.push((mount.name.clone(), store.with_context(|| format!("cannot mount {mount}"))?));
    }
    Ok(Mounts::new(opened))
}

/// Links are signed where keys are asked for. They never outlive what they lead to.
async fn make_links(core: &Core, config: &ServeConfig, base_url: String) -> anyhow::Result<Links> {
    let key = LinkKey::load(&*core.ports.store).await?;
    let ttl = config.link_ttl.min(config.result_ttl);
    Ok(Links::new(key, base_url, config.api_keys.is_some(), ttl, Arc::clone(&core.ports.clock)))
}

/// What one job may use.
pub(crate) fn job_limits(jobs: &JobConfig) -> Limits {
    Limits {
        memory_bytes: jobs.job_memory_bytes,
        threads: jobs.threads_per_job,
        cpu_seconds: jobs.cpu_seconds,
        max_output_bytes: jobs.output_bytes,
        max_open_files: jobs.open_files,
        ..Limits::default()
    }
}

/// The settings of the job core among those of the server.
pub(crate) fn core_config(config: &ServeConfig) -> CoreConfig {
    let jobs = &config.jobs;
    CoreConfig {
        lease: config.lease,
        result_ttl: config.result_ttl,
        session_ttl: config.session_ttl,
        orphan_grace: config.orphan_grace,
        deadline: jobs.deadline,
        heartbeat: HEARTBEAT,
        cache_bytes: config.cache_bytes,
        limits: job_limits(jobs),
        runs_jobs: config.role != Role::Front,
        exclusive: matches!(config.store, StoreConfig::Local(_)),
        ..CoreConfig::new(config.scratch.clone())
    }
}
