//! Where jobs run, how many at once, and what one may use: a part of the server's settings.

use std::time::Duration;

use clap::Args;
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

use super::available_cores;
use super::faults::Collector;
use super::serve::parse::size;
use super::units::{parse_duration, parse_number, show_bytes};
use crate::lane::sandbox::Sandbox;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_hours(24);
/// Less than this no engine can work with.
pub(super) const LEAST_MEMORY: u64 = 64 << 20;
/// Less than this no job can write its result with.
pub(super) const LEAST_OUTPUT: u64 = 1 << 20;
/// Fewer than these no engine can work with, more no system allows.
pub(super) const OPEN_FILES: std::ops::RangeInclusive<u64> = 64..=1_000_000;

/// The settings, as written.
#[derive(Args, Clone, Debug)]
pub struct JobArgs {
    /// Jobs that run at the same time; by default the number of cores
    #[arg(long, env = "HEAVYLIFT_WORKERS", value_name = "NUMBER")]
    workers: Option<String>,

    /// Threads that one job may use; by default the number of cores
    #[arg(long, env = "HEAVYLIFT_THREADS_PER_JOB", value_name = "NUMBER")]
    threads_per_job: Option<String>,

    /// Where a job runs: process (in one of its own, which can be stopped, limited and lost) or thread (in the server's, where
    /// only time and what engines count themselves are limited)
    #[arg(long, env = "HEAVYLIFT_ISOLATION", default_value = "process", value_name = "ISOLATION")]
    isolation: String,

    /// How a job's process is shut in (its own files only, no network, no other processes): require (or the server does not
    /// start), best-effort (as far as the kernel can) or off
    #[arg(long, env = "HEAVYLIFT_SANDBOX", default_value = "best-effort", value_name = "SANDBOX")]
    sandbox: String,

    /// Memory that all running jobs together may use; a job waits until its own share is free. By default four fifths of the
    /// machine's, or of the container's
    #[arg(long, env = "HEAVYLIFT_MEMORY", value_name = "SIZE")]
    memory: Option<String>,

    /// Memory that one job may use; DuckDB spills to disk before that. By default an equal part of --memory for each worker
    #[arg(long, env = "HEAVYLIFT_JOB_MEMORY", value_name = "SIZE")]
    job_memory: Option<String>,

    /// Processor time that one job may use, over all its threads; by default as much as it takes
    #[arg(long, env = "HEAVYLIFT_JOB_CPU", value_name = "TIME")]
    job_cpu: Option<String>,

    /// Longest time that one job may run
    #[arg(long, env = "HEAVYLIFT_JOB_DEADLINE", default_value = "1h", value_name = "TIME")]
    job_deadline: String,

    /// Bytes that one job may write, results and what it puts down meanwhile together
    #[arg(long, env = "HEAVYLIFT_JOB_OUTPUT", default_value = "64GiB", value_name = "SIZE")]
    job_output: String,

    /// Files that one job may hold open at once
    #[arg(long, env = "HEAVYLIFT_JOB_FILES", default_value = "4096", value_name = "NUMBER")]
    job_files: String,
}

/// Where a job runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// In a lane.
    Process,
    /// On a thread of the server.
    Thread,
}

/// The settings, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobConfig {
    /// How many jobs run at the same time.
    pub workers: usize,
    /// How many threads one job may use.
    pub threads_per_job: usize,
    /// Where a job runs.
    pub isolation: Isolation,
    /// How its process is shut in.
    pub sandbox: Sandbox,
    /// What all running jobs may use together.
    pub memory_bytes: u64,
    /// What one job may use; at most `memory_bytes`.
    pub job_memory_bytes: u64,
    /// Processor time of one job, in whole seconds.
    pub cpu_seconds: Option<u64>,
    /// How long one job may run.
    pub deadline: Duration,
    /// What one job may write.
    pub output_bytes: u64,
    /// Files that one job may hold open.
    pub open_files: u64,
}

