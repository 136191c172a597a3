//! The server's settings: as written ([`ServeArgs`]) and as checked ([`ServeConfig`]).
//!
//! Every setting is text until [`ServeArgs::check`], so that all faults can be told at once and not only the first.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use url::Url;

use super::faults::{Collector, Faults};
use super::units::{parse_bytes, parse_duration, parse_number};
use super::{AzureConfig, JobArgs, JobConfig, MountConfig, azure, keys, mounts};

pub(super) mod parse;
mod places;
#[cfg(test)]
mod tests;

pub use parse::{LogFormat, Role};
use places::Place;
pub use places::{QueueConfig, StoreConfig};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_hours(24);
/// The platform may kill a replica 30 s after SIGTERM, and the rest of a shutdown needs its share.
const MAX_DRAIN: Duration = Duration::from_secs(15);

/// AI clients kill a server that has not ended 2 to 4 s after them.
const MAX_STDIO_DRAIN: Duration = SECOND;

/// The settings of `heavylift serve`, as written on the command line or in the environment.
#[derive(Args, Clone, Debug)]
pub struct ServeArgs {
    /// Address to listen on; port 0 takes a free one. By default 127.0.0.1:8000, or with --stdio a free port of 127.0.0.1
    #[arg(long, env = "HEAVYLIFT_ADDR", value_name = "IP:PORT")]
    addr: Option<String>,

