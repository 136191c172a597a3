//! What the benches share: percentiles, a way to read processor time, a folder, a server.
//!
//! Each bench uses a part of it. Nothing here knows what is measured.

#![allow(dead_code, reason = "each bench uses a part of this")]

pub(crate) mod far;
pub(crate) mod nothing;

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use heavylift::cli::ui;
use heavylift::lane;
use tools::Catalogue;

/// Runs `bench`, or jobs where a server started this program for that.
pub(crate) fn main(bench: impl FnOnce()) -> ExitCode {
    if lane::child::is_asked() {
        return lane::child::main(&Catalogue::standard());
    }
    bench();
    ExitCode::SUCCESS
}

/// Whether this process is to measure, and not merely tried by `cargo test`.
pub(crate) fn is_wanted() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

/// How long `work` takes, and what it gives.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let begun = now();
    let done = work();
    (begun.elapsed(), done)
}

/// The present moment.
#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Measured times.
#[derive(Clone, Debug, Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The time that `share` (0 to 1) of all did not exceed, in milliseconds.
    pub(crate) fn percentile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (share * sorted.len() as f64).ceil().max(1.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank is a small whole number")]
        let at = (rank as usize).min(sorted.len()) - 1;
        sorted[at].as_secs_f64() * 1000.0
    }

    pub(crate) fn median(&self) -> f64 {
        self.percentile(0.5)
    }
}

impl FromIterator<Duration> for Times {
    fn from_iter<I: IntoIterator<Item = Duration>>(times: I) -> Self {
        Self(times.into_iter().collect())
    }
}

/// Prints a table whose first column names what was measured.
pub(crate) fn print<const N: usize>(header: [&str; N], rows: &[[String; N]]) {
    let mut table = ui::table(header);
    for row in rows {
        table.add_row(row);
    }
    ui::out(table);
}

/// Says whether a figure is met.
pub(crate) fn verdict(what: &str, met: bool) {
    ui::out(format!("{what}: {}\n", if met { "met" } else { "NOT met" }));
}

/// The peer's program. Its own workspace and target folder: its features must not touch ours.
pub(crate) fn build_peer() -> PathBuf {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peer/Cargo.toml");
    let me = std::env::current_exe().expect("this program");
    let target = me.ancestors().nth(3).expect("the target folder").join("peer");
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--release", "--locked", "--manifest-path", manifest, "--target-dir"]).arg(&target);
    assert!(build.status().expect("cargo runs").success(), "the peer must build");
    target.join("release/peer")
}

/// A server in a process of its own, so that its processor time is its own. Killed when dropped.
pub(crate) struct ServerProcess {
    child: Child,
    /// `IP:PORT`.
    pub(crate) address: String,
}

impl ServerProcess {
    /// Starts `command` and reads its address from the line that says where it "listens on".
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the server starts");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines().map_while(Result::ok);
        let line = lines.find(|line| line.contains("listens on ")).expect("the server says where it listens");
        // Whoever reads no more would stop the server at its next word.
        std::thread::spawn(move || lines.for_each(drop));
        let address = line.rsplit(' ').next().unwrap_or_default().trim_start_matches("http://").to_owned();
        Self { child, address }
    }

    /// Bytes of memory that it holds.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the server lives");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux says so");
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kib * 1024
    }

    /// Seconds of processor time that it has used.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("the server lives");
        let after_name = stat.rsplit(") ").next().unwrap_or_default();
        let fields: Vec<&str> = after_name.split(' ').collect();
        // utime and stime are the 14th and 15th field (proc_pid_stat(5)), in ticks of 10 ms everywhere that matters.
        [11, 12].iter().map(|&at| fields[at].parse::<f64>().expect("ticks")).sum::<f64>() / 100.0
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
