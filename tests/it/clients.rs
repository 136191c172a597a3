//! Three real clients, each in both eras of the protocol, on a network that breaks every few seconds: each gets its answer.
//!
//! rmcp's, the official TypeScript and the official Python client, as programs of their own in `tests/clients`.

use std::process::Stdio;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};

use crate::cutting::Tunnel;
use crate::harness::{Caller, Server};
use crate::programs::{python_client, rmcp_client, typescript_client};

const SESSION: &str = "2025-11-25";
const SESSIONLESS: &str = "2026-07-28";
/// How long each job takes.
const SECONDS: u32 = 90;
/// In how many steps.
const STEPS: f64 = 1800.0;
const CUT_EVERY: Duration = Duration::from_secs(7);
/// How often a request without a session must have been lost, so that the network was worth its name.
const LEAST_LOST: u64 = 3;

/// One client in one era.
struct Client {
    name: String,
    era: &'static str,
    child: Child,
    words: Lines<BufReader<ChildStdout>>,
}

impl Client {
    fn start(name: String, mut program: Command, era: &'static str, url: &str, call: &Value) -> Self {
        let program = program.args([&format!("{url}/mcp"), era, &call.to_string()]);
        let started = program.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn();
        let mut child = started.unwrap_or_else(|error| panic!("{name}: {error}"));
        let words = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        Self { name, era, child, words }
    }

    /// The next line that it says.
    async fn said(&mut self) -> Value {
        let line = self.words.next_line().await.expect("its words");
        let line = line.unwrap_or_else(|| panic!("{} ended without an answer", self.name));
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{}: {error}: {line}", self.name))
    }

    /// Its job runs, and it has heard so.
    async fn began(&mut self) {
        assert_eq!(self.said().await, json!({"began": true}), "{}", self.name);
    }

    /// What it says at its end, whatever it said before.
    async fn answered(mut self) -> Answered {
        let mut said = self.said().await;
        while said["began"] == true {
            said = self.said().await;
        }
        assert!(self.child.wait().await.expect("its end").success(), "{}", self.name);
        eprintln!("{}: asked again {} times, {}", self.name, said["reissued"], said["errors"]);
        Answered { name: self.name, era: self.era, said }
    }
}

struct Answered {
    name: String,
    era: &'static str,
    said: Value,
}

impl Answered {
    /// The answer is the right one, and it came in the manner of the era.
    fn check(&self) {
        let Self { name, era, said } = self;
        let result = &said["result"];
        assert_eq!((&said["version"], &result["status"]), (&json!(era), &json!("succeeded")), "{name}: {said}");
        assert_eq!(result["summary"], format!("computed {name} for {SECONDS} s"), "{name}");
        assert_eq!(result["attempt"], 1, "{name}");
        let reissued = said["reissued"].as_u64().expect("a number");
        if *era == SESSION {
            // One request: every connection after the first went on with its stream.
            assert_eq!((reissued, &result["reused"]), (0, &Value::Null), "{name}: {said}");
        } else {
            assert!(reissued >= LEAST_LOST && result["reused"] == true, "{name}: {said}");
        }
        self.check_progress();
    }

    /// Each request's progress rises, and says of how much once the job has begun. Who takes up a stream may hear the latest
    /// note twice.
    fn check_progress(&self) {
        let Self { name, said, .. } = self;
        for request in said["progress"].as_array().expect("requests") {
            let notes = request.as_array().expect("notes");
            let mut begun = notes.iter().skip_while(|note| note[1].is_null());
            assert!(begun.all(|note| note[1].as_f64() == Some(STEPS)), "{name}: {request}");
            assert!(notes.is_sorted_by(|one, next| one[0].as_f64() <= next[0].as_f64()), "{name}: {request}");
        }
    }

    /// By its library's own check the result fits the tool's schema, and not everything does.
    fn check_schema(&self) {
        let Self { name, said, .. } = self;
        assert_eq!((&said["fits"], &said["nothing_fits"]), (&json!(true), &json!(false)), "{name}: {said}");
    }
}

