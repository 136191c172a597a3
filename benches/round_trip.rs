//! Guards: a tiny tool over `/mcp` costs no more than on rmcp's own axum server, in requests per processor second; an answer
//! over SSE takes no more than 1 ms longer than one in JSON.
//!
//! Peer in the same run: `benches/peer`, a tool with an answer of the same size on rmcp and axum, built here when needed.
//! Requests are those of protocol 2026-07-28, without sessions, over connections that stay open. Every server has a process
//! of its own, so that its processor time is its own; the servers take turns, in several short rounds. `/healthz` of the
//! same server shows what HTTP alone costs.

mod support;

use std::process::{Command, ExitCode};
use std::time::Duration;

use heavylift::app;
use heavylift::cli::ui;
use heavylift::config::ServeConfig;
use heavylift::mcp::surface::Surface;
use serde_json::json;
use support::{ServerProcess, Times, build_peer, now, print, verdict};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tools::Catalogue;

/// Makes this very program the server that is measured.
const SERVE: &str = "--serve";
const CONNECTIONS: [usize; 2] = [1, 50];
const ROUNDS: usize = 4;
const ROUND: Duration = Duration::from_secs(1);
const ALLOWED_SSE_MS: f64 = 1.0;

fn main() -> ExitCode {
    support::main(|| if std::env::args().any(|argument| argument == SERVE) { serve() } else { measure() })
}

fn measure() {
    if !support::is_wanted() {
        return;
    }
    let peer = build_peer();
    let folder = tempfile::tempdir().expect("temporary folder");
    let me = std::env::current_exe().expect("this program");
    let mut contestants = [
        Contestant::new("heavylift, SSE", Command::new(me).arg(SERVE).arg(folder.path()), tool_call),
        Contestant::new("rmcp + axum, SSE", Command::new(&peer).arg("sse"), tool_call),
        Contestant::new("rmcp + axum, JSON", Command::new(&peer).arg("json"), tool_call),
    ];
    let health = Contestant { name: "heavylift, /healthz", request: health, ..contestants[0].again() };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("runtime");
    for connections in CONNECTIONS {
        let mut all: Vec<&mut Contestant> = contestants.iter_mut().collect();
        let mut health = health.again();
        all.push(&mut health);
        for round in 0..=ROUNDS {
            for contestant in &mut all {
                runtime.block_on(contestant.run(connections, round > 0));
            }
        }
        show(connections, &all);
        all.into_iter().for_each(Contestant::forget);
    }
}

/// The real server, on a free port and a new store, until it is killed.
fn serve() {
    let folder = std::env::args().skip_while(|argument| argument != SERVE).nth(1).expect("a folder");
    let store = format!("file://{folder}/store");
    actix_web::rt::System::new().block_on(async {
        let flags = ["--addr", "127.0.0.1:0", "--store", &store];
        let config = ServeConfig::from_flags(flags).expect("settings");
        let running = app::start(config, Catalogue::standard(), Surface::standard()).await.expect("the server starts");
        ui::out(format!("listens on {}", running.addr));
        running.serve_until(std::future::pending()).await.expect("serves");
    });
}

/// One way to be asked.
struct Contestant {
    name: &'static str,
    server: std::rc::Rc<ServerProcess>,
    request: fn(&str) -> Vec<u8>,
    times: Times,
    cpu_seconds: f64,
    seconds: f64,
}

impl Contestant {
    fn new(name: &'static str, command: &mut Command, request: fn(&str) -> Vec<u8>) -> Self {
        let server = std::rc::Rc::new(ServerProcess::start(command));
        Self { name, server, request, times: Times::default(), cpu_seconds: 0.0, seconds: 0.0 }
    }

    /// Another on the same server.
    fn again(&self) -> Self {
        let server = std::rc::Rc::clone(&self.server);
        Self { name: self.name, server, request: self.request, times: Times::default(), cpu_seconds: 0.0, seconds: 0.0 }
    }

