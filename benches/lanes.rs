//! Guards: a lane adds at most 5 ms or 2 % to a job, whichever is more; it is ready within 30 ms; a job that is stopped is off
//! the processors within 1 s (p99).
//!
//! Peer in the same run: the same job on a thread (`--isolation thread`), in turns with the lane: through the bare runners that
//! a server has, and through two real servers over connections that are there already. A lane is this very program, with all
//! engines linked into it, as it is the server's. Its memory, and `/healthz` while all lanes are busy, have no bound here.

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use actors::model::Owner;
use actors::ports::{InThread, Run, SystemClock, ToolRunner};
use futures_util::future::join_all;
use heavylift::app;
use heavylift::cli::client::{Connection, Era, Server};
use heavylift::cli::ui;
use heavylift::config::ServeConfig;
use heavylift::lane::sandbox::Sandbox;
use heavylift::lane::{Lanes, Plan, child};
use heavylift::mcp::surface::Surface;
use rmcp::model::JsonObject;
use serde_json::{Value, json};
use support::{Times, now, print, timed, verdict};
use tokio_util::sync::CancellationToken;
use tools::{
    Answers, AnyTool, Cancel, Catalogue, Context, Folders, InputSpec, Limits, Outcome, Progress, ProgressSink, Report,
    ToolError, ToolSpec,
};

const LANES: usize = 2;
const THREADS: usize = 2;
/// How many milliseconds a job takes, and how often it is run.
const JOBS: [(u64, usize); 2] = [(1, 300), (1000, 8)];
const ALLOWED_MS: f64 = 5.0;
const ALLOWED_SHARE: f64 = 0.02;
const STARTS: usize = 50;
const ALLOWED_START_MS: f64 = 30.0;
const STOPS: usize = 100;
const ALLOWED_STOP_MS: f64 = 1000.0;
/// A job that only a stop ends.
const ENDLESS_MS: u64 = 60_000;
/// How long `/healthz` is asked for, and the jobs that keep all lanes busy meanwhile.
const ASKING: Duration = Duration::from_secs(4);
const BUSY_MS: u64 = 6_000;
/// Between two questions: it is not who asks that is to keep the processors busy.
const PAUSE: Duration = Duration::from_millis(2);
/// After this time what was begun just now is on its way, or at rest.
const SETTLE: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    if child::is_asked() {
        return child::main(&catalogue());
    }
    if support::is_wanted() {
        measure();
    }
    ExitCode::SUCCESS
}

fn measure() {
    let folder = tempfile::tempdir().expect("temporary folder");
    // First, while this process has no other child.
    show_memory(folder.path());
    let (starts, stops) = (starts(folder.path()), stops(folder.path()));
    let bare = bare(folder.path());
    let addresses = ["process", "thread"].map(|isolation| start(folder.path(), isolation));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("runtime");
    let [process, thread] = addresses.each_ref().map(|address| runtime.block_on(connect(address)));
    let served = JOBS.map(|(millis, rounds)| {
        let on_thread = || runtime.block_on(call(&thread, millis));
        compare(&format!("{millis} ms, served"), rounds, &on_thread, &|| runtime.block_on(call(&process, millis)))
    });
    print(["median, ms", "on a thread", "in a lane", "difference", "runs"], &[bare, served].concat());
    let at_rest = ask(&addresses);
    let asking = std::thread::spawn(move || ask(&addresses));
    let ended = runtime.block_on(join_all((0..LANES).map(|_| call(&process, BUSY_MS))));
    assert!(ended.iter().all(|took| *took < 2 * ASKING), "all at once, not {ended:?}");
    show_times(&starts, &stops, &at_rest, &asking.join().expect("no panic"));
}

fn catalogue() -> Catalogue {
    Catalogue::standard().with(Spin)
}

/// A tool that keeps all its threads busy for `millis` and hears nothing meanwhile: the worst that has to be stopped.
struct Spin;

const SPIN: &str = "bench_spin";

impl AnyTool for Spin {
    fn spec(&self) -> ToolSpec {
        let [name, title, description] = [SPIN, "Spin", "Keeps processors busy."].map(str::to_owned);
        let (input_schema, details_schema) = (json!({"type": "object"}), json!({"type": "object"}));
        ToolSpec { name, title, description, input_schema, details_schema }
    }

    fn inputs(&self, _: &Value) -> Result<Vec<InputSpec>, ToolError> {
        Ok(Vec::new())
    }

