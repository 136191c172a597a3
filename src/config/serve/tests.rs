//! Settings: defaults, every fault at once, and what is refused.

use clap::Parser as _;

use super::*;
use crate::config::{AzureIdentity, Isolation, available_cores};
use crate::lane::sandbox::Sandbox;

fn parse(args: &[&str]) -> Result<ServeConfig, Faults> {
    let command = std::iter::once("heavylift serve").chain(args.iter().copied());
    SettingsCommand::try_parse_from(command).expect("clap takes it").args.check()
}

fn fault(args: &[&str]) -> String {
    parse(args).expect_err("a fault").to_string()
}

#[test]
fn the_defaults_hold() {
    let config = parse(&["--store", "file:///data/my%20jobs"]).expect("defaults are valid");
    assert_eq!(config.addr, "127.0.0.1:8000".parse().expect("address"));
    assert_eq!(config.store, StoreConfig::Local(PathBuf::from("/data/my jobs")));
    assert_eq!(config.queue, QueueConfig::Local);
    assert_eq!(config.scratch, PathBuf::from("/data/my jobs/scratch"));
    let jobs = &config.jobs;
    assert_eq!((jobs.workers, jobs.threads_per_job), (available_cores(), available_cores()));
    assert_eq!((jobs.isolation, jobs.sandbox), (Isolation::Process, Sandbox::BestEffort));
    assert!(jobs.job_memory_bytes * available_cores() as u64 <= jobs.memory_bytes, "all workers can work");
    assert_eq!((jobs.cpu_seconds, jobs.output_bytes, jobs.open_files), (None, 64 << 30, 4096));
    assert_eq!((config.wait, config.result_ttl), (Duration::from_secs(50), 7 * DAY));
    assert_eq!((config.link_ttl, config.cache_bytes), (DAY, 10 << 30));
    assert_eq!((config.orphan_grace, config.drain_grace), (Duration::from_secs(30), Duration::from_secs(15)));
    assert_eq!((config.max_waiting, config.max_upload_bytes), (10_000, 8 << 30));
    assert_eq!((config.jobs.deadline, config.lease), (Duration::from_hours(1), Duration::from_mins(1)));
    assert_eq!(
        (config.log, config.log_filter.as_str()),
        (LogFormat::Pretty, "info,actix_server=warn,rmcp=error,rmcp::service=off")
    );
    assert!(!config.allow_anonymous && config.api_keys.is_none() && config.public_url.is_none());
}

#[test]
fn a_server_on_stdio_takes_a_free_port_and_ends_soon() {
    let config = parse(&["--stdio"]).expect("valid");
    assert_eq!((config.stdio, config.addr), (true, "127.0.0.1:0".parse().expect("address")));
    assert_eq!(config.drain_grace, SECOND);
    let config = parse(&["--stdio=true", "--addr", "127.0.0.1:81", "--drain-grace", "0s"]).expect("valid");
    assert_eq!((config.addr.port(), config.drain_grace), (81, Duration::ZERO));
    assert_eq!(parse(&["--stdio=false"]).expect("valid").addr.port(), 8000);
    let azure = ["--store", "https://acct.blob.core.windows.net/jobs?sig=x", "--queue"];
    let queue = ["https://acct.queue.core.windows.net/jobs?sig=x", "--role", "worker", "--stdio"];
    assert!(fault(&[&azure[..], &queue[..]].concat()).contains("--stdio (HEAVYLIFT_STDIO)"));
}

#[test]
fn every_fault_is_told_at_once_with_flag_variable_and_remedy() {
    let args =
        ["--addr", "nowhere", "--workers", "0", "--drain-grace", "19s", "--log", "xml", "--max-upload-bytes", "big"];
    let Faults(faults) = parse(&args).expect_err("faults");
    let named: Vec<_> = faults.iter().map(|fault| (fault.flag.as_str(), fault.variable.as_str())).collect();
    assert_eq!(
        named,
        [
            ("--addr", "HEAVYLIFT_ADDR"),
            ("--workers", "HEAVYLIFT_WORKERS"),
            ("--log", "HEAVYLIFT_LOG"),
            ("--max-upload-bytes", "HEAVYLIFT_MAX_UPLOAD_BYTES"),
            ("--drain-grace", "HEAVYLIFT_DRAIN_GRACE"),
        ]
    );
    let text = Faults(faults).to_string();
    assert!(text.starts_with("5 settings cannot be used"), "{text}");
    assert!(text.contains("from 1 to 1024") && text.contains("from 0s to 15s") && text.contains("512MiB"), "{text}");
}

#[test]
fn what_there_is_not_is_refused_by_name() {
    assert!(fault(&["--role", "boss"]).contains("\"boss\" is not a role; use all, front or worker"));
    let alone = "needs a store and a queue that other replicas share";
    assert!(fault(&["--role", "worker"]).contains(alone) && fault(&["--role", "front"]).contains(alone));
    assert!(fault(&["--store", "/var/jobs"]).contains("file:///path"));
}

