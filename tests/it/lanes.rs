//! What a job does, it does to nobody else: tools that misbehave, and what becomes of them and of those beside them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actors::model::Owner;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Caller, ENDLESS, Server, keys, png};

/// Who may do what: the principals, each with the end of its section of the file of keys.
const PRINCIPALS: [(&str, &str); 4] =
    [("ada", ""), ("bob", "[quota.bob]\ndeadline = \"2s\"\n"), ("cy", "[quota.cy]\ncpu = \"1s\"\n"), ("dee", "")];
const LIMITS: [&str; 12] = [
    "--workers",
    "3",
    "--threads-per-job",
    "1",
    "--memory",
    "2GiB",
    "--job-memory",
    "512MiB",
    "--job-output",
    "32MiB",
    "--job-files",
    "128",
];

/// A server with tools that misbehave, and its principals' callers.
async fn hostile(sandbox: &str) -> (Server, [Caller; 4]) {
    let folder = Arc::new(tempfile::tempdir().expect("temporary folder"));
    let (file, secrets) = keys(folder.path(), &PRINCIPALS.map(|(name, _)| name)).await;
    let quotas: String = PRINCIPALS.iter().map(|(_, quota)| *quota).collect();
    let text = std::fs::read_to_string(&file).expect("the file of keys");
    std::fs::write(&file, format!("{text}{quotas}")).expect("written");
    let flags = [&LIMITS[..], &["--api-keys", &file, "--sandbox", sandbox]].concat();
    let server = Server::start_hostile_in(folder, &flags).await;
    let callers = [0, 1, 2, 3].map(|number: usize| server.caller_with(&secrets[number]));
    (server, callers)
}

async fn misbehave(caller: &Caller, how: &str, what: &str) -> Value {
    let call = json!({"how": how, "what": what, "wait_seconds": 600, "fresh": true});
    caller.call("misbehave", call).await.raw
}

/// How a misdeed is to end: with an error of this kind and cause that says this.
type Failure<'a> = (&'a str, &'a str, &'a str, &'a str);

