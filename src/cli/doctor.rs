//! `heavylift doctor`: would a server start here, and does the running one answer?

use std::io;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

use actors::model::JobId;
use actors::ports::{BlobStore as _, Expect, JobQueue as _, Key, SystemClock};
use bytes::Bytes;
use clap::Args;

use super::client::{Era, Server};
use super::{CliError, ui};
use crate::app::job_limits;
use crate::auth::Keyring;
use crate::config::{
    AzureUrl, ClientArgs, Isolation, QueueConfig, Role, ServeArgs, ServeConfig, StoreConfig, machine_memory, show_bytes,
};
use crate::lane::{Lanes, Plan};
use crate::queue::AzureQueue;
use crate::store::AzureStore;

/// Below this a server starts but soon refuses work.
const LITTLE_SPACE: u64 = 1 << 30;

/// `heavylift doctor`.
#[derive(Args, Debug)]
pub(super) struct DoctorCommand {
    #[command(flatten)]
    settings: ServeArgs,
    #[command(flatten)]
    client: ClientArgs,
}

/// What one check found.
enum Finding {
    Fine(String),
    Note(String),
    Fault(String),
}

struct Check {
    name: &'static str,
    finding: Finding,
}

pub(super) async fn run(command: DoctorCommand) -> Result<(), CliError> {
    let mut checks = Vec::new();
    let config = command.settings.check();
    match &config {
        Ok(_) => add(&mut checks, "settings", Finding::Fine("every setting can be used".to_owned())),
        Err(faults) => {
            for fault in &faults.0 {
                add(&mut checks, "settings", Finding::Fault(fault.to_string()));
            }
        }
    }
    if let Ok(config) = &config {
        add(&mut checks, "store", Box::pin(store(config)).await);
        if let QueueConfig::Azure(url) = &config.queue {
            add(&mut checks, "queue", Box::pin(queue(config, url)).await);
        }
        machine(&mut checks, config);
    }
    Box::pin(server(&mut checks, &command.client)).await;
    if let Ok(config) = &config {
        add(&mut checks, "address", bind(config));
    }
    show(&checks)
}

fn add(checks: &mut Vec<Check>, name: &'static str, finding: Finding) {
    checks.push(Check { name, finding });
}

fn show(checks: &[Check]) -> Result<(), CliError> {
    let mut table = ui::table(["check", "", "what was found"]);
    for check in checks {
        let (mark, text) = match &check.finding {
            Finding::Fine(text) => ("ok", text),
            Finding::Note(text) => ("note", text),
            Finding::Fault(text) => ("FAULT", text),
        };
        table.add_row([check.name, mark, ui::plain(text).as_str()]);
    }
    ui::out(table);
    let faults = checks.iter().filter(|check| matches!(check.finding, Finding::Fault(_))).count();
    if faults == 0 { Ok(()) } else { Err(CliError::Failed(format!("{faults} of these must be mended"))) }
}

fn machine(checks: &mut Vec<Check>, config: &ServeConfig) {
    add(checks, "scratch", folder(&config.scratch));
    let cores = crate::config::available_cores();
    let cores =
        format!("{cores}; {} jobs at a time, {} threads each", config.jobs.workers, config.jobs.threads_per_job);
    add(checks, "cores", Finding::Fine(cores));
    add(checks, "memory", memory(config));
    add(checks, "sandbox", sandbox(config));
    if let Some(path) = &config.api_keys {
        let finding = match Keyring::load(path) {
            Ok(_) => Finding::Fine("the file of API keys is in order".to_owned()),
            Err(error) => Finding::Fault(error.to_string()),
        };
        add(checks, "API keys", finding);
    }
}

async fn store(config: &ServeConfig) -> Finding {
    match &config.store {
        StoreConfig::Local(path) => folder(path),
        StoreConfig::Azure(url) => match probe(config, url).await {
            Ok(()) => Finding::Fine(format!("{url}: written, read and deleted")),
            Err(error) => Finding::Fault(format!("{url}: {error}")),
        },
    }
}

/// Does with a small blob of its own what a server does all the time.
async fn probe(config: &ServeConfig, url: &AzureUrl) -> anyhow::Result<()> {
    let store = AzureStore::new(url, &config.azure, Arc::new(SystemClock))?;
    store.prepare().await?;
    let key = Key::new(format!("doctor/{}", JobId::random()));
    let value = Bytes::from_static(b"written by heavylift doctor");
    store.put(&key, value.clone(), Expect::Absent).await?;
    let read = store.get(&key).await;
    store.delete(&key).await?;
    anyhow::ensure!(read?.is_some_and(|blob| blob.value == value), "what was written was not read again");
    Ok(())
}

async fn queue(config: &ServeConfig, url: &AzureUrl) -> Finding {
    let length = async {
        let queue = AzureQueue::new(url, &config.azure, Arc::new(SystemClock), config.max_waiting)?;
        queue.prepare().await?;
        anyhow::Ok(queue.depth().await?.waiting)
    };
    match length.await {
        Ok(waiting) => Finding::Fine(format!("{url}: {waiting} jobs wait")),
        Err(error) => Finding::Fault(format!("{url}: {error}")),
    }
}

