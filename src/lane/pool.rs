//! Which lane gets which job. As many lanes as jobs run at once, kept warm; one serves one principal until it is replaced.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actors::model::Owner;
use actors::ports::{Clock, Run, RunFault, ToolRunner};
use parking_lot::Mutex;
use tools::{Limits, Outcome};

use super::drive::{Driven, drive};
use super::folders::LaneFolders;
use super::process::{Event, Process, Program};
use super::sandbox::{Offered, Sandbox};
use super::usage;
use super::wire::{Reply, Setup};

/// How long a lane may take to be ready, on the busiest machine.
const START: Duration = Duration::from_mins(1);
/// After how many jobs a lane is replaced, whatever it may have kept of them.
const MOST_JOBS: u32 = 200;
/// With more memory than this a lane at rest is replaced, in bytes.
const MOST_AT_REST: u64 = 256 << 20;
/// What a lane has anyway, in bytes.
const IDLE: u64 = 8 << 20;
/// How long a slot rests after its lane could not be started.
const REST: Duration = Duration::from_millis(500);

/// How lanes are to be.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many there may be.
    pub lanes: usize,
    /// What one job may use at most.
    pub limits: Limits,
    /// How much they are shut in.
    pub sandbox: Sandbox,
    /// Where their folders are made: on the disk that the jobs' folders are on.
    pub scratch: PathBuf,
}

/// The lanes of one server. Clones share them.
#[derive(Clone)]
pub struct Lanes(Arc<Shared>);

struct Shared {
    plan: Plan,
    program: Program,
    clock: Arc<dyn Clock>,
    lanes: Mutex<State>,
    offered: OnceLock<Offered>,
    /// Why the latest lane could not be started, where it could not.
    fault: Mutex<Option<String>>,
    started: AtomicU64,
    lost: AtomicU64,
}

#[derive(Default)]
struct State {
    idle: Vec<Lane>,
    /// Those that have a job or are being started.
    busy: usize,
}

/// One lane at rest.
pub(super) struct Lane {
    process: Process,
    folders: LaneFolders,
    /// Whose jobs it has run.
    owner: Option<Owner>,
    jobs: u32,
}

impl Lanes {
    /// Lanes after `plan`, of the program that is running now. None is started yet.
    pub fn new(plan: Plan, clock: Arc<dyn Clock>) -> Self {
        // The very file that runs, also when another version lies at its path by now.
        let own = PathBuf::from("/proc/self/exe");
        let path = if own.exists() { own } else { std::env::current_exe().unwrap_or(own) };
        let threads = plan.limits.threads.to_string();
        let env = vec![("POLARS_MAX_THREADS", threads.clone()), ("RAYON_NUM_THREADS", threads)];
        Self::of(plan, Program { path, args: vec![super::COMMAND.to_owned()], env }, clock)
    }

    pub(super) fn of(plan: Plan, program: Program, clock: Arc<dyn Clock>) -> Self {
        let (lanes, offered) = (Mutex::default(), OnceLock::new());
        let (started, lost) = (AtomicU64::new(0), AtomicU64::new(0));
        Self(Arc::new(Shared { plan, program, clock, lanes, offered, fault: Mutex::default(), started, lost }))
    }

    /// Starts one lane and tells how far it is shut in.
    ///
    /// # Errors
    /// When it cannot be started, or is not shut in as much as is asked for.
    pub fn probe(&self) -> io::Result<Offered> {
        let busy = self.0.busy();
        let lane = self.0.start()?;
        self.0.keep(lane, busy);
        Ok(self.offered().expect("a lane that started has told"))
    }

    /// Starts a lane if there are fewer than planned, and waits until it is ready.
    pub fn warm_one(&self) {
        self.0.add();
    }

    /// Ends `outgoing` and starts a lane in its place, on a thread of its own: its job's result need not wait for that.
    fn replace(&self, outgoing: Lane) {
        let shared = Arc::clone(&self.0);
        let replacing = std::thread::Builder::new().name("lane-start".to_owned()).spawn(move || {
            drop(outgoing);
            shared.add();
        });
        if let Err(error) = replacing {
            tracing::warn!(%error, "the next job starts its lane itself");
        }
    }

    /// How far lanes are shut in, once one was started.
    pub fn offered(&self) -> Option<Offered> {
        self.0.offered.get().cloned()
    }

    /// Why no lane can be started now, where none can.
    pub fn fault(&self) -> Option<String> {
        self.0.fault.lock().clone()
    }

    /// How many lanes were started and how many of them were lost under a job, since the server's start.
    pub fn counts(&self) -> (u64, u64) {
        (self.0.started.load(Ordering::Relaxed), self.0.lost.load(Ordering::Relaxed))
    }
}

