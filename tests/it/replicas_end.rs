//! Replicas that end or stall one by one: roles, rolling restarts, zombies.

use std::sync::Arc;

use serde_json::json;

use crate::harness::{LONG, LONG_ANSWER, signal};
use crate::replicas::{Addresses, Client};
use crate::site::Site;

const CLIENTS: usize = 4;
/// How many jobs end between two restarts.
const JOBS_BETWEEN: usize = 20;

#[tokio::test]
async fn a_front_takes_calls_and_a_worker_runs_them() {
    let site = Site::new().await;
    let front = site.server(&["--role", "front"]).await;
    let worker = site.server(&["--role", "worker"]).await;
    let caller = front.caller();
    let answer = caller.call("data_query", json!({"sql": "select 6 * 7 as n"})).await;
    assert_eq!(answer.raw["rows"], json!([[42]]), "{}", answer.raw);

    let metrics = |caller: crate::harness::Caller| async move {
        let response = caller.get("/metrics").await;
        assert_eq!(response.status(), 200);
        response.text().await.expect("text")
    };
    let (of_front, of_worker) = (metrics(caller.clone()).await, metrics(worker.caller()).await);
    assert!(of_front.contains("heavylift_jobs_accepted_total 1\n"), "{of_front}");
    assert!(of_front.contains("heavylift_attempts_started_total 0\n"), "{of_front}");
    assert!(of_worker.contains("heavylift_attempts_started_total 1\n"), "{of_worker}");
    assert!(of_worker.contains("heavylift_jobs_succeeded_total 1\n"), "{of_worker}");
    for name in ["jobs_waiting 0", "jobs_running 0", "oldest_waiting_age_seconds 0.0"] {
        assert!(of_worker.contains(&format!("heavylift_{name}\n")), "{name}: {of_worker}");
    }
    assert_eq!(worker.caller().get("/jobs").await.status(), 404, "a worker serves nobody");
    assert_eq!(worker.caller().get("/readyz").await.status(), 200);

    // Progress and cancel cross from one to the other.
    let job = caller.submit(crate::harness::ENDLESS).await;
    caller.until_running(&job).await;
    caller.delete(&format!("/jobs/{job}")).await;
    assert_eq!(caller.end_of(&job).await["status"], "cancelled");
}

#[tokio::test]
async fn a_stopped_replica_that_goes_on_commits_nothing() {
    let site = Site::new().await;
    let flags = ["--lease", "2s", "--workers", "1"];
    let zombie = site.server(&flags).await;
    let job = zombie.caller().submit(LONG).await;
    zombie.caller().until_running(&job).await;
    signal("STOP", zombie.id());
    let heir = site.server(&flags).await;
    let view = heir.caller().end_of(&job).await;
    assert_eq!((&view["status"], &view["attempt"]), (&json!("succeeded"), &json!(2)), "{view}");
    signal("CONT", zombie.id());
    // By the time it has run another job, and been told to end, it has tried what it could.
    let after = zombie.caller().submit("select 1").await;
    zombie.caller().end_of(&after).await;
    zombie.terminate();
    let (status, _) = zombie.ended().await;
    assert_eq!(status.code(), Some(0));
    let again = heir.caller().end_of(&job).await;
    assert_eq!((&again["attempt"], &again["rows"]), (&json!(2), &json!([[LONG_ANSWER]])), "{again}");
    assert_eq!(again["artifacts"], view["artifacts"]);
}

/// One SIGTERM after another under load: clients that ask again as SDKs do see no error, and no job runs twice.
#[tokio::test]
async fn a_rolling_restart_goes_unnoticed() {
    let site = Site::new().await;
    let flags = ["--workers", "2", "--lease", "5s"];
    let addresses = Addresses::default();
    let mut replicas = Vec::new();
    for _ in 0..3 {
        let server = site.server(&flags).await;
        addresses.add(&server);
        replicas.push(server);
    }
    let restarted = Arc::new(tokio::sync::Notify::new());
    let (told, mut ends) = tokio::sync::mpsc::unbounded_channel();
    let seed: u64 = rand::random();
    eprintln!("seed {seed}");
    let clients: Vec<_> = (0..CLIENTS as u64)
        .map(|id| {
            let (mut client, restarted) = (Client::new(&addresses, seed ^ id), Arc::clone(&restarted));
            let told = told.clone();
            tokio::spawn(async move {
                let over = restarted.notified();
                tokio::pin!(over);
                let mut attempts = Vec::new();
                for number in (id..).step_by(CLIENTS) {
                    let job = tokio::select! {
                        biased;
                        () = &mut over => return attempts,
                        job = client.submit(number) => job,
                    };
                    attempts.push(client.end_of(&job).await["attempt"].clone());
                    told.send(()).expect("the test listens");
                }
                unreachable!("there are more numbers than time")
            })
        })
        .collect();
    for replica in &mut replicas {
        for _ in 0..JOBS_BETWEEN {
            ends.recv().await.expect("clients go on");
        }
        let next = site.server(&flags).await;
        addresses.add(&next);
        let old = std::mem::replace(replica, next);
        // Still listed: its clients learn of its end by themselves.
        old.terminate();
        let url = old.url.clone();
        let (status, _) = old.ended().await;
        assert_eq!(status.code(), Some(0));
        addresses.forget(&url);
    }
    restarted.notify_waiters();
    let mut jobs = 0;
    for client in clients {
        let attempts = client.await.expect("a client that saw nothing wrong");
        jobs += attempts.len();
        assert!(attempts.iter().all(|attempt| *attempt == 1), "ran twice: {attempts:?}");
    }
    eprintln!("{jobs} jobs during three restarts");
    assert!(jobs >= 3 * JOBS_BETWEEN);
}
