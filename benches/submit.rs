//! Guards: a call is acknowledged durably within 10 ms (p99) plus what the disk itself takes.
//!
//! Peer in the same run: the same files with the same bytes, written, synced and renamed by plain calls, in the same order
//! and with the same overlap, without any of our code. Both take turns, so that a busy disk hurts both alike. No worker runs.

mod support;

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actors::model::{JobId, Owner};
use actors::ports::{Clock, Ports, SystemClock};
use actors::{Compute, Core, CoreConfig};
use heavylift::cli::ui;
use heavylift::queue;
use heavylift::store::LocalStore;
use serde_json::json;
use support::nothing::{self, Nothing};
use support::{Times, now, print, timed, verdict};
use tools::Catalogue;

/// What a submission may add to the disk's own time.
const ALLOWED_MS: f64 = 10.0;
const MOST_ROUNDS: usize = 2_000;
const MOST_TIME: Duration = Duration::from_secs(40);
const WARM_UP: usize = 20;

fn main() {
    if !support::is_wanted() {
        return;
    }
    let folder = tempfile::tempdir().expect("temporary folder");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("runtime");
    let core = core(folder.path());
    let disk = Disk::new(&folder.path().join("peer"));
    let (mut ours, mut raw) = (Times::default(), Times::default());
    let begun = now();
    for round in 0..WARM_UP + MOST_ROUNDS {
        let (submitting, job) = timed(|| runtime.block_on(submit(&core, round)));
        let sizes = Disk::sizes_of(&folder.path().join("store"), &job);
        let (writing, written) = timed(|| disk.write_like_a_submission(round, sizes));
        written.expect("the disk takes it");
        if round >= WARM_UP {
            ours.add(submitting);
            raw.add(writing);
        }
        if begun.elapsed() > MOST_TIME {
            break;
        }
    }
    show(&ours, &raw);
}

fn show(ours: &Times, raw: &Times) {
    let row = |name: &str, of: &dyn Fn(f64) -> f64| {
        [name.to_owned(), format!("{:.2}", of(0.5)), format!("{:.2}", of(0.9)), format!("{:.2}", of(0.99))]
    };
    let rows = [
        row("submit → acknowledged, ms", &|share| ours.percentile(share)),
        row("the disk alone, ms", &|share| raw.percentile(share)),
        row("difference, ms", &|share| ours.percentile(share) - raw.percentile(share)),
        row("ratio", &|share| ours.percentile(share) / raw.percentile(share)),
    ];
    ui::out(format!("{} submissions, one after another", ours.count()));
    print(["", "p50", "p90", "p99"], &rows);
    verdict("p99 ≤ 10 ms plus the disk's own", ours.percentile(0.99) <= raw.percentile(0.99) + ALLOWED_MS);
}

async fn submit(core: &Core, round: usize) -> JobId {
    let submitted = core.submit(&Owner::local(), nothing::call(round)).await.expect("accepted");
    assert!(!submitted.reused, "every call is another");
    submitted.record.id.clone()
}

fn core(folder: &Path) -> Core {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = LocalStore::open(&folder.join("store")).expect("store");
    let queue = queue::local::open(Arc::clone(&clock), WARM_UP + MOST_ROUNDS);
    let ports = Ports { store: Arc::new(store), queue: Arc::new(queue), clock };
    let config = CoreConfig { runs_jobs: false, ..CoreConfig::new(folder.join("scratch")) };
    Core::new(config, Catalogue::default().with(Nothing), ports, Compute::new(1, 1).expect("threads"))
}

/// The peer: folders laid out like the store's.
struct Disk {
    root: std::path::PathBuf,
}

/// How many bytes a submission's record and key have; the marker and the index entry are empty.
#[derive(Clone, Copy)]
struct Sizes {
    record: usize,
    key: usize,
}

impl Disk {
    fn new(root: &Path) -> Self {
        for part in ["drafts", "jobs", "active", "index", "keys"] {
            fs::create_dir_all(root.join(part)).expect("folders");
        }
        Self { root: root.to_owned() }
    }

    fn sizes_of(store: &Path, job: &JobId) -> Sizes {
        let record = fs::metadata(store.join("jobs").join(job.as_str()).join("job.json")).expect("the record is there");
        let key = json!({"job": job, "call": "0".repeat(64)}).to_string();
        Sizes { record: usize::try_from(record.len()).expect("small"), key: key.len() }
    }

    /// The marker and then the record in a new folder, the index entry meanwhile; then the key. Each is synced, and so is
    /// every folder that changed.
    fn write_like_a_submission(&self, round: usize, sizes: Sizes) -> io::Result<()> {
        std::thread::scope(|threads| {
            let record = threads.spawn(move || {
                self.put(round, "marker", &self.named("active", round), 0)?;
                let folder = self.root.join("jobs").join(round.to_string());
                fs::create_dir(&folder)?;
                self.put(round, "record", &folder.join("job.json"), sizes.record)?;
                File::open(self.root.join("jobs"))?.sync_all()
            });
            let entry = threads.spawn(move || self.put(round, "entry", &self.named("index", round), 0));
            [record, entry].into_iter().try_for_each(|write| write.join().expect("no panic"))
        })?;
        self.put(round, "key", &self.named("keys", round), sizes.key)
    }

    fn named(&self, folder: &str, round: usize) -> std::path::PathBuf {
        self.root.join(folder).join(round.to_string())
    }

    fn put(&self, round: usize, draft: &str, to: &Path, bytes: usize) -> io::Result<()> {
        let draft = self.root.join("drafts").join(format!("{round}-{draft}"));
        let mut file = File::create(&draft)?;
        file.write_all(&vec![b'x'; bytes])?;
        file.sync_all()?;
        fs::rename(&draft, to)?;
        File::open(to.parent().expect("a folder"))?.sync_all()
    }
}