/// Whether a file can be written where `path` is, or would be made.
fn folder(path: &Path) -> Finding {
    let Some(existing) = path.ancestors().find(|folder| folder.exists()) else {
        return Finding::Fault(format!("{}: no part of this path exists", path.display()));
    };
    if let Err(error) = tempfile::tempfile_in(existing) {
        return Finding::Fault(format!("{} cannot be written: {error}", existing.display()));
    }
    let made = if existing == path { "" } else { " (will be made)" };
    match fs4::available_space(existing) {
        Ok(bytes) if bytes < LITTLE_SPACE => {
            Finding::Note(format!("{}{made}: only {} free", path.display(), show_bytes(bytes)))
        }
        Ok(bytes) => Finding::Fine(format!("{}{made}: writable, {} free", path.display(), show_bytes(bytes))),
        Err(error) => Finding::Note(format!("{}{made}: writable, free space unknown ({error})", path.display())),
    }
}

/// Starts a job's process as a server would, and hears how far it is shut in.
fn sandbox(config: &ServeConfig) -> Finding {
    let jobs = &config.jobs;
    if config.role == Role::Front {
        return Finding::Note("not looked at: with --role front no job runs here".to_owned());
    }
    if jobs.isolation == Isolation::Thread {
        return Finding::Note("none: jobs run in the server's own process (--isolation thread)".to_owned());
    }
    let Ok(folder) = tempfile::tempdir() else { return Finding::Note("not looked at: no temporary folder".to_owned()) };
    let scratch = folder.path().to_owned();
    let plan = Plan { lanes: 1, limits: job_limits(jobs), sandbox: jobs.sandbox, scratch };
    match Lanes::new(plan, Arc::new(SystemClock)).probe() {
        Ok(offered) if offered.missing.is_empty() => Finding::Fine(offered.to_string()),
        Ok(offered) => Finding::Note(offered.to_string()),
        Err(error) => Finding::Fault(format!("a process for jobs cannot be started: {error}")),
    }
}

fn memory(config: &ServeConfig) -> Finding {
    let (total, jobs) = (machine_memory(), &config.jobs);
    let (all, one) = (show_bytes(jobs.memory_bytes), show_bytes(jobs.job_memory_bytes));
    let text = format!("{} in all; jobs may use {all} of it, one of them {one}", show_bytes(total));
    let at_once = usize::try_from(jobs.memory_bytes / jobs.job_memory_bytes).unwrap_or(usize::MAX);
    if jobs.memory_bytes > total {
        return Finding::Note(format!("{text}: lower --memory"));
    }
    if at_once < jobs.workers {
        return Finding::Note(format!(
            "{text}: {at_once} jobs at a time, not {}; lower --job-memory for more",
            jobs.workers
        ));
    }
    Finding::Fine(text)
}

/// Whether the address can be bound; one that is taken is fine where a server is meant to run already.
fn bind(config: &ServeConfig) -> Finding {
    match TcpListener::bind(config.addr) {
        Ok(_) => Finding::Fine(format!("{} is free", config.addr)),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            Finding::Note(format!("{} is in use; stop that process or choose another --addr", config.addr))
        }
        Err(error) => Finding::Fault(format!("{} cannot be bound: {error}", config.addr)),
    }
}

async fn server(checks: &mut Vec<Check>, client: &ClientArgs) {
    let server = match Server::from_args(client) {
        Ok(server) => server,
        Err(error) => return add(checks, "server", Finding::Fault(error.to_string())),
    };
    match server.probe("healthz").await {
        Ok(()) => add(checks, "server", Finding::Fine(format!("{} is alive", server.url()))),
        Err(error) if error.is_unreachable() => {
            return add(checks, "server", Finding::Note(format!("no server answers at {}", server.url())));
        }
        Err(error) => return add(checks, "server", Finding::Fault(error.to_string())),
    }
    let ready = match server.probe("readyz").await {
        Ok(()) => Finding::Fine("store and queue answer".to_owned()),
        Err(error) => Finding::Fault(error.to_string()),
    };
    add(checks, "readiness", ready);
    let tools = match tools(&server).await {
        Ok(tools) => Finding::Fine(format!("{} tools: {}", tools.len(), tools.join(", "))),
        Err(error) => Finding::Fault(error.to_string()),
    };
    add(checks, "MCP", tools);
}

async fn tools(server: &Server) -> Result<Vec<String>, super::client::ClientError> {
    let connection = server.connect(Era::Newest).await?;
    let tools = connection.tools().await;
    connection.close().await;
    tools
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_would_be_made_is_fine_and_a_file_is_not() {
        let root = tempfile::tempdir().expect("temporary folder");
        assert!(matches!(folder(root.path()), Finding::Fine(_) | Finding::Note(_)));
        let (Finding::Fine(text) | Finding::Note(text)) = folder(&root.path().join("a/b")) else {
            panic!("a folder that can be made");
        };
        assert!(text.contains("will be made"), "{text}");
        let file = root.path().join("file");
        std::fs::write(&file, "x").expect("write");
        assert!(matches!(folder(&file.join("below")), Finding::Fault(_)));
    }

    #[test]
    fn a_taken_address_is_seen() {
        let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
        let addr = taken.local_addr().expect("an address").to_string();
        let config = ServeConfig::from_flags(["--addr", addr.as_str()]).expect("valid");
        assert!(matches!(bind(&config), Finding::Note(_)));
        drop(taken);
        assert!(matches!(bind(&config), Finding::Fine(_)));
    }
}