#[tokio::test]
async fn each_misdeed_ends_as_itself_and_nobody_beside_it_notices() {
    let (server, [ada, bob, cy, dee]) = hostile("best-effort").await;
    let over = Arc::new(AtomicBool::new(false));
    let probe = tokio::spawn(probe(server.caller(), Arc::clone(&over)));
    let others = tokio::spawn(twenty_jobs(dee));
    let failures: [(&Caller, Failure<'_>); 9] = [
        (&ada, ("abort", "internal", "worker_lost", "SIGABRT")),
        (&ada, ("overflow_stack", "internal", "worker_lost", "overflowed its stack")),
        (&ada, ("segfault", "internal", "worker_lost", "SIGSEGV")),
        (&ada, ("panic", "internal", "panic", "broke on this input")),
        (&ada, ("allocate", "resource_exhausted", "limit", "512.0 MiB of memory")),
        (&ada, ("fill", "resource_exhausted", "limit", "may write 32.0 MiB")),
        (&ada, ("fill_one_file", "resource_exhausted", "limit", "may write 32.0 MiB")),
        (&cy, ("spin", "resource_exhausted", "limit", "1 seconds of processor time")),
        (&bob, ("wait", "resource_exhausted", "deadline", "stopped after 2 seconds")),
    ];
    let ends = failures.iter().map(|(caller, (how, kind, cause, says))| async move {
        let view = misbehave(caller, how, "").await;
        let error = &view["error"];
        assert_eq!((error["kind"].as_str(), error["cause"].as_str()), (Some(*kind), Some(*cause)), "{how}: {view}");
        assert!(error["message"].as_str().is_some_and(|message| message.contains(says)), "{how}: {view}");
    });
    futures_util::future::join_all(ends).await;
    others.await.expect("twenty right results");
    over.store(true, Ordering::Relaxed);
    assert!(probe.await.expect("a healthy server") > 0);
    let (_, ready) = server.caller().json("/readyz").await;
    assert_eq!(ready["lanes"], "ok", "{ready}");
}

/// Asks whether the server lives until it is over; answers how often it did.
async fn probe(caller: Caller, over: Arc<AtomicBool>) -> u32 {
    let mut asked = 0;
    while !over.load(Ordering::Relaxed) {
        assert_eq!(caller.get("/healthz").await.status(), 200);
        asked += 1;
    }
    asked
}

/// Twenty jobs of somebody else, each to its right result.
async fn twenty_jobs(caller: Caller) {
    let one = |number: usize| {
        let caller = caller.clone();
        async move {
            let sql = format!("select count(*), {number} from range(2000000) t(x) where x % 3 = 1");
            let view = caller.call("data_query", json!({"sql": sql, "wait_seconds": 600})).await.raw;
            assert_eq!(view["rows"], json!([[666_667, number]]), "{view}");
        }
    };
    futures_util::future::join_all((0..20).map(one)).await;
}

#[tokio::test]
async fn a_job_is_shut_in() {
    // Needs Linux 6.2 or newer: else the server refuses to start.
    let (server, [ada, bob, ..]) = hostile("require").await;
    bob.put("secret.txt", "bob's").await;
    ada.put("mine.txt", "ada's").await;
    let secret = blob(&server, "bob", "secret.txt");
    let others = format!("/proc/{}/environ", server.id());
    let outside = server.folder.path().join("written").display().to_string();
    let (denied, refused) = ("Permission denied", "Operation not permitted");
    let tries = [
        ("read", "/etc/passwd", denied),
        ("read", &others, denied),
        ("read", &secret, denied),
        ("read", "/proc/self/environ", "POLARS_MAX_THREADS=1\0RAYON_NUM_THREADS=1\0"),
        ("write", &outside, denied),
        ("write", &secret, denied),
        ("change_mode", &secret, refused),
        ("connect", server.address(), refused),
        ("kill_server", "", refused),
        ("fork", "", refused),
        ("leave_group", "", refused),
        ("open_many", "", "Too many open files"),
        ("flood_progress", "", "all was said"),
        ("print_nonsense", "", "nobody minded"),
    ];
    for (how, what, answer) in tries {
        let view = misbehave(&ada, how, what).await;
        let said = view["summary"].as_str().unwrap_or_default();
        assert!(said.starts_with(answer), "{how} {what}: {view}");
        assert!(!answer.contains('\0') || said == answer, "nothing else: {said}");
    }
    // Another job's folder, while that job runs.
    let waiting =
        bob.call("misbehave", json!({"how": "wait", "wait_seconds": 0})).await.envelope.job_id.expect("a job");
    bob.until_running(&waiting).await;
    let lanes = walk_folders(&server.store().join("scratch"));
    let (own, theirs): (Vec<_>, Vec<_>) = lanes.into_iter().partition(|folder| !folder.ends_with("write/scratch"));
    assert!(!own.is_empty() && !theirs.is_empty(), "{own:?} {theirs:?}");
    for folder in theirs {
        let view = misbehave(&ada, "write", &format!("{folder}/planted")).await;
        let said = view["summary"].as_str().unwrap_or_default();
        assert!(said.starts_with(denied) || said.starts_with("No such file"), "{view}");
        assert!(!std::path::Path::new(&folder).join("planted").exists());
    }
    for (how, answer) in [("change_input", denied), ("touch_input", refused)] {
        let view = ada.call("misbehave", json!({"how": how, "file": "mine.txt"})).await.raw;
        assert!(view["summary"].as_str().is_some_and(|said| said.contains(answer)), "{how}: {view}");
    }
    assert_eq!((ada.file("mine.txt").await, bob.file("secret.txt").await), (b"ada's".to_vec(), b"bob's".to_vec()));
    let (_, ready) = server.caller().json("/readyz").await;
    assert_eq!(ready["sandbox"], "whole: files by Landlock, system calls by seccomp");
    assert!(server.log().lines().all(|line| !line.contains("not shut in")), "{}", server.log());
}

/// Where a principal's file lies on the disk.
fn blob(server: &Server, owner: &str, path: &str) -> String {
    let owner: Owner = owner.parse().expect("a name");
    let key = actors::layout::file(&owner, &path.parse().expect("a path"));
    let found = walk(&server.store()).into_iter().find(|file| file.ends_with(key.as_str()));
    found.unwrap_or_else(|| panic!("{} is somewhere below the store", key.as_str()))
}

/// The folders below `folder`, at any depth.
fn walk_folders(folder: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.flat_map(|entry| [vec![entry.path().display().to_string()], walk_folders(&entry.path())].concat()).collect()
}

fn walk(folder: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    let files = entries.flat_map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => walk(&entry.path()),
        _ => vec![entry.path().display().to_string()],
    });
    files.collect()
}

#[tokio::test]
async fn what_a_tool_only_says_it_wrote_is_nobodys_file() {
    let (_server, [ada, ..]) = hostile("best-effort").await;
    let bytes = std::fs::metadata("/etc/passwd").expect("it is there").len();
    for name in ["passwd", "../../etc/passwd", ""] {
        let view = ada.call("lie", json!({"name": name, "path": "/etc/passwd", "bytes": bytes})).await.raw;
        assert_eq!(view["status"], "failed", "{name}: {view}");
    }
    let view = misbehave(&ada, "leave_behind", "").await;
    assert_eq!(view["status"], "failed", "{view}");
    let (_, page) = ada.json("/files").await;
    assert!(!page.to_string().contains("passwd"), "{page}");
}

#[tokio::test]
async fn a_job_waits_for_its_memory_and_not_only_for_a_slot() {
    let flags = ["--workers", "4", "--threads-per-job", "1", "--memory", "600MiB", "--job-memory", "400MiB"];
    let server = Server::start(&flags).await;
    let caller = server.caller();
    let first = caller.submit(ENDLESS).await;
    caller.until_running(&first).await;
    let second = caller.submit("select 2").await;
    // The dispatcher may have it in hand for a moment.
    while caller.call("server_info", json!({})).await.raw["waiting"] != json!(1) {}
    let info = caller.call("server_info", json!({})).await.raw;
    assert_eq!((&info["running"], &info["slots"]), (&json!(1), &json!(4)), "{info}");
    assert_eq!(caller.json(&format!("/jobs/{second}")).await.1["status"], "queued");
    assert_eq!(caller.delete(&format!("/jobs/{first}")).await.status(), 202);
    assert_eq!(caller.end_of(&second).await["status"], "succeeded");
}