    fn run(&self, params: &Value, ctx: &mut Context) -> Result<Outcome, ToolError> {
        let until = now() + Duration::from_millis(params["millis"].as_u64().expect("a number"));
        let spin = move || while now() < until {};
        ctx.report(Progress::of(0.0, 1.0, "spinning"));
        std::thread::scope(|threads| {
            for _ in 1..ctx.limits().threads {
                threads.spawn(spin);
            }
            spin();
        });
        Ok(Outcome { report: Report::default(), artifacts: Vec::new() })
    }
}

fn lanes(folder: &Path) -> Lanes {
    let scratch = folder.join("lanes");
    let limits = Limits { threads: THREADS, ..Limits::default() };
    let plan = Plan { lanes: LANES, limits, sandbox: Sandbox::BestEffort, scratch };
    Lanes::new(plan, Arc::new(SystemClock))
}

/// A run of [`Spin`] on one thread, with folders of its own below `folder`.
fn run_of(millis: u64, folder: &Path, progress: ProgressSink, cancel: Cancel) -> Run {
    let folders = Folders { output: folder.join("output"), scratch: folder.join("scratch") };
    for path in [&folders.output, &folders.scratch] {
        std::fs::create_dir(path).expect("a folder");
    }
    let (owner, tool, params) = (Owner::local(), SPIN.to_owned(), json!({"millis": millis}));
    let limits = Limits { threads: 1, ..Limits::default() };
    Run { owner, tool, params, inputs: Vec::new(), folders, limits, answers: Answers::new(), progress, cancel }
}

/// What a lane holds that was started and has nothing to do.
fn show_memory(folder: &Path) {
    let lanes = lanes(folder);
    lanes.probe().expect("a lane starts");
    std::thread::sleep(SETTLE);
    let all = procfs::process::all_processes().expect("Linux has it").flatten();
    let mut known = all.filter_map(|process| process.status().ok());
    let lane = known.find(|status| status.ppid.unsigned_abs() == std::process::id()).expect("the lane lives");
    let mib = |kib: Option<u64>| kib.expect("Linux says so") as f64 / 1024.0;
    let (own, whole) = (mib(lane.rssanon) + mib(lane.rssshmem), mib(lane.vmrss));
    ui::out(format!("an idle lane holds {own:.1} MiB of its own, {whole:.1} MiB with the files it has mapped"));
}

/// From nothing to a lane that takes jobs. The first one brings the program from the disk and does not count.
fn starts(folder: &Path) -> Times {
    let start = |_| {
        let lanes = lanes(folder);
        let (time, started) = timed(|| lanes.probe());
        started.expect("a lane starts");
        time
    };
    (0..=STARTS).map(start).skip(1).collect()
}

/// From a cancel until nothing of the run goes on any more.
fn stops(folder: &Path) -> Times {
    let lanes = lanes(folder);
    (0..STOPS).map(|_| stop(&lanes, folder)).collect()
}

fn stop(lanes: &Lanes, folder: &Path) -> Duration {
    let job = tempfile::tempdir_in(folder).expect("a folder");
    let (cancel, (tell, told)) = (Cancel::default(), mpsc::channel());
    let begun = move |_: Progress| tell.send(()).expect("somebody waits for it");
    let run = run_of(ENDLESS_MS, job.path(), Arc::new(begun), cancel.clone());
    std::thread::scope(|threads| {
        let running = threads.spawn(|| lanes.run(run));
        told.recv().expect("the job begins");
        cancel.cancel();
        let (time, ended) = timed(|| running.join().expect("no panic"));
        let fault = ended.expect_err("it would go on and on");
        assert!(fault.is_cancelled(), "{fault:?}");
        time
    })
}

/// Lets both run the job in turns, the first turn only to warm up. Gives a row of medians, the last of how much longer the
/// lane took turn by turn, and says whether that is allowed.
fn compare(name: &str, rounds: usize, thread: &dyn Fn() -> Duration, process: &dyn Fn() -> Duration) -> [String; 5] {
    let (mut on_thread, mut in_lane, mut more) = (Times::default(), Times::default(), Vec::new());
    for (thread, process) in (0..=rounds).map(|_| (thread(), process())).skip(1) {
        on_thread.add(thread);
        in_lane.add(process);
        more.push((process.as_secs_f64() - thread.as_secs_f64()) * 1000.0);
    }
    more.sort_unstable_by(f64::total_cmp);
    let (alone, more) = (on_thread.median(), more[more.len() / 2]);
    let allowed = ALLOWED_MS.max(alone * ALLOWED_SHARE);
    verdict(&format!("{name}: {more:.2} ms more (≤ {allowed:.2})"), more <= allowed);
    let [alone, in_lane, more] = [alone, in_lane.median(), more].map(|median| format!("{median:.2}"));
    [name.to_owned(), alone, in_lane, more, rounds.to_string()]
}

