//! A real Azurite, Microsoft's emulator of Azure Storage, and addresses in it.
//!
//! `tests/run.sh` puts it below the target folder. It ends with the process that started it, and its time can be moved on.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use actors::model::JobId;
use actors::ports::{Clock, SystemClock};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use heavylift::config::{QueueConfig, ServeConfig, StoreConfig};
use heavylift::queue::AzureQueue;
use heavylift::store::AzureStore;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{Mutex, OnceCell};
use url::Url;
use url::form_urlencoded::Serializer;

/// The account that every Azurite has, and its key, which everybody knows.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// A running Azurite. Dropped, it ends.
pub(crate) struct Azurite {
    _child: Child,
    talk: Mutex<(ChildStdin, Lines<BufReader<ChildStdout>>)>,
    /// `http://127.0.0.1:PORT`, of the blob service.
    pub(crate) blob: String,
    /// The same of the queue service.
    pub(crate) queue: String,
}

/// The one that all tests share; each has its own container and queue.
pub(crate) async fn shared() -> &'static Azurite {
    static SHARED: OnceCell<Azurite> = OnceCell::const_new();
    SHARED.get_or_init(|| Azurite::start(&[])).await
}

impl Azurite {
    /// One of its own, on free ports.
    pub(crate) async fn start(flags: &[&str]) -> Self {
        let program = program();
        assert!(program.exists(), "Azurite is not there: bash tests/run.sh puts it below the target folder");
        let preload = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/azurite.js");
        let mut child = Command::new("node")
            .arg("--require")
            .arg(preload)
            .arg(program)
            .args(["--blobPort", "0", "--queuePort", "0", "--tablePort", "0"])
            .args(["--inMemoryPersistence", "--silent", "--disableTelemetry"])
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("node runs");
        let input = child.stdin.take().expect("stdin is piped");
        let mut output = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        let blob = listens(&mut output, "Blob").await;
        let queue = listens(&mut output, "Queue").await;
        listens(&mut output, "Table").await;
        Self { _child: child, talk: Mutex::new((input, output)), blob, queue }
    }

    /// Moves its time on.
    pub(crate) async fn advance(&self, time: Duration) {
        let mut talk = self.talk.lock().await;
        talk.0.write_all(format!("{}\n", time.as_millis()).as_bytes()).await.expect("it listens");
        assert_eq!(talk.1.next_line().await.expect("it answers").as_deref(), Some("leapt"));
    }

    /// The address of a new container, with a signature.
    pub(crate) fn new_container(&self) -> String {
        place(&self.blob, &new_name(), &signature())
    }

    /// The address of a new queue, with a signature.
    pub(crate) fn new_queue(&self) -> String {
        place(&self.queue, &new_name(), &signature())
    }
}

fn program() -> PathBuf {
    let built = Path::new(env!("CARGO_BIN_EXE_heavylift"));
    let target = built.ancestors().nth(2).expect("below the target folder");
    target.join("azurite/node_modules/azurite/dist/src/azurite.js")
}

async fn listens(output: &mut Lines<BufReader<ChildStdout>>, service: &str) -> String {
    let wanted = format!("Azurite {service} service is successfully listening at ");
    while let Some(line) = output.next_line().await.expect("its words") {
        if let Some(at) = line.strip_prefix(&wanted) {
            return at.to_owned();
        }
    }
    panic!("Azurite ended before its {service} service listened");
}

/// What a container or queue may be called.
pub(crate) fn new_name() -> String {
    format!("t-{}", JobId::random())
}

/// A container or queue of the service at `at`.
pub(crate) fn place(at: &str, name: &str, signature: &str) -> String {
    format!("{at}/{ACCOUNT}/{name}?{signature}")
}

/// The same place by another way.
pub(crate) fn by_way_of(url: &str, port: u16) -> String {
    let mut url = Url::parse(url).expect("a URL");
    url.set_port(Some(port)).expect("a port");
    url.into()
}

/// A right to everything for a lifetime ("Create an account SAS").
pub(crate) fn signature() -> String {
    let (version, services, kinds, rights, end) = ("2020-08-04", "bq", "sco", "rwdlacup", "2099-01-01T00:00:00Z");
    let text = format!("{ACCOUNT}\n{rights}\n{services}\n{kinds}\n\n{end}\n\n\n{version}\n");
    let key = STANDARD.decode(KEY).expect("base64");
    let signed = ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &key), text.as_bytes());
    let mut query = Serializer::new(String::new());
    for (name, value) in [("sv", version), ("ss", services), ("srt", kinds), ("sp", rights), ("se", end)] {
        query.append_pair(name, value);
    }
    query.append_pair("sig", &STANDARD.encode(signed)).finish()
}

/// A store at `url`, ready for use.
pub(crate) async fn store(url: &str) -> AzureStore {
    let config = ServeConfig::from_flags(["--store", url]).expect("valid settings");
    let StoreConfig::Azure(at) = &config.store else { panic!("a store on Azure") };
    let store = AzureStore::new(at, &config.azure, Arc::new(SystemClock)).expect("a signature is all it needs");
    store.prepare().await.expect("the container is made");
    store
}

/// A queue at `url` for `capacity` jobs, ready for use.
pub(crate) async fn queue(url: &str, clock: Arc<dyn Clock>, capacity: usize) -> AzureQueue {
    let elsewhere = "https://acct.blob.core.windows.net/jobs?sig=unused";
    let config = ServeConfig::from_flags(["--store", elsewhere, "--queue", url]).expect("valid settings");
    let QueueConfig::Azure(at) = &config.queue else { panic!("a queue on Azure") };
    let queue = AzureQueue::new(at, &config.azure, clock, capacity).expect("a signature is all it needs");
    queue.prepare().await.expect("the queue is made");
    queue
}