    /// Speak MCP on standard input and output with the AI client that started this process, too; ends with it
    #[arg(long, env = "HEAVYLIFT_STDIO", default_value = "false", default_missing_value = "true",
        num_args = 0..=1, require_equals = true, value_name = "BOOL")]
    stdio: String,

    /// Serve the HTTP+SSE transport of protocol 2024-11-05 at /sse and /messages, too, for clients that know no newer
    #[arg(long, env = "HEAVYLIFT_LEGACY_SSE", default_value = "false", default_missing_value = "true",
        num_args = 0..=1, require_equals = true, value_name = "BOOL")]
    legacy_sse: String,

    /// Where jobs, results and files are kept: a folder as its file: URL, or <https://ACCOUNT.blob.core.windows.net/CONTAINER>
    /// with or without a folder in it; by default a folder in the user's data folder
    #[arg(long, env = "HEAVYLIFT_STORE", value_name = "URL", hide_env_values = true)]
    store: Option<Place>,

    /// Existing data to show to everyone under NAME/, to be read only: a folder as its file: URL, or
    /// <https://ACCOUNT.blob.core.windows.net/CONTAINER> with or without a folder in it. May be given several times; the
    /// variable takes a list
    #[arg(long, env = "HEAVYLIFT_MOUNT", value_name = "NAME=URL", hide_env_values = true)]
    mount: Vec<Place>,

    /// Which queue hands out the jobs: local keeps it in this process, <https://ACCOUNT.queue.core.windows.net/QUEUE> shares it
    /// with other servers on the same Azure store
    #[arg(long, env = "HEAVYLIFT_QUEUE", default_value = "local", value_name = "QUEUE", hide_env_values = true)]
    queue: Place,

    /// As whom to go to Azure where the address carries no signature: auto, managed-identity, workload-identity or
    /// developer-tools
    #[arg(long, env = "HEAVYLIFT_AZURE_CREDENTIAL", default_value = "auto", value_name = "IDENTITY")]
    azure_credential: String,

    /// Client id of the user-assigned identity to go to Azure as
    #[arg(long, env = "HEAVYLIFT_AZURE_CLIENT_ID", value_name = "ID")]
    azure_client_id: Option<String>,

    /// Lead download links to Azure itself where the identity allows it, so that the bytes bypass the server; false where
    /// clients cannot reach the storage account
    #[arg(long, env = "HEAVYLIFT_DIRECT_LINKS", default_value = "true", default_missing_value = "true",
        num_args = 0..=1, require_equals = true, value_name = "BOOL")]
    direct_links: String,

    /// Which part of the work this process does: all, front (takes calls, runs no jobs) or worker (runs jobs, takes no calls)
    #[arg(long, env = "HEAVYLIFT_ROLE", default_value = "all", value_name = "ROLE")]
    role: String,

    #[command(flatten)]
    jobs: JobArgs,

    /// Address under which clients reach the server, for links and for the checks of Host and Origin
    #[arg(long, env = "HEAVYLIFT_PUBLIC_URL", value_name = "URL")]
    public_url: Option<String>,

    /// File of API keys (see "heavylift config new-key"); without it everything belongs to "local"
    #[arg(long, env = "HEAVYLIFT_API_KEYS", value_name = "FILE")]
    api_keys: Option<String>,

    /// Serve an address that others can reach without asking for API keys
    #[arg(long, env = "HEAVYLIFT_ALLOW_ANONYMOUS", default_value = "false", default_missing_value = "true",
        num_args = 0..=1, require_equals = true, value_name = "BOOL")]
    allow_anonymous: String,

    /// More values of the Host header to accept, separated by commas: host or host:port
    #[arg(long, env = "HEAVYLIFT_ALLOWED_HOSTS", value_delimiter = ',', value_name = "HOSTS")]
    allowed_hosts: Vec<String>,

    /// More values of the Origin header to accept, separated by commas: scheme://host:port, or :* for any port
    #[arg(long, env = "HEAVYLIFT_ALLOWED_ORIGINS", value_delimiter = ',', value_name = "ORIGINS")]
    allowed_origins: Vec<String>,

    /// How logs are written to standard error: pretty or json
    #[arg(long, env = "HEAVYLIFT_LOG", default_value = "pretty", value_name = "FORMAT")]
    log: String,

    // rmcp's loop calls it an error that a client went away before its answer, which is that client's right.
    /// What is logged: a level, and levels by module
    #[arg(
        long,
        env = "HEAVYLIFT_LOG_FILTER",
        default_value = "info,actix_server=warn,rmcp=error,rmcp::service=off",
        value_name = "FILTER"
    )]
    log_filter: String,

    /// Seconds that a tool call stays open before it answers with a job's handle
    #[arg(long, env = "HEAVYLIFT_WAIT_SECONDS", default_value = "50", value_name = "SECONDS")]
    wait_seconds: String,

    /// How long results and job records are kept
    #[arg(long, env = "HEAVYLIFT_RESULT_TTL", default_value = "7days", value_name = "TIME")]
    result_ttl: String,

    /// How long links to download and upload work, at most as long as results are kept
    #[arg(long, env = "HEAVYLIFT_LINK_TTL", default_value = "24h", value_name = "TIME")]
    link_ttl: String,

    /// How long a job runs on after the last client that knew of it has gone
    #[arg(long, env = "HEAVYLIFT_ORPHAN_GRACE", default_value = "30s", value_name = "TIME")]
    orphan_grace: String,

    /// How long an MCP session of protocol 2025-11-25 or older is kept that nobody uses
    #[arg(long, env = "HEAVYLIFT_SESSION_TTL", default_value = "7days", value_name = "TIME")]
    session_ttl: String,

    /// Sessions that one principal may use at the same time on one server
    #[arg(long, env = "HEAVYLIFT_MAX_SESSIONS", default_value = "1000", value_name = "NUMBER")]
    max_sessions: String,

    /// Jobs that may wait; one more is refused, to be tried again later
    #[arg(long, env = "HEAVYLIFT_MAX_WAITING", default_value = "10000", value_name = "NUMBER")]
    max_waiting: String,

    /// Largest file that may be uploaded
    #[arg(long, env = "HEAVYLIFT_MAX_UPLOAD_BYTES", default_value = "8GiB", value_name = "SIZE")]
    max_upload_bytes: String,

    /// Bytes of inputs above which a call is asked back about before it runs, where the client can ask its user; 0 never asks
    #[arg(long, env = "HEAVYLIFT_ASK_ABOVE_BYTES", default_value = "20GiB", value_name = "SIZE")]
    ask_above_bytes: String,

    /// How long a running job's lease lasts unless it is renewed
    #[arg(long, env = "HEAVYLIFT_LEASE", default_value = "60s", value_name = "TIME")]
    lease: String,

    /// Time that running jobs get at shutdown before they are queued again, at most 15s, with --stdio at most 1s
    #[arg(long, env = "HEAVYLIFT_DRAIN_GRACE", default_value = "15s", value_name = "TIME")]
    drain_grace: String,

    /// Folder for what jobs need only while they run; by default inside the store's folder, or with
    /// Azure in the user's cache folder
    #[arg(long, env = "HEAVYLIFT_SCRATCH", value_name = "FOLDER")]
    scratch: Option<String>,

    /// Room in that folder for inputs that may be wanted again; 0 keeps none. A store on this machine's disk needs none
    #[arg(long, env = "HEAVYLIFT_CACHE_BYTES", default_value = "10GiB", value_name = "SIZE")]
    cache_bytes: String,
}

/// The settings as a command of their own, for their names, defaults and docs.
#[derive(clap::Parser, Debug)]
#[command(name = "heavylift serve")]
pub(super) struct SettingsCommand {
    #[command(flatten)]
    pub(super) args: ServeArgs,
}

