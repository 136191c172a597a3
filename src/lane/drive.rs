//! One job's run in a lane, from the server's side: hears how far it is, watches what it uses, and sees to its end.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

use actors::ports::{Clock, Run, RunFault};
use time::OffsetDateTime;
use tools::{Limits, Outcome, Progress, ToolError};

use super::folders::{LaneFolders, Moved};
use super::process::{Event, Process};
use super::usage;
use super::wire::{Reply, Request};
use crate::config::show_bytes;

/// How long a cancel or a limit may go unnoticed.
const TICK: Duration = Duration::from_millis(20);
/// How often the files that a job wrote are counted: that takes a look at each.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// Characters of a message of progress; every one is kept and sent to whoever watches.
const MESSAGE_CHARS: usize = 1_000;

/// What a run in a lane came to.
pub(super) struct Driven {
    pub(super) result: Result<Outcome, RunFault>,
    /// Whether the lane can take another job.
    pub(super) fit: bool,
}

/// How the lane's part ended.
enum End {
    /// It said so itself, and waits for the next job.
    Said(Result<Outcome, RunFault>),
    /// It was killed, for this reason.
    Killed(ToolError),
    /// It ended by itself, or is not to be understood.
    Gone,
}

/// Runs `run` in the lane behind `process`, whose folders are `folders`.
pub(super) fn drive(process: &mut Process, folders: &LaneFolders, run: &Run, clock: &dyn Clock) -> Driven {
    let moved = match folders.take_in(&run.inputs, &run.folders) {
        Ok(moved) => moved,
        Err(error) => return unfit(Err(ToolError::io("handing over the job's files", &error).into())),
    };
    if let Err(error) = process.say(&request(run, &moved)) {
        tracing::error!(%error, tool = run.tool, "job cannot be told to its process");
        return unfit(Err(ToolError::internal("the job cannot be handed to a process; ask for fewer files").into()));
    }
    match listen(process, folders, run, clock) {
        End::Said(result) => settle(process, folders, &moved, result),
        End::Killed(error) => {
            process.end();
            unfit(Err(error.into()))
        }
        End::Gone => unfit(Err(post_mortem(process, &run.limits))),
    }
}

/// Progress with a message that is fit to be read.
fn shortened(mut progress: Progress) -> Progress {
    if let Some((end, _)) = progress.message.char_indices().nth(MESSAGE_CHARS) {
        progress.message.truncate(end);
    }
    progress
}

fn unfit(result: Result<Outcome, RunFault>) -> Driven {
    Driven { result, fit: false }
}

fn request(run: &Run, moved: &Moved) -> Request {
    Request {
        tool: run.tool.clone(),
        params: run.params.clone(),
        inputs: moved.inputs.clone(),
        folders: moved.folders.clone(),
        limits: run.limits.clone(),
        answers: run.answers.clone(),
    }
}

fn listen(process: &mut Process, folders: &LaneFolders, run: &Run, clock: &dyn Clock) -> End {
    let mut watch = Watch::new(process.id(), folders, &run.limits, clock);
    loop {
        match process.hear(TICK) {
            Event::Reply(word) => match *word {
                Reply::Progress(progress) => (run.progress)(shortened(progress)),
                Reply::Done(outcome) => return End::Said(Ok(outcome)),
                Reply::Failed(error) => return End::Said(Err(error.into())),
                Reply::Panicked(said) => return End::Said(Err(RunFault::Panicked(said))),
                Reply::Ready(_) => return End::Gone,
            },
            Event::Nothing => {}
            Event::Gone => return End::Gone,
        }
        if let Err(stopped) = run.cancel.check().and_then(|()| watch.check()) {
            return End::Killed(stopped);
        }
    }
}

/// The job's files are out of the lane's reach before anybody looks at them.
fn settle(process: &mut Process, folders: &LaneFolders, moved: &Moved, result: Result<Outcome, RunFault>) -> Driven {
    if let Err(error) = folders.take_out(moved) {
        tracing::warn!(%error, "lane's folder is not as it should be");
        return unfit(result.and_then(|_| Err(ToolError::io("taking the job's files back", &error).into())));
    }
    // What is committed must not be written to any more, by a thread or a mapping that the tool left behind.
    let lingers = usage::holds(process.id(), &[&moved.home.output, &moved.home.scratch]);
    if lingers {
        process.end();
    }
    if matches!(result, Err(RunFault::Panicked(_))) {
        tracing::error!(stderr_tail = process.stderr_tail(), "a tool panicked in its process");
        return unfit(result);
    }
    let result = result.map(|outcome| moved.bring_home(outcome));
    let fit = !lingers && process.is_quiet() && !matches!(result, Ok(Err(_)));
    Driven { result: result.and_then(|brought| Ok(brought?)), fit }
}