/// Through the runners alone: no store, queue, HTTP or MCP.
fn bare(folder: &Path) -> [[String; 5]; 2] {
    let (thread, lanes) = (InThread(catalogue()), lanes(folder));
    JOBS.map(|(millis, rounds)| {
        let on_thread = || ran(&thread, millis, folder);
        compare(&format!("{millis} ms, bare"), rounds, &on_thread, &|| ran(&lanes, millis, folder))
    })
}

/// Making and removing the job's folder does not count.
fn ran(runner: &dyn ToolRunner, millis: u64, folder: &Path) -> Duration {
    let job = tempfile::tempdir_in(folder).expect("a folder");
    let run = run_of(millis, job.path(), Arc::new(|_| ()), Cancel::default());
    let (time, ended) = timed(|| runner.run(run));
    ended.expect("it does what it was asked to");
    time
}

/// The real server, on a free port, in a thread of its own that ends with this process; its address.
fn start(folder: &Path, isolation: &'static str) -> String {
    let store = format!("file://{}/{isolation}", folder.display());
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let (lanes, threads) = (LANES.to_string(), THREADS.to_string());
            let place = ["--addr", "127.0.0.1:0", "--store", &store, "--isolation", isolation];
            let jobs = ["--workers", &lanes, "--threads-per-job", &threads, "--job-memory", "512MiB"];
            let config = ServeConfig::from_flags(place.into_iter().chain(jobs)).expect("settings");
            let started = Box::pin(app::start(config, catalogue(), Surface::standard())).await;
            let running = started.expect("the server starts");
            tell.send(running.addr.to_string()).expect("somebody waits for it");
            Box::pin(running.serve_until(std::future::pending())).await.expect("serves");
        });
    });
    told.recv().expect("the server listens")
}

async fn connect(address: &str) -> Connection {
    let server = Server::new(&format!("http://{address}"), None).expect("an address");
    server.connect(Era::Newest).await.expect("connected")
}

async fn call(connection: &Connection, millis: u64) -> Duration {
    let arguments: JsonObject = json!({"millis": millis, "fresh": true}).as_object().cloned().expect("an object");
    let begun = now();
    let answer = connection.call_tool(SPIN, arguments, &mut |_, _| (), &CancellationToken::new()).await;
    let took = begun.elapsed();
    let answer = answer.expect("answered");
    assert_eq!(answer.envelope.status.as_deref(), Some("succeeded"), "{}", answer.text);
    took
}

/// How long `/healthz` takes of each server, asked in turns over connections that stay open.
fn ask(addresses: &[String; 2]) -> [Times; 2] {
    let mut streams = addresses.each_ref().map(|address| TcpStream::connect(address).expect("the server listens"));
    let mut times = [Times::default(), Times::default()];
    std::thread::sleep(SETTLE);
    let begun = now();
    while begun.elapsed() < ASKING {
        for (stream, times) in streams.iter_mut().zip(&mut times) {
            times.add(timed(|| ask_once(stream)).0);
        }
        std::thread::sleep(PAUSE);
    }
    times
}

fn ask_once(stream: &mut TcpStream) {
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("the server reads");
    let (mut answer, mut buffer) = (Vec::new(), [0; 1024]);
    while !answer.ends_with(b"}") {
        let read = stream.read(&mut buffer).expect("the server answers");
        assert!(read > 0, "the connection stays open");
        answer.extend_from_slice(&buffer[..read]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
}

fn show_times(starts: &Times, stops: &Times, at_rest: &[Times; 2], at_work: &[Times; 2]) {
    let row = |name: &str, times: &Times| {
        let [p50, p99] = [0.5, 0.99].map(|share| format!("{:.2}", times.percentile(share)));
        [name.to_owned(), p50, p99, times.count().to_string()]
    };
    let rows = [
        row("start of a lane", starts),
        row("from cancel to its end", stops),
        row("/healthz, all lanes at rest", &at_rest[0]),
        row("/healthz, all lanes busy", &at_work[0]),
        row("/healthz of an idle server meanwhile", &at_work[1]),
    ];
    print(["ms", "p50", "p99", "times"], &rows);
    let (start, stop) = (starts.median(), stops.percentile(0.99));
    verdict(&format!("p50 of a start, {start:.1} ms (≤ {ALLOWED_START_MS})"), start <= ALLOWED_START_MS);
    verdict(&format!("p99 from cancel to end, {stop:.1} ms (≤ {ALLOWED_STOP_MS})"), stop <= ALLOWED_STOP_MS);
}