#[tokio::test]
async fn a_cancelled_job_leaves_no_process_behind() {
    let server = Server::start(&["--workers", "1"]).await;
    let caller = server.caller();
    let job = caller.submit(ENDLESS).await;
    caller.until_running(&job).await;
    let before = children(server.id());
    assert!(!before.is_empty());
    assert_eq!(caller.delete(&format!("/jobs/{job}")).await.status(), 202);
    assert_eq!(caller.end_of(&job).await["status"], "cancelled");
    let view = caller.call("data_query", json!({"sql": "select 1"})).await.raw;
    assert_eq!(view["status"], "succeeded", "in a fresh process: {view}");
    let after = children(server.id());
    assert!(before.iter().all(|lane| !after.contains(lane)), "{before:?} {after:?}");
}

#[tokio::test]
async fn the_processes_end_with_their_server() {
    let server = Server::start(&["--workers", "2"]).await;
    let caller = server.caller();
    let job = caller.submit(ENDLESS).await;
    caller.until_running(&job).await;
    let lanes = children(server.id());
    assert!(!lanes.is_empty());
    let ends: Vec<_> = lanes.into_iter().filter_map(end_of_process).collect();
    let _folder: Arc<TempDir> = server.kill().await;
    tokio::task::spawn_blocking(move || ends.into_iter().for_each(|end| end())).await.expect("all ended");
}

#[tokio::test]
async fn a_lane_serves_one_principal() {
    let folder = Arc::new(tempfile::tempdir().expect("temporary folder"));
    let (file, secrets) = keys(folder.path(), &["ada", "bob"]).await;
    let server = Server::start_in(folder, &["--workers", "1", "--api-keys", &file]).await;
    let (ada, bob) = (server.caller_with(&secrets[0]), server.caller_with(&secrets[1]));
    let mut lanes = Vec::new();
    for (number, caller) in [&ada, &ada, &bob, &ada].into_iter().enumerate() {
        let view = caller.call("data_query", json!({"sql": format!("select {number}")})).await.raw;
        assert_eq!(view["rows"], json!([[number]]), "{view}");
        lanes.push(children(server.id()));
    }
    assert_eq!(lanes[0], lanes[1], "kept for the same principal");
    assert!(lanes[1..].windows(2).all(|pair| pair[0] != pair[1]), "another for each change: {lanes:?}");
}

#[tokio::test]
async fn tools_do_not_know_where_they_run() {
    for flags in [&["--isolation", "thread"][..], &["--sandbox", "off"], &[]] {
        let server = Server::start(flags).await;
        let caller = server.caller();
        caller.put("t.csv", "a,b\n1,0.1\n2,0.2\n").await;
        caller.put("p.png", png(16, 8)).await;
        let view = caller.call("data_query", json!({"sql": "select sum(a), sum(b) from t"})).await.raw;
        assert_eq!(view["rows"], json!([[3, 0.1 + 0.2]]), "{flags:?}: {view}");
        let view = caller.call("data_profile", json!({"file": "t.csv"})).await.raw;
        assert_eq!(view["status"], "succeeded", "{flags:?}: {view}");
        let turn = json!([{"op": "rotate", "degrees": 90}]);
        let view = caller.call("image_process", json!({"files": ["p.png"], "operations": turn})).await.raw;
        assert_eq!(view["status"], "succeeded", "{flags:?}: {view}");
        assert_eq!(children(server.id()).is_empty(), flags.contains(&"thread"), "{flags:?}");
    }
}

#[tokio::test]
async fn a_sandbox_cannot_be_required_of_threads() {
    let folder = Arc::new(tempfile::tempdir().expect("temporary folder"));
    let refused = Server::try_start_in(folder, &["--isolation", "thread", "--sandbox", "require"]).await;
    let error = refused.err().expect("refused").stderr;
    assert!(error.contains("--sandbox (HEAVYLIFT_SANDBOX)"), "{error}");
}

/// The processes that `parent` started.
pub(crate) fn children(parent: u32) -> Vec<u32> {
    let all = procfs::process::all_processes().expect("/proc").flatten();
    let stats = all.filter_map(|process| process.stat().ok());
    let own = stats.filter(|stat| stat.ppid.unsigned_abs() == parent && stat.state != 'Z');
    own.map(|stat| stat.pid.unsigned_abs()).collect()
}

/// Something that waits until the process `id` is gone; nothing where it is gone already.
fn end_of_process(id: u32) -> Option<impl FnOnce()> {
    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::process::{Pid, PidfdFlags, pidfd_open};
    let pid = Pid::from_raw(i32::try_from(id).expect("a process")).expect("not 0");
    let handle = pidfd_open(pid, PidfdFlags::empty()).ok()?;
    Some(move || {
        poll(&mut [PollFd::new(&handle, PollFlags::IN)], None).expect("it ends");
    })
}