/// The server's settings, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServeConfig {
    /// What to bind; port 0 takes a free one.
    pub addr: SocketAddr,
    /// Whether MCP is spoken on standard input and output, too.
    pub stdio: bool,
    /// Whether the transport of protocol 2024-11-05 is served, too.
    pub legacy_sse: bool,
    /// Where everything is kept; made at start where it is missing.
    pub store: StoreConfig,
    /// Existing data in everyone's workspace.
    pub mounts: Vec<MountConfig>,
    /// What hands out the jobs; made at start where it is missing.
    pub queue: QueueConfig,
    /// As whom to go to Azure.
    pub azure: AzureConfig,
    /// Which part of the work this process does.
    pub role: Role,
    /// Where jobs run, and what one may use.
    pub jobs: JobConfig,
    /// Under which address clients reach the server, where that is not `addr`; ends without a slash.
    pub public_url: Option<String>,
    /// The file of API keys; without it everything belongs to `local`.
    pub api_keys: Option<PathBuf>,
    /// Whether an address that others can reach may be served without API keys.
    pub allow_anonymous: bool,
    /// More hosts to accept: `host` or `host:port`.
    pub allowed_hosts: Vec<String>,
    /// More origins to accept: `scheme://host:port`, with `:*` for any port.
    pub allowed_origins: Vec<String>,
    /// How logs are written.
    pub log: LogFormat,
    /// What is logged.
    pub log_filter: String,
    /// How long a tool call stays open.
    pub wait: Duration,
    /// How long results are kept.
    pub result_ttl: Duration,
    /// How long links work.
    pub link_ttl: Duration,
    /// How long a job runs on unattended.
    pub orphan_grace: Duration,
    /// How long a session is kept that nobody uses.
    pub session_ttl: Duration,
    /// How many sessions one principal may have in use.
    pub max_sessions: usize,
    /// How many jobs may wait.
    pub max_waiting: usize,
    /// The largest upload.
    pub max_upload_bytes: u64,
    /// The bytes of inputs above which a client is asked back; 0 for never.
    pub ask_above_bytes: u64,
    /// How long a lease lasts.
    pub lease: Duration,
    /// What running jobs get at shutdown.
    pub drain_grace: Duration,
    /// The folder for what jobs need while they run; made at start where it is missing.
    pub scratch: PathBuf,
    /// How much of it may hold inputs that no running job uses any more.
    pub cache_bytes: u64,
}

