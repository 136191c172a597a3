//! Lanes that are none: programs that say nonsense, nothing, or what is not true.

use std::path::Path;
use std::sync::Arc;

use actors::ports::SystemClock;
use tempfile::TempDir;
use tools::{Answers, ArtifactFile, Cancel, Folders, Limits, Progress, Report, ToolErrorKind};

use super::pool::Plan;
use super::process::Program;
use super::sandbox::{Offered, Sandbox};
use super::wire::{Reply, frame};
use super::*;
use actors::model::Owner;
use actors::ports::{Run, RunFault, ToolRunner as _};

/// A lane whose program is a shell script; `$1` is a folder with what it can say.
struct Fake {
    folder: TempDir,
    lanes: Lanes,
}

impl Fake {
    fn new(sandbox: Sandbox, script: &str) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path();
        let artifact = ArtifactFile {
            name: "passwd".to_owned(),
            mime: String::new(),
            local: "/etc/passwd".into(),
            bytes: 1,
            sha256: String::new(),
        };
        let stolen = tools::Outcome { report: Report::default(), artifacts: vec![artifact] };
        let missing = vec!["any file can be read".to_owned()];
        say(path, "ready", &Reply::Ready(Offered { asked: sandbox, missing }));
        say(path, "stolen", &Reply::Done(stolen));
        say(path, "progress", &Reply::Progress(Progress::of(1.0, 2.0, "half")));
        let args = ["-c", script, "lane", &path.to_string_lossy()].map(str::to_owned).to_vec();
        let program = Program { path: "/bin/sh".into(), args, env: Vec::new() };
        let plan = Plan { lanes: 1, limits: Limits::default(), sandbox, scratch: path.join("scratch") };
        Self { lanes: Lanes::of(plan, program, Arc::new(SystemClock)), folder }
    }

    /// A run of nothing in particular.
    fn run(&self, cancel: Cancel) -> Result<tools::Outcome, RunFault> {
        let job = tempfile::tempdir_in(self.folder.path()).expect("temporary folder");
        let folders = Folders { output: job.path().join("output"), scratch: job.path().join("scratch") };
        std::fs::create_dir(&folders.output).expect("folder");
        std::fs::create_dir(&folders.scratch).expect("folder");
        let heard = cancel.clone();
        self.lanes.run(Run {
            owner: Owner::local(),
            tool: "any".to_owned(),
            params: serde_json::Value::Null,
            inputs: Vec::new(),
            folders,
            limits: Limits::default(),
            answers: Answers::new(),
            // Whoever hears of progress here has had enough.
            progress: Arc::new(move |_| heard.cancel()),
            cancel,
        })
    }
}

fn say(folder: &Path, name: &str, word: &Reply) {
    std::fs::write(folder.join(name), frame(word).expect("short")).expect("write");
}

fn lost(result: Result<tools::Outcome, RunFault>) -> String {
    match result {
        Err(RunFault::Lost(why)) => why,
        other => panic!("not lost: {other:?}"),
    }
}

#[test]
fn a_lane_that_does_not_start_says_why() {
    let fake = Fake::new(Sandbox::Off, "echo no such library >&2; exit 127");
    let error = fake.lanes.probe().expect_err("it ended").to_string();
    assert!(error.contains("exit status: 127") && error.contains("no such library"), "{error}");
    let fake = Fake::new(Sandbox::Off, "printf 'hello, world'; cat");
    assert!(fake.lanes.probe().is_err(), "nonsense is not a word");
    assert!(fake.lanes.fault().is_some_and(|fault| fault.contains("ended before it was ready")));
    let cancel = Cancel::default();
    cancel.cancel();
    assert!(fake.run(cancel).expect_err("no lane").is_cancelled(), "a job waits for its lane until it is to stop");
}

#[test]
fn a_lane_that_is_not_shut_in_runs_only_where_that_is_allowed() {
    let fake = Fake::new(Sandbox::Require, "cat $1/ready; cat >/dev/null");
    let error = fake.lanes.probe().expect_err("not shut in").to_string();
    assert!(error.contains("any file can be read") && error.contains("--sandbox"), "{error}");
    let fake = Fake::new(Sandbox::BestEffort, "cat $1/ready; cat >/dev/null");
    assert_eq!(fake.lanes.probe().expect("good enough").missing.len(), 1);
}

#[test]
fn nonsense_and_silence_lose_the_attempt_and_nothing_else() {
    let fake =
        Fake::new(Sandbox::Off, "cat $1/ready; head -c 1 >/dev/null; printf '\\377\\377\\377\\377'; cat >/dev/null");
    for _ in 0..3 {
        lost(fake.run(Cancel::default()));
    }
    assert_eq!(fake.lanes.counts().1, 3, "each a lane of its own");
    let fake = Fake::new(Sandbox::Off, "cat $1/ready; head -c 1 >/dev/null; kill -SEGV $$");
    let why = lost(fake.run(Cancel::default()));
    assert!(why.contains("SIGSEGV"), "{why}");
}

#[test]
fn what_a_lane_claims_is_looked_at() {
    let fake = Fake::new(Sandbox::Off, "cat $1/ready; head -c 1 >/dev/null; cat $1/stolen; cat >/dev/null");
    let Err(RunFault::Tool(error)) = fake.run(Cancel::default()) else { panic!("not caught") };
    assert_eq!(error.kind, ToolErrorKind::Internal, "{error}");
}

#[test]
fn a_lane_that_hears_nothing_is_stopped() {
    let fake = Fake::new(Sandbox::Off, "cat $1/ready; head -c 1 >/dev/null; cat $1/progress; cat >/dev/null");
    let fault = fake.run(Cancel::default()).expect_err("stopped");
    assert!(fault.is_cancelled(), "{fault:?}");
}

#[test]
fn a_flood_of_progress_can_be_stopped() {
    let flood = "cat $1/ready; head -c 1 >/dev/null; while cat $1/progress; do echo noise >&2; done";
    let fault = Fake::new(Sandbox::Off, flood).run(Cancel::default()).expect_err("stopped");
    assert!(fault.is_cancelled(), "{fault:?}");
}
