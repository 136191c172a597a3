//! The lane's side: `heavylift worker`. Takes jobs one after the other and runs each in its own rayon pool.
//!
//! Started by the server alone. Ends when its standard input does, which is when the server has gone, also in the middle of a
//! job.

use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use rayon::{ThreadPool, ThreadPoolBuilder};
use rustix::process::{Signal, getpid, kill_process};
use tools::{Cancel, Catalogue, Context, Outcome, Progress, ProgressSink, ToolError};

use super::wire::{Frames, Reply, Request, Setup, frame};
use super::{limits, sandbox};

/// How often progress is said at most: a talkative tool must not keep the server busy.
const PROGRESS_EVERY: Duration = Duration::from_millis(20);

/// Whether this process was started to be a lane: asked before it has threads.
pub fn is_asked() -> bool {
    std::env::args().skip(1).eq([super::COMMAND])
}

/// Runs jobs with the tools of `catalogue` until the server is gone.
pub fn main(catalogue: &Catalogue) -> ExitCode {
    match serve(catalogue) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(catalogue: &Catalogue) -> io::Result<()> {
    let out = Out::take()?;
    let mut stdin = Hearing { frames: Frames::new(), from: io::stdin() };
    let Some(setup) = stdin.next::<Setup>()? else {
        return Err(io::Error::other("heavylift worker is started by the server; see heavylift serve"));
    };
    limits::for_life(&setup.limits)?;
    // What ps and top call it.
    #[cfg(target_os = "linux")]
    rustix::thread::set_name(c"heavylift-lane")?;
    // While there is one thread: those that are made afterwards are shut in with it.
    let offered = sandbox::enter(setup.sandbox, &setup.read, &setup.write);
    let pool =
        ThreadPoolBuilder::new().num_threads(setup.limits.threads).thread_name(|thread| format!("tool-{thread}"));
    let pool = pool.build().map_err(io::Error::other)?;
    out.say(&Reply::Ready(offered))?;
    let (sender, requests) = mpsc::channel();
    std::thread::Builder::new().name("orders".to_owned()).spawn(move || listen(stdin, &sender))?;
    run_all(catalogue, &requests, &pool, &out)
}

fn run_all(catalogue: &Catalogue, requests: &Receiver<Request>, pool: &ThreadPool, out: &Out) -> io::Result<()> {
    let progress = ProgressReporter::start(out.clone())?;
    for request in requests {
        let open = Arc::new(AtomicBool::new(true));
        let sink = progress.sink(&open);
        let ran = limits::for_job(&request.limits)
            .map_err(|error| ToolError::io("setting the job's limits", &error))
            .map(|()| catch_unwind(AssertUnwindSafe(|| pool.install(|| run(catalogue, request, sink)))));
        open.store(false, Ordering::Release);
        progress.flush()?;
        out.say_end(&match ran {
            Ok(Ok(Ok(outcome))) => Reply::Done(outcome),
            Ok(Ok(Err(error))) | Err(error) => Reply::Failed(error),
            Ok(Err(panic)) => Reply::Panicked(actors::compute::said(&*panic)),
        })?;
    }
    Ok(())
}

fn run(catalogue: &Catalogue, request: Request, progress: ProgressSink) -> Result<Outcome, ToolError> {
    let Request { tool, params, inputs, folders, limits, answers } = request;
    // Nobody raises the flag: whoever wants the job stopped kills the lane.
    let mut ctx = Context::new(inputs, folders, limits, progress, Cancel::default()).with_answers(answers);
    catalogue.get(&tool)?.run(&params, &mut ctx)
}

/// Hears requests until the server is gone, and then ends this process at once: a tool may be in the middle of its work.
fn listen(mut stdin: Hearing<io::Stdin>, requests: &Sender<Request>) {
    loop {
        match stdin.next() {
            Ok(Some(request)) => {
                if requests.send(request).is_err() {
                    break;
                }
            }
            Ok(None) => break,
            Err(error) => {
                let _ = writeln!(io::stderr(), "a job that cannot be understood: {error}");
                break;
            }
        }
    }
    let _ = kill_process(getpid(), Signal::KILL);
}

/// Standard input, as messages.
struct Hearing<R> {
    frames: Frames,
    from: R,
}

impl<R: Read> Hearing<R> {
    /// The next message; `None` at the end.
    fn next<T: serde::de::DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            if let Some(message) = self.frames.next()? {
                return Ok(Some(message));
            }
            match self.from.read(&mut buffer)? {
                0 => return Ok(None),
                read => self.frames.feed(&buffer[..read]),
            }
        }
    }
}

/// What was standard output. That itself is led to standard error, so that nothing a library prints gets between the words.
#[derive(Clone)]
struct Out(Arc<Mutex<std::fs::File>>);

impl Out {
    fn take() -> io::Result<Self> {
        let own = rustix::io::dup(io::stdout())?;
        rustix::stdio::dup2_stdout(io::stderr())?;
        Ok(Self(Arc::new(Mutex::new(own.into()))))
    }

    fn say(&self, reply: &Reply) -> io::Result<()> {
        self.0.lock().write_all(&frame(reply)?)
    }

    /// Says how a job ended; what the server could not take in is an error of the job's.
    fn say_end(&self, reply: &Reply) -> io::Result<()> {
        match frame(reply) {
            Ok(framed) if is_readable(&framed) => self.0.lock().write_all(&framed),
            _ => {
                let message =
                    "the report is too long or too deeply nested to be kept; ask for fewer files, rows or levels";
                self.say(&Reply::Failed(ToolError::too_large(message)))
            }
        }
    }
}

/// Whether the server will make of `said` what was meant.
fn is_readable(said: &[u8]) -> bool {
    let mut frames = Frames::new();
    frames.feed(said);
    matches!(frames.next::<Reply>(), Ok(Some(_)))
}

/// A thread that tells the latest progress, so that the tool never waits for the server.
#[derive(Clone)]
struct ProgressReporter {
    latest: Arc<(Mutex<Option<Progress>>, Condvar)>,
    /// Held from the taking of the latest to its having been said.
    mouth: Arc<Mutex<Out>>,
}

impl ProgressReporter {
    fn start(out: Out) -> io::Result<Self> {
        let telling = Self { latest: Arc::default(), mouth: Arc::new(Mutex::new(out)) };
        let own = telling.clone();
        std::thread::Builder::new().name("progress".to_owned()).spawn(move || while own.tell().is_ok() {})?;
        Ok(telling)
    }

    fn tell(&self) -> io::Result<()> {
        let mut latest = self.latest.0.lock();
        while latest.is_none() {
            self.latest.1.wait(&mut latest);
        }
        drop(latest);
        self.flush()?;
        std::thread::sleep(PROGRESS_EVERY);
        Ok(())
    }

    /// Says what is not said yet. Afterwards nothing of it comes any more: it would be taken for the next job's.
    fn flush(&self) -> io::Result<()> {
        let out = self.mouth.lock();
        let latest = self.latest.0.lock().take();
        latest.map_or(Ok(()), |progress| out.say(&Reply::Progress(progress)))
    }

    /// Hears a job's progress while `open` stands: threads that it left behind are heard no more.
    fn sink(&self, open: &Arc<AtomicBool>) -> ProgressSink {
        let (latest, open) = (Arc::clone(&self.latest), Arc::clone(open));
        Arc::new(move |progress| {
            let mut latest_one = latest.0.lock();
            if open.load(Ordering::Acquire) {
                *latest_one = Some(progress);
                latest.1.notify_one();
            }
        })
    }
}
