//! Guards: an idle stream costs at most 32 KiB of resident memory at 10,000 of them; who comes again for an answer has its
//! first event within 50 ms.
//!
//! Peers in the same run: the same streams on rmcp and axum (`benches/peer`); for coming again, `/healthz` over a new
//! connection. The servers are processes of their own. Memory is read when all streams are open, and again when the server
//! had time to put away what an idle session does not need.

mod support;

use std::process::{Command, ExitCode};
use std::time::Duration;

use heavylift::app;
use heavylift::cli::ui;
use heavylift::config::ServeConfig;
use heavylift::mcp::surface::Surface;
use serde_json::{Value, json};
use support::{ServerProcess, Times, build_peer, now, print, verdict};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tools::Catalogue;

/// Makes this very program the server that is measured.
const SERVE: &str = "--serve";
const STREAMS: u32 = 10_000;
/// After this time the server has put away what it does not need.
const REST: Duration = Duration::from_secs(22);
const ALLOWED_KIB: f64 = 32.0;
const RESUMES: u32 = 200;
const ALLOWED_RESUME_MS: f64 = 50.0;

fn main() -> ExitCode {
    support::main(|| if std::env::args().any(|argument| argument == SERVE) { serve() } else { measure() })
}

fn measure() {
    if !support::is_wanted() {
        return;
    }
    let peer = build_peer();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("runtime");
    let rows: Vec<Row> = [Stream::Listen, Stream::Session]
        .into_iter()
        .flat_map(|stream| {
            let folder = tempfile::tempdir().expect("temporary folder");
            let ours = runtime.block_on(idle("heavylift", ours(folder.path()), stream));
            let theirs =
                runtime.block_on(idle("rmcp + axum", ServerProcess::start(Command::new(&peer).arg("sse")), stream));
            [ours, theirs]
        })
        .collect();
    show(&rows);
    let folder = tempfile::tempdir().expect("temporary folder");
    runtime.block_on(resume(folder.path()));
}

/// The real server, on a free port and a store that stays, until it is killed.
fn serve() {
    let folder = std::env::args().skip_while(|argument| argument != SERVE).nth(1).expect("a folder");
    let store = format!("file://{folder}/store");
    actix_web::rt::System::new().block_on(async {
        let flags = ["--addr", "127.0.0.1:0", "--store", &store, "--max-sessions", "100000"];
        let config = ServeConfig::from_flags(flags).expect("settings");
        let running = app::start(config, Catalogue::standard(), Surface::standard()).await.expect("the server starts");
        ui::out(format!("listens on {}", running.addr));
        running.serve_until(std::future::pending()).await.expect("serves");
    });
}

fn ours(folder: &std::path::Path) -> ServerProcess {
    let me = std::env::current_exe().expect("this program");
    ServerProcess::start(Command::new(me).arg(SERVE).arg(folder))
}

/// A stream on which nothing happens.
#[derive(Clone, Copy)]
enum Stream {
    /// `subscriptions/listen` of 2026-07-28.
    Listen,
    /// The GET stream of a session of 2025-11-25.
    Session,
}

/// What many idle streams cost.
struct Row {
    server: &'static str,
    stream: Stream,
    kib: f64,
    kib_at_rest: f64,
}

async fn idle(name: &'static str, server: ServerProcess, stream: Stream) -> Row {
    // The first ones bring what the server needs once.
    let mut open = vec![stream.open(&server.address).await];
    let before = server.resident_bytes();
    for _ in 0..STREAMS {
        open.push(stream.open(&server.address).await);
    }
    let kib = |now: u64| (now.saturating_sub(before)) as f64 / 1024.0 / f64::from(STREAMS);
    let at_once = kib(server.resident_bytes());
    tokio::time::sleep(REST).await;
    Row { server: name, stream, kib: at_once, kib_at_rest: kib(server.resident_bytes()) }
}

impl Stream {
    fn name(self) -> &'static str {
        match self {
            Self::Listen => "subscriptions/listen",
            Self::Session => "session with GET stream",
        }
    }

    /// Opens one and waits for its first word.
    async fn open(self, host: &str) -> Connection {
        let mut connection = Connection::to(host).await;
        match self {
            Self::Listen => connection.send(host, &listen()).await,
            Self::Session => {
                let session = connection.initialize(host).await;
                connection.get(host, &session, None).await;
            }
        }
        connection.until(|said| said.ends_with(b"\n\n") || said.ends_with(b"\n\n\r\n")).await;
        connection
    }
}

fn listen() -> Message {
    let params = json!({
        "notifications": {"toolsListChanged": true},
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {}
        }
    });
    Message {
        head: "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: subscriptions/listen\r\n".to_owned(),
        body: json!({"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": params}),
    }
}

struct Message {
    /// Headers of its own.
    head: String,
    body: Value,
}

/// One connection, and what came over it since the last request.
struct Connection {
    stream: TcpStream,
    said: Vec<u8>,
}

impl Connection {
    async fn to(host: &str) -> Self {
        let stream = TcpStream::connect(host).await.expect("the server listens");
        stream.set_nodelay(true).expect("nodelay");
        Self { stream, said: Vec::with_capacity(1 << 10) }
    }

    async fn write(&mut self, text: &str) {
        self.said.clear();
        self.stream.write_all(text.as_bytes()).await.expect("the server reads");
    }

