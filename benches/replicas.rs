//! Guards: more replicas on one store do more jobs, and a call is acknowledged in as few round trips as it must take.
//!
//! Two stores: Azurite (which has the same two cores to itself and to us, so that replicas soon wait for it), and one in
//! memory that is 10 ms away (where waiting is all there is). Peers in the same run: one replica alone, and the round trips
//! that a submission cannot do without, one after another.

#[path = "../tests/it/azurite.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod azurite;
mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actix::Actor as _;
use actors::model::{JobId, Owner};
use actors::ports::memory::{MemoryQueue, MemoryStore};
use actors::ports::{BlobStore, Clock, Expect, JobQueue, Key, Ports, SystemClock};
use actors::{Compute, Core, CoreConfig, OpenSession, Recover, SubmitJob, Supervisor};
use bytes::Bytes;
use futures_util::future::join_all;
use heavylift::cli::ui;
use support::far::Far;
use support::nothing::{self, Nothing};
use support::{Times, now, print, verdict};
use tools::Catalogue;

const TRIP: Duration = Duration::from_millis(10);
/// What a submission by way of the queue must wait for, one after another: is it known, its marker, its record, its key, its
/// message.
const TRIPS: usize = 5;
const REPLICAS: [usize; 3] = [1, 2, 4];
const SLOTS: usize = 4;
const CALLERS_EACH: usize = 8;
const JOBS_EACH: usize = 150;

#[actix::main]
async fn main() {
    if !support::is_wanted() {
        return;
    }
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut rows = Vec::new();
    for replicas in REPLICAS {
        rows.push(measure("Azurite", replicas, folder.path(), azurite_ports(replicas).await).await);
    }
    for replicas in REPLICAS {
        rows.push(measure("10 ms away", replicas, folder.path(), far_ports(replicas)).await);
    }
    let bare = bare_trips().await;
    let header = ["store", "replicas", "jobs/s", "× one replica", "submit p50 ms", "submit p99 ms"];
    let row = |at: usize| {
        let (of, alone) = (&rows[at], &rows[at - at % REPLICAS.len()]);
        let rate = |run: &Run| format!("{:.1}", run.rate);
        [
            of.store.to_owned(),
            of.replicas.to_string(),
            rate(of),
            format!("{:.2}", of.rate / alone.rate),
            format!("{:.1}", of.times.median()),
            format!("{:.1}", of.times.percentile(0.99)),
        ]
    };
    print(header, &(0..rows.len()).map(row).collect::<Vec<_>>());
    let ours = idle_submission(folder.path()).await;
    ui::out(format!(
        "one submission after another, 10 ms away: p50 {:.1} ms; {TRIPS} bare round trips: {:.1} ms; ratio {:.2}",
        ours.median(),
        bare.median(),
        ours.median() / bare.median(),
    ));
    verdict("a submission ≤ 1.25 × its round trips", ours.median() <= 1.25 * bare.median());
    verdict("10 ms away, 4 replicas ≥ 3 × one", rows[5].rate >= 3.0 * rows[3].rate);
}

struct Run {
    store: &'static str,
    replicas: usize,
    rate: f64,
    times: Times,
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

async fn azurite_ports(replicas: usize) -> Vec<Ports> {
    let azurite = azurite::shared().await;
    let (container, queue) = (azurite.new_container(), azurite.new_queue());
    let mut ports = Vec::new();
    for _ in 0..replicas {
        let queue = azurite::queue(&queue, clock(), 10_000).await;
        let store = azurite::store(&container).await;
        ports.push(Ports { store: Arc::new(store), queue: Arc::new(queue), clock: clock() });
    }
    ports
}

fn far_ports(replicas: usize) -> Vec<Ports> {
    let store: Arc<dyn BlobStore> = Arc::new(MemoryStore::new(clock()));
    let queue: Arc<dyn JobQueue> = Arc::new(MemoryQueue::new(clock(), 10_000));
    let ports = || Ports {
        store: Arc::new(Far { port: Arc::clone(&store), trip: TRIP }),
        queue: Arc::new(Far { port: Arc::clone(&queue), trip: TRIP }),
        clock: clock(),
    };
    (0..replicas).map(|_| ports()).collect()
}

fn core(scratch: &Path, ports: Ports, runs_jobs: bool) -> Core {
    let config = CoreConfig { exclusive: false, runs_jobs, ..CoreConfig::new(scratch.to_owned()) };
    Core::new(config, Catalogue::default().with(Nothing), ports, Compute::new(SLOTS, 1).expect("threads"))
}

/// Many callers at once on all replicas, each submitting one job after another and waiting for its end.
async fn measure(store: &'static str, replicas: usize, scratch: &Path, ports: Vec<Ports>) -> Run {
    let cores: Vec<Core> = ports.into_iter().map(|ports| core(scratch, ports, true)).collect();
    let supervisors: Vec<_> = cores.iter().map(|core| Supervisor::new(core.clone()).start()).collect();
    for supervisor in &supervisors {
        supervisor.send(Recover).await.expect("alive").expect("ready");
    }
    let start = now();
    let callers = cores.iter().zip(&supervisors).enumerate().flat_map(|(replica, (core, supervisor))| {
        (0..CALLERS_EACH).map(move |caller| async move {
            let session = supervisor.send(OpenSession::with(Owner::local())).await.expect("alive");
            let mut times = Vec::new();
            for round in 0..JOBS_EACH / CALLERS_EACH {
                let call = nothing::call((replica * CALLERS_EACH + caller) * JOBS_EACH + round);
                let began = now();
                let submitted = session.send(SubmitJob(call)).await.expect("alive").expect("accepted");
                times.push(began.elapsed());
                end_of(core, &submitted.record.id).await;
            }
            times
        })
    });
    let times: Times = join_all(callers).await.into_iter().flatten().collect();
    let rate = times.count() as f64 / start.elapsed().as_secs_f64();
    for core in &cores {
        core.drain();
    }
    Run { store, replicas, rate, times }
}

async fn end_of(core: &Core, job: &JobId) {
    loop {
        let mut watch = core.watch(&Owner::local(), job).await.expect("exists");
        if watch.wait_for(|record| record.state.is_terminal()).await.is_ok() {
            return;
        }
    }
}

/// One submission after another on a replica that runs nothing.
async fn idle_submission(scratch: &Path) -> Times {
    let core = core(scratch, far_ports(1).remove(0), false);
    let mut times = Vec::new();
    for round in 0..50 {
        let began = now();
        core.submit(&Owner::local(), nothing::call(round)).await.expect("accepted");
        times.push(began.elapsed());
    }
    times.into_iter().collect()
}

/// The least that a submission can take.
async fn bare_trips() -> Times {
    let store = far_ports(1).remove(0).store;
    let mut times = Vec::new();
    for round in 0..50 {
        let began = now();
        for trip in 0..TRIPS {
            let key = Key::new(format!("bare/{round}-{trip}"));
            store.put(&key, Bytes::new(), Expect::Any).await.expect("written");
        }
        times.push(began.elapsed());
    }
    times.into_iter().collect()
}