/// Every client in every era, each with a job of its own. One gives its job a key.
fn start_all(url: &str) -> Vec<Client> {
    let mut clients = Vec::new();
    for era in [SESSION, SESSIONLESS] {
        let programs = [("rmcp", rmcp_client()), ("typescript", typescript_client()), ("python", python_client())];
        for (program, command) in programs {
            let name = format!("{program} {era}");
            let mut arguments = json!({"seconds": SECONDS, "label": name, "wait_seconds": 600});
            if (program, era) == ("typescript", SESSIONLESS) {
                arguments["idempotency_key"] = json!(name);
            }
            let call = json!({"name": "long_compute", "arguments": arguments});
            clients.push(Client::start(name, command, era, url, &call));
        }
    }
    clients
}

#[tokio::test]
async fn every_client_gets_its_answer_on_a_broken_network() {
    let server =
        Server::start_fixture_in(tempfile::tempdir().expect("temporary folder").into(), &["--workers", "6"]).await;
    let tunnel = Tunnel::to(server.address()).await;
    let mut clients = start_all(&tunnel.url);
    join_all(clients.iter_mut().map(Client::began)).await;
    let answers = tokio::select! {
        answers = join_all(clients.into_iter().map(Client::answered)) => answers,
        () = tunnel.cut_every(CUT_EVERY) => unreachable!("it is cut for ever"),
    };
    eprintln!("{} connections were reset", tunnel.broken());
    for answer in &answers {
        answer.check();
    }
    for answer in answers.iter().filter(|answer| !answer.name.starts_with("rmcp")) {
        answer.check_schema();
    }
    each_ran_once(&server.caller(), &answers).await;
    assert!(!server.log().contains("ERROR"), "{}", server.log());
}

/// There is one job for each answer, and no other.
async fn each_ran_once(caller: &Caller, answers: &[Answered]) {
    let jobs = caller.jobs().await;
    let mut ran: Vec<_> = jobs.iter().map(|job| (job["job_id"].as_str(), job["attempt"].as_u64())).collect();
    let mut answered: Vec<_> =
        answers.iter().map(|answer| (answer.said["result"]["job_id"].as_str(), Some(1))).collect();
    ran.sort_unstable();
    answered.sort_unstable();
    assert_eq!(ran, answered);
}

/// What the official clients make of real tools' results, which they check against the tools' schemas themselves.
#[tokio::test]
async fn typed_results_fit_by_the_clients_own_checks() {
    let server = Server::start(&[]).await;
    server.caller().put("sales.csv", "city,price\nOslo,3\nRome,4\n").await;
    let calls = [
        ("data_query", json!({"sql": "select * from 'sales.csv'"})),
        ("data_profile", json!({"file": "sales.csv"})),
        ("file_list", json!({})),
        ("job_list", json!({})),
        ("server_info", json!({})),
    ];
    for (tool, arguments) in calls {
        let call = json!({"name": tool, "arguments": arguments});
        let both = [("typescript", typescript_client()), ("python", python_client())];
        let clients = both
            .map(|(name, program)| Client::start(format!("{name} {tool}"), program, SESSIONLESS, &server.url, &call));
        for answer in join_all(clients.map(Client::answered)).await {
            answer.check_schema();
        }
    }
}

/// A client may send its next request at the very moment in which the server closes a connection for being idle: then the
/// request is lost. So the server waits for longer than clients do.
#[tokio::test]
async fn a_connection_at_rest_is_the_clients_to_close() {
    let server = Server::start(&[]).await;
    let mut connection = TcpStream::connect(server.address()).await.expect("connected");
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", server.address());
    connection.write_all(request.as_bytes()).await.expect("sent");
    let mut head = [0; 15];
    connection.read_exact(&mut head).await.expect("an answer");
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    let closed = async { while connection.read(&mut head).await.expect("in order") > 0 {} };
    // The TypeScript client keeps a connection for 4 s, the Python client for 5.
    tokio::time::timeout(Duration::from_secs(8), closed).await.expect_err("it stays open");
}
