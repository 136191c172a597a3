//! The promise: an accepted job is never lost, and no result is torn, whenever the server is killed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use crate::harness::{Caller, Server, png, sha256};
use crate::wire;

const KILLS: usize = 200;
const CLIENTS: u64 = 3;
const FLAGS: [&str; 4] = ["--workers", "2", "--max-waiting", "40"];

/// Where the server is now, if there is one.
type Address = watch::Receiver<Option<String>>;

/// What the clients know: which calls were acknowledged, as which jobs.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) jobs: Mutex<BTreeMap<String, String>>,
    next: AtomicU64,
}

/// Submits one small job after another to whichever server there is, and tells of each answer.
async fn client(caller: Caller, mut rng: StdRng, known: Arc<Known>, mut server: Address, told: mpsc::Sender<()>) {
    while let Ok(url) = server.wait_for(Option::is_some).await.map(|url| url.clone().expect("some")) {
        let caller = caller.at(&url);
        while submit(&caller, &mut rng, &known).await {
            if told.send(()).await.is_err() {
                return;
            }
        }
        // Gone: the next one is another address.
        if server.wait_for(|now| now.as_ref() != Some(&url)).await.is_err() {
            return;
        }
    }
}

/// One call, new or (after a crash it may be either) one whose answer was lost. False when the server is gone.
pub(crate) async fn submit(caller: &Caller, rng: &mut StdRng, known: &Known) -> bool {
    let newest = known.next.fetch_add(1, Ordering::Relaxed);
    let number = if rng.random_range(0..4) == 0 { rng.random_range(0..=newest) } else { newest };
    let key = format!("call-{number}");
    let (tool, mut arguments) = if number % 4 == 0 {
        let turn = json!([{"op": "rotate", "degrees": 90}]);
        ("image_process", json!({"files": ["a.png", "b.png"], "operations": turn}))
    } else {
        ("data_query", json!({"sql": format!("select {number} as n, count(*) as c from t"), "output": "csv"}))
    };
    arguments["wait_seconds"] = json!(0);
    arguments["idempotency_key"] = json!(key);
    let request = wire::newest(caller, "tools/call", wire::call(tool, &arguments, None));
    let Some(reply) = wire::try_reply(request).await else { return false };
    let view = wire::said(&reply);
    let Some(job) = view["job_id"].as_str() else {
        assert_eq!(view["error"]["retryable"], true, "only what may come again is refused: {reply}");
        return true;
    };
    let before = known.jobs.lock().insert(key.clone(), job.to_owned());
    assert!(before.is_none_or(|before| before == job), "{key} became a second job");
    true
}

#[tokio::test]
async fn killed_two_hundred_times_it_loses_nothing() {
    let seed: u64 = rand::random();
    eprintln!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let mut server = Server::start(&FLAGS).await;
    let caller = server.caller();
    caller.put("t.csv", "a\n1\n2\n").await;
    caller.put("a.png", png(16, 8)).await;
    caller.put("b.png", png(8, 16)).await;

    let known = Arc::new(Known::default());
    let (address, addresses) = watch::channel(None);
    let (told, mut answers) = mpsc::channel(1);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|id| {
            let rng = StdRng::seed_from_u64(seed ^ id);
            tokio::spawn(client(caller.clone(), rng, Arc::clone(&known), addresses.clone(), told.clone()))
        })
        .collect();
    drop(told);
    for _ in 0..KILLS {
        address.send(Some(server.url.clone())).expect("clients listen");
        for _ in 0..rng.random_range(0..12) {
            answers.recv().await.expect("clients go on");
        }
        spin(rng.random_range(0..2_000_000));
        let folder = server.kill().await;
        address.send(None).expect("clients listen");
        while answers.try_recv().is_ok() {}
        server = Server::start_in(folder, &FLAGS).await;
    }
    drop((address, answers));
    for client in clients {
        client.await.expect("a client that saw nothing wrong");
    }
    let jobs = known.jobs.lock().values().cloned().collect();
    check(&caller.at(&server.url), &jobs).await;
}

/// Passes a random time that no clock measures.
pub(crate) fn spin(turns: u64) {
    for turn in 0..turns {
        std::hint::black_box(turn);
    }
}

pub(crate) async fn check(caller: &Caller, jobs: &BTreeSet<String>) {
    let (mut succeeded, mut lost) = (0, 0);
    for job in jobs {
        let view = caller.end_of(job).await;
        match view["status"].as_str() {
            Some("succeeded") => {
                succeeded += 1;
                whole(caller, &view).await;
            }
            Some("failed") => {
                assert_eq!(view["error"]["cause"], "worker_lost", "{view}");
                lost += 1;
            }
            _ => panic!("not over, or cancelled by nobody: {view}"),
        }
    }
    eprintln!("{} jobs acknowledged, {succeeded} succeeded, {lost} given up after three attempts", jobs.len());
    assert!(jobs.len() >= KILLS && succeeded > lost, "{} jobs, {succeeded} succeeded", jobs.len());
    // What nobody was told of ends as well, and then nothing is left to do.
    let mut after = String::new();
    loop {
        let (_, page) = caller.json(&format!("/jobs?limit=100{after}")).await;
        let listed = page["jobs"].as_array().expect("jobs").clone();
        for job in &listed {
            let view = caller.end_of(job["job_id"].as_str().expect("an id")).await;
            assert!(matches!(view["status"].as_str(), Some("succeeded" | "failed")), "{view}");
        }
        let Some(oldest) = listed.last().filter(|_| page["more"] == true) else { break };
        after = format!("&after={}", oldest["job_id"].as_str().expect("an id"));
    }
    assert_eq!(caller.call("server_info", json!({})).await.raw["waiting"], 0);
}

/// Every artifact is what its record says.
async fn whole(caller: &Caller, view: &Value) {
    let artifacts = view["artifacts"].as_array().expect("artifacts");
    assert_eq!(artifacts.len(), if view["tool"] == "image_process" { 2 } else { 1 }, "{view}");
    for artifact in artifacts {
        let bytes = caller.file(artifact["path"].as_str().expect("a path")).await;
        assert_eq!(json!(bytes.len()), artifact["bytes"], "{artifact}");
        assert_eq!(json!(sha256(&bytes)), artifact["sha256"], "{artifact}");
    }
}
