//! Three replicas on one store and one queue, killed, stopped and restarted at random under a thousand jobs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::{StreamExt as _, stream};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::harness::{Caller, Server, sha256, signal};
use crate::site::Site;
use crate::wire;

const JOBS: u64 = 1000;
const REPLICAS: usize = 3;
const CLIENTS: u64 = 3;
const FLAGS: [&str; 6] = ["--workers", "2", "--lease", "3s", "--drain-grace", "2s"];

/// Where the replicas are now; those that are killed or stopped are left out.
#[derive(Clone, Default)]
pub(crate) struct Addresses(Arc<Mutex<Vec<String>>>);

impl Addresses {
    pub(crate) fn add(&self, server: &Server) {
        self.0.lock().push(server.url.clone());
    }

    pub(crate) fn forget(&self, url: &str) {
        self.0.lock().retain(|known| known != url);
    }

    /// Any of them.
    pub(crate) fn any(&self, rng: &mut StdRng) -> String {
        let all = self.0.lock();
        all[rng.random_range(0..all.len())].clone()
    }
}

/// A client as an SDK is one: it asks any replica, and asks again, with the same key, when it was not answered.
pub(crate) struct Client {
    caller: Caller,
    addresses: Addresses,
    rng: StdRng,
}

impl Client {
    pub(crate) fn new(addresses: &Addresses, seed: u64) -> Self {
        Self { caller: Caller::new("", None), addresses: addresses.clone(), rng: StdRng::seed_from_u64(seed) }
    }

    fn anyone(&mut self) -> Caller {
        self.caller.at(&self.addresses.any(&mut self.rng))
    }

    /// Submits call number `number` until it is acknowledged; the job's id.
    pub(crate) async fn submit(&mut self, number: u64) -> String {
        let arguments = json!({
            "sql": format!("select {number} as n, sum(x) as s from range({number}) a(x)"), "output": "csv",
            "wait_seconds": 0, "idempotency_key": format!("call-{number}"),
        });
        loop {
            let caller = self.anyone();
            let request = wire::newest(&caller, "tools/call", wire::call("data_query", &arguments, None));
            let Some(reply) = wire::try_reply(request).await else { continue };
            let view = wire::said(&reply);
            if let Some(job) = view["job_id"].as_str() {
                return job.to_owned();
            }
            assert_eq!(view["error"]["retryable"], true, "only what may come again is refused: {reply}");
        }
    }

    /// Waits for a job's end, on another replica whenever one goes away.
    pub(crate) async fn end_of(&mut self, job: &str) -> Value {
        loop {
            let request = self.anyone().request(reqwest::Method::GET, &format!("/jobs/{job}?wait_seconds=600"));
            let Ok(response) = request.send().await else { continue };
            let status = response.status().as_u16();
            let Ok(view) = response.json::<Value>().await else { continue };
            if status == 200 && is_over(&view) {
                return view;
            }
            let goes_on = status == 200 || view["error"]["retryable"] == true;
            assert!(goes_on, "an acknowledged job is there, whomever one asks: {status} {view}");
        }
    }
}

fn is_over(view: &Value) -> bool {
    matches!(view["status"].as_str(), Some("succeeded" | "failed" | "cancelled"))
}

/// What the clients know: which calls were acknowledged, as which jobs.
#[derive(Default)]
struct Known {
    jobs: Mutex<BTreeMap<u64, String>>,
    next: AtomicU64,
}

impl Known {
    /// Makes the next call. False when there are enough.
    async fn go_on(&self, client: &mut Client) -> bool {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if number >= JOBS {
            return false;
        }
        let job = client.submit(number).await;
        if number.is_multiple_of(5) {
            client.end_of(&job).await;
        }
        self.jobs.lock().insert(number, job);
        true
    }
}

#[tokio::test]
async fn a_thousand_jobs_survive_their_replicas() {
    let seed: u64 = rand::random();
    eprintln!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let site = Site::new().await;
    let addresses = Addresses::default();
    let mut replicas = Vec::new();
    for _ in 0..REPLICAS {
        let server = site.server(&FLAGS).await;
        addresses.add(&server);
        replicas.push(server);
    }
    let known = Arc::new(Known::default());
    let clients: Vec<_> = (1..=CLIENTS)
        .map(|id| {
            let (known, mut client) = (Arc::clone(&known), Client::new(&addresses, seed ^ id));
            tokio::spawn(async move { while known.go_on(&mut client).await {} })
        })
        .collect();

    let mut pace = Client::new(&addresses, seed);
    let mut harm = BTreeMap::new();
    while go_on_for(&known, &mut pace, rng.random_range(1..15)).await {
        let victim = replicas.remove(rng.random_range(0..REPLICAS));
        addresses.forget(&victim.url);
        let (what, replica) = match rng.random_range(0..3) {
            0 => {
                victim.kill().await;
                ("killed", site.server(&FLAGS).await)
            }
            1 => {
                victim.terminate();
                victim.ended().await;
                ("restarted", site.server(&FLAGS).await)
            }
            _ => {
                signal("STOP", victim.id());
                go_on_for(&known, &mut pace, rng.random_range(1..30)).await;
                signal("CONT", victim.id());
                ("stopped for a while", victim)
            }
        };
        *harm.entry(what).or_insert(0) += 1;
        addresses.add(&replica);
        replicas.push(replica);
    }
    for client in clients {
        client.await.expect("a client that saw nothing wrong");
    }
    eprintln!("replicas: {harm:?}");
    let jobs = known.jobs.lock().clone();
    check(&addresses, &jobs, seed).await;
}

/// Makes some calls that never meet a stopped replica. False when there are enough.
async fn go_on_for(known: &Known, pace: &mut Client, calls: usize) -> bool {
    for _ in 0..calls {
        if !known.go_on(pace).await {
            return false;
        }
    }
    true
}

async fn check(addresses: &Addresses, jobs: &BTreeMap<u64, String>, seed: u64) {
    assert_eq!(jobs.len() as u64, JOBS);
    let ended = stream::iter(jobs).map(|(number, job)| async move {
        let mut client = Client::new(addresses, seed ^ number);
        let view = client.end_of(job).await;
        let again = client.end_of(job).await;
        for part in ["/status", "/attempt", "/summary", "/error", "/artifacts/0/sha256", "/artifacts/0/expires_at"] {
            assert_eq!(view.pointer(part), again.pointer(part), "a job ends once: {view} {again}");
        }
        whole(&client.anyone(), *number, &view).await;
        view["attempt"].as_u64().expect("a number") - 1
    });
    let again: Vec<u64> = ended.buffer_unordered(8).collect().await;
    let (runs, most) = (again.iter().sum::<u64>(), again.iter().max().expect("jobs"));
    eprintln!("{JOBS} jobs acknowledged, all ended; {runs} attempts beyond the first, at most {most} of one job");
}

/// A result is there and what its record says, or the job was given up after three attempts.
async fn whole(caller: &Caller, number: u64, view: &Value) {
    if view["status"] == "failed" {
        assert_eq!(view["error"]["cause"], "worker_lost", "{view}");
        return;
    }
    let sum = number * number.saturating_sub(1) / 2;
    let artifact = &view["artifacts"][0];
    let bytes = caller.file(artifact["path"].as_str().expect("a path")).await;
    let expected = if number == 0 { "n,s\n0,\n".to_owned() } else { format!("n,s\n{number},{sum}\n") };
    assert_eq!(String::from_utf8_lossy(&bytes), expected, "{view}");
    assert_eq!(json!(sha256(&bytes)), artifact["sha256"], "{view}");
}
