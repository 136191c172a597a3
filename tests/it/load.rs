//! Many at once: all are served, in turn, and one too many is told to come again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::harness::{Caller, ENDLESS, ERAS, Server, keys};

const CALLS: usize = 64;

async fn one(caller: Caller, number: usize) -> String {
    let sql = format!("select count(*), {number} from range(2000000) t(x) where x % 3 = 1");
    let era = ERAS[number % ERAS.len()];
    let mcp = caller.connect(era).await;
    let answer = mcp.call("data_query", json!({"sql": sql, "wait_seconds": 600})).await;
    assert_eq!(answer.raw["rows"], json!([[666_667, number]]), "{}", answer.raw);
    answer.envelope.job_id.expect("a job")
}

#[tokio::test]
async fn sixty_four_calls_on_two_workers_all_end_in_fair_order() {
    let folder = Arc::new(tempfile::tempdir().expect("temporary folder"));
    let (file, secrets) = keys(folder.path(), &["ada", "bob"]).await;
    let server = Server::start_in(folder, &["--api-keys", &file, "--workers", "2", "--threads-per-job", "1"]).await;
    let who = [server.caller_with(&secrets[0]), server.caller_with(&secrets[1])];
    let over = Arc::new(AtomicBool::new(false));
    let probe = tokio::spawn({
        let (probe, over) = (server.caller(), Arc::clone(&over));
        async move {
            let mut asked = 0_u32;
            while !over.load(Ordering::Relaxed) {
                assert_eq!(probe.get("/healthz").await.status(), 200);
                asked += 1;
            }
            asked
        }
    });
    // Both workers are kept busy until all calls wait, Ada's before Bob's: in the order of their coming he would be last.
    let blockers = [who[0].submit(ENDLESS).await, who[0].submit(&format!("{ENDLESS} or x = 1")).await];
    for blocker in &blockers {
        who[0].until_running(blocker).await;
    }
    let mut calls = Vec::new();
    for (index, caller) in who.iter().enumerate() {
        let half = CALLS / 2;
        calls.extend((index * half..(index + 1) * half).map(|number| tokio::spawn(one(caller.clone(), number))));
        until_waiting(caller, calls.len()).await;
    }
    for blocker in &blockers {
        assert_eq!(who[0].delete(&format!("/jobs/{blocker}")).await.status(), 202);
    }
    let mut ids = Vec::new();
    for call in calls {
        ids.push(call.await.expect("a call that ended well"));
    }
    over.store(true, Ordering::Relaxed);
    assert!(probe.await.expect("a healthy server") > 0);

    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), CALLS, "each its own job");
    let mut ended: Vec<(String, usize)> = Vec::new();
    for (index, caller) in who.iter().enumerate() {
        let jobs = caller.jobs().await;
        let done = jobs.iter().filter(|job| job["status"] == "succeeded");
        ended.extend(done.map(|job| (finished(job), index)));
    }
    assert_eq!(ended.len(), CALLS);
    ended.sort();
    let bobs = ended.iter().take(20).filter(|(_, index)| *index == 1).count();
    assert!((6..=14).contains(&bobs), "of the first 20 that ended {bobs} are Bob's");
}

/// Asks until this many jobs wait.
async fn until_waiting(caller: &Caller, jobs: usize) {
    let mcp = caller.connect(ERAS[0]).await;
    while mcp.call("server_info", json!({})).await.raw["waiting"] != json!(jobs) {}
}

/// When a job ended, as text that sorts: its acceptance and what it took.
fn finished(job: &Value) -> String {
    use time::format_description::well_known::Rfc3339;
    let submitted = job["submitted_at"].as_str().expect("a time");
    let submitted = time::OffsetDateTime::parse(submitted, &Rfc3339).expect("RFC 3339");
    let took = time::Duration::milliseconds(job["elapsed_ms"].as_i64().expect("a number"));
    format!("{:020}", (submitted + took).unix_timestamp_nanos())
}

#[tokio::test]
async fn one_too_many_is_told_to_come_again() {
    let server = Server::start(&["--max-waiting", "20", "--workers", "1"]).await;
    let caller = server.caller();
    let blocker = caller.submit(ENDLESS).await;
    caller.until_running(&blocker).await;
    let mut waiting = Vec::new();
    for number in 0..20 {
        waiting.push(caller.submit(&format!("select {number}")).await);
    }
    for era in ERAS {
        let mcp = caller.connect(era).await;
        let refused = mcp.call("data_query", json!({"sql": "select 21", "wait_seconds": 0})).await;
        let error = &refused.raw["error"];
        assert_eq!((refused.is_error, &error["kind"], &error["retryable"]), (true, &json!("busy"), &json!(true)));
        assert!(error["retry_after_seconds"].is_u64(), "{error}");
        let again = mcp.call("data_query", json!({"sql": "select 7", "wait_seconds": 0})).await;
        assert_eq!(again.raw["job_id"], json!(waiting[7]), "one that waits already is joined: {}", again.raw);
    }
    assert_eq!(caller.jobs().await.len(), 21, "the refused ones left nothing");
    assert_eq!(caller.delete(&format!("/jobs/{blocker}")).await.status(), 202);
    for (number, job) in waiting.iter().enumerate() {
        assert_eq!(caller.end_of(job).await["rows"], json!([[number]]));
    }
    assert_eq!(caller.call("data_query", json!({"sql": "select 21"})).await.raw["rows"], json!([[21]]));
}

#[tokio::test]
async fn a_full_line_and_what_ran_come_back_after_a_crash() {
    let flags = ["--max-waiting", "1", "--workers", "1"];
    let server = Server::start(&flags).await;
    let caller = server.caller();
    let running = caller.submit(ENDLESS).await;
    caller.until_running(&running).await;
    let waiting = caller.submit("select 1").await;
    let server = Server::start_in(server.kill().await, &flags).await;
    let caller = server.caller();
    caller.until_running(&running).await;
    assert_eq!(caller.delete(&format!("/jobs/{running}")).await.status(), 202);
    assert_eq!(caller.end_of(&waiting).await["rows"], json!([[1]]));
}

#[tokio::test]
async fn ten_thousand_may_wait() {
    let server = Server::start(&[]).await;
    let info = server.caller().call("server_info", json!({})).await;
    assert_eq!(info.raw["max_waiting"], 10_000, "{}", info.raw);
}