impl JobArgs {
    /// The settings, checked; `None` where `faults` got one more.
    pub(super) fn check(&self, faults: &mut Collector) -> Option<JobConfig> {
        let workers = faults.take("workers", number_or_cores(self.workers.as_deref()));
        let threads_per_job = faults.take("threads_per_job", number_or_cores(self.threads_per_job.as_deref()));
        let isolation = faults.take("isolation", isolation(&self.isolation));
        let sandbox = faults.take("sandbox", sandbox(&self.sandbox));
        if (isolation, sandbox) == (Some(Isolation::Thread), Some(Sandbox::Require)) {
            faults
                .add("sandbox", "require needs jobs in processes of their own; leave out --isolation thread, or this");
        }
        let memory = self.memory.as_deref().map_or_else(|| Ok(usual_memory()), |text| size(text, LEAST_MEMORY));
        let memory_bytes = faults.take("memory", memory);
        let job_memory = match (&self.job_memory, memory_bytes, workers) {
            (Some(text), _, _) => size(text, LEAST_MEMORY),
            (None, Some(memory), Some(workers)) => Ok((memory / workers as u64).max(LEAST_MEMORY)),
            _ => Ok(LEAST_MEMORY),
        };
        let job_memory_bytes = faults.take("job_memory", job_memory);
        if let (Some(job), Some(all)) = (job_memory_bytes, memory_bytes)
            && job > all
        {
            let all = show_bytes(all);
            faults.add(
                "job_memory",
                format!("one job can have no more than all together, {all}; lower it or raise --memory"),
            );
        }
        let cpu = |text: &String| parse_duration(text, &(SECOND..=30 * DAY)).map(|time| time.as_secs());
        let cpu_seconds = faults.take("job_cpu", self.job_cpu.as_ref().map(cpu).transpose());
        let deadline = faults.take("job_deadline", parse_duration(&self.job_deadline, &(SECOND..=30 * DAY)));
        let output_bytes = faults.take("job_output", size(&self.job_output, LEAST_OUTPUT));
        let open_files = faults.take("job_files", parse_number(&self.job_files, &OPEN_FILES));
        Some(JobConfig {
            workers: workers?,
            threads_per_job: threads_per_job?,
            isolation: isolation?,
            sandbox: sandbox?,
            memory_bytes: memory_bytes?,
            job_memory_bytes: job_memory_bytes?,
            cpu_seconds: cpu_seconds?,
            deadline: deadline?,
            output_bytes: output_bytes?,
            open_files: open_files?,
        })
    }
}

fn number_or_cores(text: Option<&str>) -> Result<usize, String> {
    let Some(text) = text else { return Ok(available_cores()) };
    let number = parse_number(text, &(1..=1024))?;
    usize::try_from(number).map_err(|error| error.to_string())
}

fn isolation(text: &str) -> Result<Isolation, String> {
    match text {
        "process" => Ok(Isolation::Process),
        "thread" => Ok(Isolation::Thread),
        _ => Err(format!("{text:?} is no isolation; use process or thread")),
    }
}

fn sandbox(text: &str) -> Result<Sandbox, String> {
    match text {
        "require" => Ok(Sandbox::Require),
        "best-effort" => Ok(Sandbox::BestEffort),
        "off" => Ok(Sandbox::Off),
        _ => Err(format!("{text:?} is no sandbox; use require, best-effort or off")),
    }
}

/// The memory of the machine, or of the container that this process is in.
pub(crate) fn machine_memory() -> u64 {
    let system = System::new_with_specifics(RefreshKind::nothing().with_memory(MemoryRefreshKind::everything()));
    let total = system.total_memory();
    system.cgroup_limits().map_or(total, |limits| limits.total_memory.min(total))
}

fn usual_memory() -> u64 {
    (machine_memory() / 5 * 4).max(LEAST_MEMORY)
}