impl ServeArgs {
    /// The settings, checked.
    ///
    /// # Errors
    /// Every fault, each with its flag, its variable and what to write instead.
    pub fn check(&self) -> Result<ServeConfig, Faults> {
        let mut faults = Collector::default();
        let role = faults.take("role", parse::role(&self.role));
        let stdio = faults.take("stdio", parse::boolean(&self.stdio));
        let addr = faults.take("addr", parse::addr_or_default(self.addr.as_deref(), stdio == Some(true)));
        let legacy_sse = faults.take("legacy_sse", parse::boolean(&self.legacy_sse));
        let store = faults.take("store", places::store(self.store.as_ref()));
        let queue = faults.take("queue", places::queue(&self.queue, store.as_ref()));
        if let (Some(part @ (Role::Front | Role::Worker)), Some(QueueConfig::Local)) = (role, &queue) {
            let part = if part == Role::Front { "front" } else { "worker" };
            faults.add(
                "role",
                format!("{part} needs a store and a queue that other replicas share; set --store and --queue"),
            );
        }
        let identity = faults.take("azure_credential", azure::identity(&self.azure_credential));
        let direct_links = faults.take("direct_links", parse::boolean(&self.direct_links));
        let jobs = self.jobs.check(&mut faults);
        let public_url = faults.take("public_url", self.public_url.as_deref().map(parse::public_url).transpose());
        let api_keys = faults.take("api_keys", self.api_keys.as_deref().map(parse::api_keys).transpose());
        if stdio == Some(true) && (api_keys.as_ref().is_some_and(Option::is_some) || role == Some(Role::Worker)) {
            let message =
                "serves the one who starts it, without a key; leave out --api-keys and --role worker, or this";
            faults.add("stdio", message);
        }
        let allow_anonymous = faults.take("allow_anonymous", parse::boolean(&self.allow_anonymous));
        let allowed_hosts = faults.take("allowed_hosts", parse::hosts(&self.allowed_hosts));
        let allowed_origins = faults.take("allowed_origins", parse::origins(&self.allowed_origins));
        let log = faults.take("log", parse::log(&self.log));
        let log_filter = faults.take("log_filter", parse::log_filter(&self.log_filter));
        let wait = faults.take("wait_seconds", parse_number(&self.wait_seconds, &(0..=600)));
        let result_ttl = faults.take("result_ttl", parse_duration(&self.result_ttl, &(SECOND..=3650 * DAY)));
        let link_ttl = faults.take("link_ttl", parse_duration(&self.link_ttl, &(SECOND..=3650 * DAY)));
        let orphan_grace = faults.take("orphan_grace", parse_duration(&self.orphan_grace, &(Duration::ZERO..=DAY)));
        let session_ttl = faults.take("session_ttl", parse_duration(&self.session_ttl, &(SECOND..=3650 * DAY)));
        let max_sessions = faults.take("max_sessions", parse_number(&self.max_sessions, &(1..=100_000)));
        let max_waiting = faults.take("max_waiting", parse_number(&self.max_waiting, &(1..=1_000_000)));
        let max_upload_bytes = faults.take("max_upload_bytes", parse::size(&self.max_upload_bytes, 1));
        let ask_above_bytes = faults.take("ask_above_bytes", parse_bytes(&self.ask_above_bytes));
        let lease = faults.take("lease", parse_duration(&self.lease, &(SECOND..=DAY)));
        let drain_grace = faults.take("drain_grace", parse_duration(&self.drain_grace, &(Duration::ZERO..=MAX_DRAIN)));
        let drain_grace = drain_grace.map(|grace| if stdio == Some(true) { grace.min(MAX_STDIO_DRAIN) } else { grace });
        let scratch = faults.take("scratch", places::scratch(self.scratch.as_deref(), store.as_ref()));
        let folder = store.as_ref().and_then(StoreConfig::folder);
        let own = mounts::Own {
            folders: folder.into_iter().chain(scratch.as_deref()).collect(),
            container: store.as_ref().and_then(StoreConfig::container),
        };
        let mounts = faults.take("mount", mounts::parse(self.mount.iter().map(Place::text), &own));
        let cache_bytes = faults.take("cache_bytes", parse_bytes(&self.cache_bytes));
        if let (Some(addr), Some(anonymous)) = (addr, allow_anonymous)
            && let Err(message) = crate::auth::check_bind(addr, self.api_keys.is_some(), anonymous)
        {
            faults.add("addr", message);
        }
        let client_id = self.azure_client_id.clone().filter(|id| !id.is_empty());
        let config = || {
            Some(ServeConfig {
                addr: addr?,
                stdio: stdio?,
                legacy_sse: legacy_sse?,
                store: store?,
                mounts: mounts?,
                queue: queue?,
                azure: AzureConfig { identity: identity?, client_id: client_id.clone(), direct_links: direct_links? },
                role: role?,
                jobs: jobs.clone()?,
                public_url: public_url?,
                api_keys: api_keys?,
                allow_anonymous: allow_anonymous?,
                allowed_hosts: allowed_hosts?,
                allowed_origins: allowed_origins?,
                log: log?,
                log_filter: log_filter?,
                wait: Duration::from_secs(wait?),
                result_ttl: result_ttl?,
                link_ttl: link_ttl?,
                orphan_grace: orphan_grace?,
                session_ttl: session_ttl?,
                max_sessions: usize::try_from(max_sessions?).ok()?,
                max_waiting: usize::try_from(max_waiting?).ok()?,
                max_upload_bytes: max_upload_bytes?,
                ask_above_bytes: ask_above_bytes?,
                lease: lease?,
                drain_grace: drain_grace?,
                scratch: scratch?,
                cache_bytes: cache_bytes?,
            })
        };
        faults.finish(config())
    }
}

impl ServeConfig {
    /// The settings that `flags` and the environment give, for callers that start a server without a command line.
    ///
    /// # Errors
    /// What is wrong with them, all at once.
    pub fn from_flags<'a>(flags: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let command = std::iter::once("heavylift serve").chain(flags);
        let parsed = <SettingsCommand as clap::Parser>::try_parse_from(command).map_err(|error| error.to_string())?;
        parsed.args.check().map_err(|faults| faults.to_string())
    }

    /// The address that clients use, without a slash at its end: the public one, or that of `bound`.
    pub fn base_url(&self, bound: SocketAddr) -> String {
        let reachable = match bound.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        self.public_url.clone().unwrap_or_else(|| format!("http://{}", SocketAddr::new(reachable, bound.port())))
    }
}
