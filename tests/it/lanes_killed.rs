//! The promise holds for the processes that jobs run in, too: killed at random moments under load, no job is lost, torn or
//! done twice.

use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::mpsc;

use crate::harness::{Caller, Server, png};
use crate::kill::{Known, check, spin, submit};
use crate::lanes::children;

const KILLS: usize = 1_000;
const CLIENTS: u64 = 3;

/// Submits one small job after another until nobody listens any more.
async fn client(caller: Caller, mut rng: StdRng, known: Arc<Known>, told: mpsc::Sender<()>) {
    while submit(&caller, &mut rng, &known).await {
        if told.send(()).await.is_err() {
            return;
        }
    }
    panic!("the server has gone");
}

#[tokio::test]
async fn a_thousand_killed_processes_lose_no_job() {
    let seed: u64 = rand::random();
    eprintln!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let server = Server::start(&["--workers", "2", "--max-waiting", "4"]).await;
    let caller = server.caller();
    caller.put("t.csv", "a\n1\n2\n").await;
    caller.put("a.png", png(16, 8)).await;
    caller.put("b.png", png(8, 16)).await;

    let known = Arc::new(Known::default());
    let (told, mut answers) = mpsc::channel(1);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|id| {
            let rng = StdRng::seed_from_u64(seed ^ id);
            tokio::spawn(client(caller.clone(), rng, Arc::clone(&known), told.clone()))
        })
        .collect();
    drop(told);
    let mut kills = 0;
    while kills < KILLS {
        answers.recv().await.expect("clients go on");
        // Some get to their end, or none would.
        if rng.random_range(0..2) == 0 {
            let latest = latest(&known);
            caller.end_of(&latest).await;
        }
        spin(rng.random_range(0..2_000_000));
        let lanes = children(server.id());
        if !lanes.is_empty() && killed(lanes[rng.random_range(0..lanes.len())]) {
            kills += 1;
        }
    }
    drop(answers);
    for client in clients {
        client.await.expect("a client that saw nothing wrong");
    }
    assert!(lost(&caller).await > KILLS / 10, "many were hit while they had a job");
    let jobs = known.jobs.lock().values().cloned().collect();
    check(&caller, &jobs).await;
}

/// How many processes were lost under a job, as the server counts them.
async fn lost(caller: &Caller) -> usize {
    let text = caller.get("/metrics").await.text().await.expect("the numbers");
    let line = text.lines().find_map(|line| line.strip_prefix("heavylift_lanes_lost_total "));
    line.and_then(|number| number.parse().ok()).expect("they are counted")
}

/// The job of the newest call; their names count.
fn latest(known: &Known) -> String {
    let jobs = known.jobs.lock();
    let latest = jobs.iter().max_by_key(|(call, _)| (call.len(), *call));
    latest.map(|(_, job)| job.clone()).expect("a call was answered")
}

/// Whether there was such a process to kill.
fn killed(id: u32) -> bool {
    let pid = i32::try_from(id).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| kill_process(pid, Signal::KILL).is_ok())
}