    async fn send(&mut self, host: &str, message: &Message) {
        let (head, body) = (&message.head, message.body.to_string());
        let length = body.len();
        let text = format!(
            "POST /mcp HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
             Accept: application/json, text/event-stream\r\n{head}\r\n{body}"
        );
        self.write(&text).await;
    }

    async fn get(&mut self, host: &str, session: &str, after: Option<&str>) {
        let after = after.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        let text = format!(
            "GET /mcp HTTP/1.1\r\nHost: {host}\r\nAccept: text/event-stream\r\nMCP-Protocol-Version: 2025-11-25\r\n\
             Mcp-Session-Id: {session}\r\n{after}\r\n"
        );
        self.write(&text).await;
    }

    /// Reads until what was said is enough.
    async fn until(&mut self, enough: impl Fn(&[u8]) -> bool) {
        while !enough(&self.said) {
            let read = self.stream.read_buf(&mut self.said).await.expect("the server answers");
            assert!(read > 0, "it ended: {}", String::from_utf8_lossy(&self.said));
        }
        assert!(self.said.starts_with(b"HTTP/1.1 20"), "{}", String::from_utf8_lossy(&self.said));
    }

    /// Reads a whole answer.
    async fn whole(&mut self) -> String {
        self.until(|said| said.ends_with(b"\r\n0\r\n\r\n") || said.ends_with(b"content-length: 0\r\n\r\n")).await;
        String::from_utf8_lossy(&self.said).into_owned()
    }

    /// Opens a session; its id.
    async fn initialize(&mut self, host: &str) -> String {
        let me = json!({"name": "bench", "version": "1"});
        let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": me});
        let body = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
        self.send(host, &Message { head: String::new(), body }).await;
        let answer = self.whole().await.to_ascii_lowercase();
        let session = answer.split("mcp-session-id: ").nth(1).and_then(|rest| rest.lines().next());
        let session = session.expect("a session").to_owned();
        let body = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        self.send(host, &Message { head: in_session(&session), body }).await;
        self.until(|said| said.windows(4).any(|end| end == b"\r\n\r\n")).await;
        session
    }
}

fn in_session(session: &str) -> String {
    format!("MCP-Protocol-Version: 2025-11-25\r\nMcp-Session-Id: {session}\r\n")
}

fn show(rows: &[Row]) {
    let cells = |row: &Row| {
        let (kib, rest) = (format!("{:.1}", row.kib), format!("{:.1}", row.kib_at_rest));
        [row.stream.name().to_owned(), row.server.to_owned(), kib, rest]
    };
    ui::out(format!("{STREAMS} idle streams, KiB of resident memory each"));
    print(["stream", "server", "when opened", "at rest"], &rows.iter().map(cells).collect::<Vec<_>>());
    for row in rows.iter().filter(|row| row.server == "heavylift") {
        let what = format!("{}: {:.1} KiB at rest (≤ {ALLOWED_KIB})", row.stream.name(), row.kib_at_rest);
        verdict(&what, row.kib_at_rest <= ALLOWED_KIB);
    }
}

/// How soon the answer comes of a call whose stream was lost: from the server that gave it, and from one that never saw it.
async fn resume(folder: &std::path::Path) {
    let server = ours(folder);
    let mut calling = Connection::to(&server.address).await;
    let session = calling.initialize(&server.address).await;
    let (mut firsts, mut here) = (Vec::new(), Times::default());
    for id in 1..=RESUMES {
        let call = json!({"name": "data_query", "arguments": {"sql": "select 1", "fresh": true}});
        let body = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": call});
        calling.send(&server.address, &Message { head: in_session(&session), body }).await;
        let said = calling.whole().await;
        let first = said.lines().find_map(|line| line.strip_prefix("id: ")).expect("an id").trim().to_owned();
        here.add(again(&server.address, &session, &first).await);
        firsts.push(first);
    }
    let bare = bare(&server.address).await;
    drop(server);
    let heir = ours(folder);
    let mut there = Times::default();
    for first in &firsts {
        there.add(again(&heir.address, &session, first).await);
    }
    let row = |name: &str, times: &Times| {
        [name.to_owned(), format!("{:.2}", times.median()), format!("{:.2}", times.percentile(0.99))]
    };
    ui::out("from reconnecting to the first replayed event, ms");
    let rows =
        [row("the server that answered", &here), row("another server", &there), row("/healthz, new connection", &bare)];
    print(["", "p50", "p99"], &rows);
    let worst = there.percentile(0.99).max(here.percentile(0.99));
    verdict(&format!("p99 {worst:.2} ms (≤ {ALLOWED_RESUME_MS})"), worst <= ALLOWED_RESUME_MS);
}

async fn again(host: &str, session: &str, first: &str) -> Duration {
    let begun = now();
    let mut connection = Connection::to(host).await;
    connection.get(host, session, Some(first)).await;
    connection.until(|said| said.windows(8).any(|part| part == b"\"result\"")).await;
    begun.elapsed()
}

async fn bare(host: &str) -> Times {
    let mut times = Times::default();
    for _ in 0..RESUMES {
        let begun = now();
        let mut connection = Connection::to(host).await;
        connection.write(&format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        connection.until(|said| said.windows(4).any(|end| end == b"\r\n\r\n")).await;
        times.add(begun.elapsed());
    }
    times
}