/// What a lane's unasked end means for its job.
fn post_mortem(process: &mut Process, limits: &Limits) -> RunFault {
    let status = process.end();
    let stderr_tail = process.stderr_tail();
    tracing::warn!(?status, stderr_tail, "a job's process ended");
    if process.is_garbled() {
        return RunFault::Lost("its process said what nobody understands".to_owned());
    }
    // What the standard libraries say before they abort.
    if stderr_tail.contains("memory allocation of ") || stderr_tail.contains("std::bad_alloc") {
        return out_of_memory(limits, "").into();
    }
    if stderr_tail.contains("has overflowed its stack") {
        return RunFault::Lost("its process overflowed its stack".to_owned());
    }
    match status {
        Some(status) if status.signal() == Some(FILE_TOO_LARGE) => too_much_written(limits).into(),
        Some(status) if status.signal() == Some(KILLED) => RunFault::Lost(killed(status)),
        Some(status) => RunFault::Lost(format!("its process ended by itself ({status})")),
        None => RunFault::Lost("its process was lost".to_owned()),
    }
}

/// `SIGXFSZ` and `SIGKILL`, whose numbers are the same on every Linux and macOS.
const FILE_TOO_LARGE: i32 = 25;
const KILLED: i32 = 9;

fn killed(status: ExitStatus) -> String {
    format!("its process was killed from outside, perhaps for want of memory on the machine ({status})")
}

/// Watches what a lane uses while it has a job.
struct Watch<'a> {
    pid: u32,
    folders: &'a LaneFolders,
    limits: &'a Limits,
    clock: &'a dyn Clock,
    cpu_before: u64,
    counted: OffsetDateTime,
}

impl<'a> Watch<'a> {
    fn new(pid: u32, folders: &'a LaneFolders, limits: &'a Limits, clock: &'a dyn Clock) -> Self {
        let cpu_before = usage::of(pid).map_or(0, |usage| usage.cpu_seconds);
        Self { pid, folders, limits, clock, cpu_before, counted: clock.now() }
    }

    /// # Errors
    /// `ResourceExhausted` once the job is over a limit.
    fn check(&mut self) -> Result<(), ToolError> {
        let Some(usage) = usage::of(self.pid) else { return Ok(()) };
        if usage.memory_bytes > self.limits.memory_bytes {
            return Err(out_of_memory(self.limits, &format!(" at {}", show_bytes(usage.memory_bytes))));
        }
        if self.limits.cpu_seconds.is_some_and(|most| usage.cpu_seconds - self.cpu_before > most) {
            return Err(out_of_time(self.limits));
        }
        let now = self.clock.now();
        // Also when the clock was set back.
        if (now - self.counted).abs() >= COUNT_EVERY {
            self.counted = now;
            if usage::of_folder(&self.folders.write()) > self.limits.max_output_bytes {
                return Err(too_much_written(self.limits));
            }
        }
        Ok(())
    }
}

fn out_of_memory(limits: &Limits, reached: &str) -> ToolError {
    let most = show_bytes(limits.memory_bytes);
    ToolError::exhausted(format!(
        "stopped{reached}: one job may use {most} of memory; read fewer columns or rows, filter or sample first, or have \
         the limit raised (--job-memory, or your quota)"
    ))
}

fn out_of_time(limits: &Limits) -> ToolError {
    let most = limits.cpu_seconds.unwrap_or_default();
    ToolError::exhausted(format!(
        "stopped after {most} seconds of processor time, the limit for one job; ask for less at once, or have the \
         limit raised (--job-cpu, or your quota)"
    ))
}

fn too_much_written(limits: &Limits) -> ToolError {
    let most = show_bytes(limits.max_output_bytes);
    ToolError::exhausted(format!(
        "stopped: one job may write {most}, what it puts down meanwhile included; ask for less at once, or have the \
         limit raised (--job-output, or your quota)"
    ))
}