impl ToolRunner for Lanes {
    fn run(&self, run: Run) -> Result<Outcome, RunFault> {
        let busy = self.0.busy();
        let mut lane = loop {
            run.cancel.check()?;
            match self.0.take(&run.owner) {
                Ok(lane) => break lane,
                // No fault of the job's: it keeps its slot until there is a lane, or its time is over.
                Err(error) => tracing::error!(%error, "lane not started, trying again"),
            }
            std::thread::sleep(REST);
        };
        let Driven { result, fit } = drive(&mut lane.process, &lane.folders, &run, &*self.0.clock);
        if matches!(result, Err(RunFault::Lost(_))) {
            self.0.lost.fetch_add(1, Ordering::Relaxed);
        }
        lane.jobs += 1;
        let fit = fit && lane.jobs < MOST_JOBS && !lane.has_grown(&run.limits);
        lane.owner = Some(run.owner);
        if fit {
            self.0.keep(lane, busy);
        } else {
            drop(busy);
            self.replace(lane);
        }
        result
    }
}

/// One lane that has a job or is being started, for as long as this lives.
struct Busy<'a>(&'a Shared);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.lanes.lock().busy -= 1;
    }
}

impl Shared {
    fn busy(&self) -> Busy<'_> {
        self.lanes.lock().busy += 1;
        Busy(self)
    }

    /// A lane for a job of `owner`: one that served them before or nobody yet, else a new one in some other's place.
    fn take(&self, owner: &Owner) -> io::Result<Lane> {
        let mut lanes = self.lanes.lock();
        let dead: Vec<Lane> = lanes.idle.extract_if(.., |lane| lane.process.has_ended()).collect();
        let own = lanes.idle.iter().position(|lane| lane.owner.as_ref() == Some(owner));
        let suited = own.or_else(|| lanes.idle.iter().position(|lane| lane.owner.is_none()));
        let found = suited.map(|at| lanes.idle.swap_remove(at));
        let full = lanes.idle.len() + lanes.busy > self.plan.lanes && !lanes.idle.is_empty();
        let outgoing = (found.is_none() && full).then(|| lanes.idle.remove(0));
        drop(lanes);
        // Their folders go while nobody waits for the lock.
        drop((dead, outgoing));
        found.map_or_else(|| self.start(), Ok)
    }

    /// Keeps a lane that is busy no more, unless others have taken its place meanwhile.
    fn keep(&self, lane: Lane, busy: Busy<'_>) {
        drop(busy);
        let mut lanes = self.lanes.lock();
        let surplus = if lanes.idle.len() + lanes.busy < self.plan.lanes {
            lanes.idle.push(lane);
            None
        } else {
            Some(lane)
        };
        drop(lanes);
        drop(surplus);
    }

    /// Starts a lane if there are fewer than planned.
    fn add(&self) {
        let mut lanes = self.lanes.lock();
        if lanes.idle.len() + lanes.busy >= self.plan.lanes {
            return;
        }
        lanes.busy += 1;
        drop(lanes);
        let busy = Busy(self);
        match self.start() {
            Ok(lane) => self.keep(lane, busy),
            Err(error) => tracing::warn!(%error, "lane not started, trying again with the next job"),
        }
    }

    fn start(&self) -> io::Result<Lane> {
        let started = self.try_start();
        *self.fault.lock() = started.as_ref().err().map(ToString::to_string);
        started
    }

    fn try_start(&self) -> io::Result<Lane> {
        let folders = LaneFolders::new(&self.plan.scratch)?;
        let mut process = Process::start(&self.program, folders.path())?;
        let (sandbox, limits) = (self.plan.sandbox, self.plan.limits.clone());
        process.say(&Setup { read: folders.read(), write: folders.write(), sandbox, limits })?;
        let mut offered = self.ready(&mut process)?;
        if sandbox != Sandbox::Off && usage::of(process.id()).is_none() {
            offered.missing.push("memory and processor time are not limited (no word of them in /proc)".to_owned());
        }
        self.started.fetch_add(1, Ordering::Relaxed);
        if !offered.is_enough() {
            return Err(io::Error::other(format!("the sandbox is {offered}; see --sandbox")));
        }
        if self.offered.set(offered.clone()).is_ok() && !offered.missing.is_empty() {
            tracing::warn!(sandbox = %offered, "jobs are not shut in wholly");
        }
        Ok(Lane { process, folders, owner: None, jobs: 0 })
    }

    fn ready(&self, process: &mut Process) -> io::Result<Offered> {
        let until = self.clock.now() + START;
        loop {
            match process.hear(Duration::from_millis(100)) {
                Event::Reply(word) => match *word {
                    Reply::Ready(offered) => return Ok(offered),
                    _ => return Err(io::Error::other("a lane said another word than that it is ready")),
                },
                Event::Nothing if self.clock.now() < until => {}
                Event::Nothing => return Err(io::Error::other("a lane took too long to be ready")),
                Event::Gone => {
                    let status = process.end().map_or_else(String::new, |status| status.to_string());
                    let said = process.stderr_tail();
                    return Err(io::Error::other(format!("a lane ended before it was ready: {status} {said}")));
                }
            }
        }
    }
}

impl Lane {
    /// Whether it keeps so much that the next job, which may use as much as `limits` say, would miss it.
    fn has_grown(&self, limits: &Limits) -> bool {
        let most = MOST_AT_REST.min(IDLE + limits.memory_bytes / 16);
        usage::of(self.process.id()).is_some_and(|usage| usage.memory_bytes > most)
    }
}