    fn forget(&mut self) {
        (self.times, self.cpu_seconds, self.seconds) = (Times::default(), 0.0, 0.0);
    }

    /// One round of asking over `connections`; the first ones only warm up.
    async fn run(&mut self, connections: usize, counts: bool) {
        let request = (self.request)(&self.server.address);
        let (begun, cpu) = (now(), self.server.cpu_seconds());
        let asking: Vec<_> =
            (0..connections).map(|_| tokio::spawn(ask(self.server.address.clone(), request.clone()))).collect();
        let mut times = Vec::new();
        for asked in asking {
            times.extend(asked.await.expect("no panic"));
        }
        if counts {
            self.seconds += begun.elapsed().as_secs_f64();
            self.cpu_seconds += self.server.cpu_seconds() - cpu;
            for time in times {
                self.times.add(time);
            }
        }
    }

    fn per_second(&self) -> f64 {
        self.times.count() as f64 / self.seconds
    }

    fn cpu_per_thousand(&self) -> f64 {
        self.cpu_seconds * 1000.0 / self.times.count() as f64
    }
}

/// Asks again and again over one connection until the round is over.
async fn ask(address: String, request: Vec<u8>) -> Vec<Duration> {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    stream.set_nodelay(true).expect("nodelay");
    let (begun, mut times, mut answer) = (now(), Vec::new(), Vec::with_capacity(16 << 10));
    while begun.elapsed() < ROUND {
        let sent = now();
        stream.write_all(&request).await.expect("the server reads");
        answer.clear();
        while !is_whole(&answer) {
            assert!(stream.read_buf(&mut answer).await.expect("the server answers") > 0, "the connection stays open");
        }
        times.push(sent.elapsed());
        check(&answer);
    }
    times
}

/// Whether `answer` is all of an HTTP answer, of a known length or in chunks.
fn is_whole(answer: &[u8]) -> bool {
    let Some(head) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let text = String::from_utf8_lossy(&answer[..head]).to_ascii_lowercase();
    match text.split("content-length: ").nth(1) {
        Some(rest) => {
            let length: usize = rest.lines().next().unwrap_or_default().trim().parse().expect("a length");
            answer.len() >= head + 4 + length
        }
        None => answer.ends_with(b"\r\n0\r\n\r\n"),
    }
}

fn check(answer: &[u8]) {
    let failed = || String::from_utf8_lossy(answer).into_owned();
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", failed());
    assert!(!answer.windows(7).any(|window| window == b"\"error\""), "{}", failed());
}

fn tool_call(host: &str) -> Vec<u8> {
    let body = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {
            "name": "server_info", "arguments": {},
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {}
            }
        }
    })
    .to_string();
    format!(
        "POST /mcp HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\n\
         Mcp-Name: server_info\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn health(host: &str) -> Vec<u8> {
    format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes()
}

fn show(connections: usize, all: &[&mut Contestant]) {
    let row = |of: &Contestant| {
        [
            of.name.to_owned(),
            format!("{:.0}", of.per_second()),
            format!("{:.3}", of.cpu_per_thousand()),
            format!("{:.3}", of.times.median()),
            format!("{:.3}", of.times.percentile(0.99)),
        ]
    };
    ui::out(format!("{connections} connections"));
    let rows: Vec<_> = all.iter().map(|contestant| row(contestant)).collect();
    print(["", "requests/s", "CPU s per 1,000", "p50 ms", "p99 ms"], &rows);
    let (ours, peer, json) = (&all[0], &all[1], &all[2]);
    let ratio = peer.cpu_per_thousand() / ours.cpu_per_thousand();
    verdict(&format!("requests per CPU second, {ratio:.2} × rmcp + axum (≥ 1.0)"), ratio >= 1.0);
    let later = ours.times.median() - json.times.median();
    verdict(&format!("p50 of our SSE answer, {later:.3} ms after the peer's JSON one (≤ 1)"), later <= ALLOWED_SSE_MS);
}