#[test]
fn a_job_has_its_part_of_the_memory() {
    let jobs = parse(&["--memory", "8GiB", "--workers", "4"]).expect("valid").jobs;
    assert_eq!((jobs.memory_bytes, jobs.job_memory_bytes), (8 << 30, 2 << 30));
    let jobs = parse(&["--memory", "8GiB", "--workers", "4", "--job-memory", "6GiB"]).expect("valid").jobs;
    assert_eq!(jobs.job_memory_bytes, 6 << 30);
    let oversized = fault(&["--memory", "2GiB", "--job-memory", "3GiB"]);
    assert!(
        oversized.contains("--job-memory (HEAVYLIFT_JOB_MEMORY): one job can have no more than all"),
        "{oversized}"
    );
    let faults = fault(&["--isolation", "box", "--sandbox", "maybe", "--job-cpu", "0s", "--job-files", "3"]);
    for named in ["process or thread", "require, best-effort or off", "--job-cpu", "from 64 to"] {
        assert!(faults.contains(named), "{named}: {faults}");
    }
}

#[test]
fn an_open_address_needs_keys_or_consent() {
    assert!(fault(&["--addr", "0.0.0.0:8000"]).contains("--allow-anonymous"));
    assert!(parse(&["--addr", "0.0.0.0:8000", "--allow-anonymous"]).expect("consent").allow_anonymous);
    assert!(!parse(&["--allow-anonymous=false"]).expect("fine").allow_anonymous);
    assert!(parse(&["--addr", "localhost:0"]).expect("loopback").addr.ip().is_loopback());
}

#[test]
fn a_missing_key_file_is_a_fault() {
    assert!(fault(&["--api-keys", "/nonexistent/keys.toml"]).contains("HEAVYLIFT_API_KEYS"));
    assert!(fault(&["--api-keys="]).contains("HEAVYLIFT_API_KEYS"));
}

#[test]
fn lists_are_split_and_checked() {
    let config =
        parse(&["--allowed-hosts", "Jobs.example.com, 10.0.0.4:8000", "--allowed-origins", "https://a.example:*"]);
    let config = config.expect("valid");
    assert_eq!(config.allowed_hosts, ["jobs.example.com", "10.0.0.4:8000"]);
    assert_eq!(config.allowed_origins, ["https://a.example:*"]);
    assert!(fault(&["--allowed-hosts", "https://a.example"]).contains("host:port"));
    assert!(fault(&["--allowed-origins", "a.example"]).contains("HEAVYLIFT_ALLOWED_ORIGINS"));
}

#[test]
fn the_base_url_is_one_that_clients_can_use() {
    let config = parse(&["--addr", "0.0.0.0:0", "--allow-anonymous"]).expect("valid");
    assert_eq!(config.base_url("0.0.0.0:81".parse().expect("address")), "http://127.0.0.1:81");
    let config = parse(&["--public-url", "https://jobs.example.com/"]).expect("valid");
    assert_eq!(config.base_url(config.addr), "https://jobs.example.com");
}

#[test]
fn a_store_on_azure_is_taken_and_its_secret_kept() {
    let store = "https://acct.blob.core.windows.net/jobs/team?sv=1&sig=SECRET";
    let queue = "https://acct.queue.core.windows.net/jobs?sv=1&sig=SECRET";
    let mount = "data=https://acct.blob.core.windows.net/data?sv=1&sig=SECRET";
    let identity = ["--azure-credential", "managed-identity", "--azure-client-id", "me", "--direct-links=false"];
    let args = [&["--store", store, "--queue", queue, "--mount", mount], &identity[..]].concat();
    let config = parse(&args).expect("valid");
    assert!(!config.azure.direct_links);
    assert_eq!(config.store.to_string(), "https://acct.blob.core.windows.net/jobs/team");
    assert!(matches!(&config.queue, QueueConfig::Azure(url) if url.to_string().ends_with("/jobs")));
    assert_eq!((config.azure.identity, config.azure.client_id.as_deref()), (AzureIdentity::Managed, Some("me")));
    assert!(!config.scratch.starts_with("https:"), "{:?}", config.scratch);
    let parsed =
        SettingsCommand::try_parse_from(std::iter::once("heavylift serve").chain(args)).expect("clap takes it");
    assert!(!format!("{parsed:?}{config:?}").contains("SECRET"), "a secret is not shown");
}

#[test]
fn a_queue_on_azure_needs_a_store_there() {
    let queue = "https://acct.queue.core.windows.net/jobs?sig=SECRET";
    let Faults(faults) = parse(&["--store", "file:///data", "--queue", queue]).expect_err("a fault");
    assert_eq!(faults.len(), 1, "one clear fault");
    assert!(faults[0].message.contains("--store") && !faults[0].message.contains("SECRET"), "{faults:?}");
    let Faults(faults) = parse(&["--store", "nonsense", "--queue", queue]).expect_err("a fault");
    assert_eq!(faults.len(), 1, "the store's, and no second one");
    assert!(fault(&["--queue", "kafka"]).contains("no such queue"));
    assert!(fault(&["--azure-credential", "magic"]).contains("managed-identity"));
}
