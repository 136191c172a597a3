//! The HTTP+SSE transport of protocol 2024-11-05, by raw HTTP and by the official client that last spoke it; and what every
//! stream of ours has in common with it.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::harness::{Caller, ENDLESS, LONG, LONG_ANSWER, Server, keys, kind_of};
use crate::inspector::{clients, node};
use crate::wire::{LIST_CHANGED, Session, call, job_of, newest};

/// A stream of events, in which a comment is an event called `:`.
struct Frames {
    response: Response,
    text: String,
    ready: VecDeque<(String, String)>,
}

impl Frames {
    fn of(response: Response) -> Self {
        assert_eq!(response.status(), 200);
        for (name, value) in
            [("content-type", "text/event-stream"), ("cache-control", "no-cache"), ("x-accel-buffering", "no")]
        {
            assert_eq!(response.headers()[name], value);
        }
        Self { response, text: String::new(), ready: VecDeque::new() }
    }

    /// The next event's name and data; `None` at an orderly end.
    async fn next(&mut self) -> Option<(String, String)> {
        while self.ready.is_empty() {
            let chunk = self.response.chunk().await.expect("the stream ends in order")?;
            self.text.push_str(std::str::from_utf8(&chunk).expect("chunks end between characters here"));
            while let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                let comment = block.starts_with(':').then(|| ":".to_owned());
                let name = comment.or_else(|| field("event: ")).unwrap_or_default();
                self.ready.push_back((name, field("data: ").unwrap_or_default()));
            }
        }
        self.ready.pop_front()
    }

    /// The next message.
    /// The next message that is no news of a list.
    async fn message(&mut self) -> Value {
        loop {
            let (name, data) = self.next().await.expect("a message");
            assert_eq!(name, "message", "{data}");
            let message: Value = serde_json::from_str(&data).expect("JSON");
            if message["method"] != LIST_CHANGED {
                return message;
            }
        }
    }
}

/// One client of the old transport.
struct Old {
    caller: Caller,
    frames: Frames,
    endpoint: String,
}

impl Old {
    async fn open(caller: &Caller) -> Self {
        let mut frames = Frames::of(caller.get("/sse").await);
        let (name, endpoint) = frames.next().await.expect("a first event");
        assert_eq!(name, "endpoint");
        assert!(endpoint.starts_with("/messages?session_id="), "{endpoint}");
        Self { caller: caller.clone(), frames, endpoint }
    }

    /// With its session open.
    async fn begun(caller: &Caller) -> Self {
        let mut old = Self::open(caller).await;
        let me = json!({"name": "old", "version": "1"});
        let params = json!({"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": me});
        let answer = old.asked(0, "initialize", params).await;
        assert_eq!(answer["result"]["protocolVersion"], "2024-11-05", "{answer}");
        old.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
        old
    }

    fn post_by(&self, caller: &Caller) -> reqwest::RequestBuilder {
        caller.request(Method::POST, &self.endpoint)
    }

    async fn say(&self, message: &Value) {
        let response = self.post_by(&self.caller).json(message).send().await.expect("an answer");
        assert_eq!(response.status(), 202, "{message}");
    }

    async fn ask(&self, id: u64, method: &str, params: Value) {
        self.say(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})).await;
    }

    async fn asked(&mut self, id: u64, method: &str, params: Value) -> Value {
        self.ask(id, method, params).await;
        let answer = self.frames.message().await;
        assert_eq!(answer["id"], json!(id), "{answer}");
        answer
    }

    /// Begins a call that takes long; its job.
    async fn begin_call(&mut self, id: u64, sql: &str) -> String {
        self.ask(id, "tools/call", call("data_query", &json!({"sql": sql}), Some("t"))).await;
        job_of(&self.frames.message().await)
    }
}

#[tokio::test]
async fn an_old_client_lists_calls_follows_and_cancels() {
    let server = Server::start(&["--legacy-sse"]).await;
    let caller = server.caller();
    let mut old = Old::begun(&caller).await;
    let tools = old.asked(1, "tools/list", json!({})).await;
    assert!(tools["result"]["tools"].as_array().is_some_and(|tools| tools.len() > 5), "{tools}");
    let sql = json!({"sql": "select 6 * 7"});
    let answer = old.asked(2, "tools/call", call("data_query", &sql, None)).await;
    assert_eq!(answer["result"]["structuredContent"]["rows"], json!([[42]]), "{answer}");
    let job = old.begin_call(3, ENDLESS).await;
    let note = old.frames.message().await;
    assert_eq!((job_of(&note), &note["params"]["progressToken"]), (job.clone(), &json!("t")));
    let cancel = json!({"requestId": 3});
    old.say(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": cancel})).await;
    assert_eq!(caller.end_of(&job).await["status"], "cancelled");
}

#[tokio::test]
async fn it_is_off_unless_it_is_asked_for() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    assert_eq!(kind_of(caller.get("/sse").await).await, (404, "not_found".to_owned()));
    let posted = caller.request(Method::POST, "/messages?session_id=x").json(&json!({})).send().await;
    assert_eq!(posted.expect("an answer").status(), 404);
}

#[tokio::test]
async fn the_end_of_a_stream_cancels_nothing() {
    let server = Server::start(&["--legacy-sse", "--orphan-grace", "0s"]).await;
    let caller = server.caller();
    let mut old = Old::begun(&caller).await;
    let job = old.begin_call(3, LONG).await;
    let endpoint = old.endpoint.clone();
    drop(old);
    assert_eq!(caller.end_of(&job).await["rows"], json!([[LONG_ANSWER]]));
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    let late = caller.request(Method::POST, &endpoint).json(&ping).send().await.expect("an answer");
    assert_eq!(kind_of(late).await, (404, "not_found".to_owned()), "the session ended with its stream");
}

#[tokio::test]
async fn streams_end_with_the_server_and_their_calls_are_answered() {
    let server = Server::start(&["--legacy-sse", "--drain-grace", "0s"]).await;
    let mut old = Old::begun(&server.caller()).await;
    let job = old.begin_call(3, ENDLESS).await;
    server.terminate();
    let mut last = Value::Null;
    while let Some((name, data)) = old.frames.next().await {
        if name == "message" {
            last = serde_json::from_str(&data).expect("JSON");
        }
    }
    let view = &last["result"]["structuredContent"];
    assert_eq!((&last["id"], &view["status"], &view["job_id"]), (&json!(3), &json!("running"), &json!(job)), "{last}");
    assert_eq!(server.ended().await.0.code(), Some(0));
}

#[tokio::test]
async fn a_stream_is_its_openers_alone() {
    let folder = Arc::new(tempfile::tempdir().expect("temporary folder"));
    let (file, secrets) = keys(folder.path(), &["ada", "bob"]).await;
    let server = Server::start_in(folder, &["--legacy-sse", "--api-keys", &file]).await;
    let (ada, bob) = (server.caller_with(&secrets[0]), server.caller_with(&secrets[1]));
    assert_eq!(server.caller().get("/sse").await.status(), 401);
    let mut old = Old::begun(&ada).await;
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    let foreign = old.post_by(&bob).json(&ping).send().await.expect("an answer");
    let made_up = bob.request(Method::POST, "/messages?session_id=0").json(&ping).send().await.expect("an answer");
    let (foreign, made_up) = (foreign.text().await.expect("a body"), made_up.text().await.expect("a body"));
    assert_eq!(foreign, made_up, "another's stream is as one that is not there");
    ada.put("a.csv", "n\n1\n").await;
    let files = old.asked(1, "tools/call", call("file_list", &json!({}), None)).await;
    assert_eq!(files["result"]["structuredContent"]["files"][0]["path"], "a.csv", "{files}");
    let mut other = Old::begun(&bob).await;
    let files = other.asked(1, "tools/call", call("file_list", &json!({}), None)).await;
    assert_eq!(files["result"]["structuredContent"]["files"], json!([]), "{files}");
}

#[tokio::test]
async fn what_is_no_message_is_refused_by_name() {
    let server = Server::start(&["--legacy-sse"]).await;
    let caller = server.caller();
    let mut old = Old::open(&caller).await;
    // Before the session has begun nothing but a request means anything.
    old.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let deep = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{deep}}}"#);
    let big = format!(r#"{{"x": "{}"}}"#, "y".repeat(5 << 20));
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28"});
    let newer = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}}).to_string();
    let json = "application/json";
    for (kind, body, status, named) in [
        (json, "nonsense", 400, "not JSON"),
        (json, "", 400, "not JSON"),
        (json, deep.as_str(), 400, "not JSON"),
        (json, "{}", 400, "JSON-RPC"),
        (json, &format!("[{ping}]"), 400, "batches"),
        (json, newer.as_str(), 400, "/mcp"),
        (json, big.as_str(), 413, "4.0 MiB"),
        ("text/plain", ping, 415, "application/json"),
        ("", ping, 415, "application/json"),
    ] {
        let request = old.post_by(&caller).header("Content-Type", kind).body(body.to_owned());
        let response = request.send().await.expect("an answer");
        let (got, said) = (response.status(), response.text().await.expect("a body"));
        assert!(got == status && said.contains(named), "{kind} {body:.60}: {got} {said}");
    }
    for path in ["/messages", "/messages?session_id=", "/messages?session_id=%00"] {
        let posted = caller.request(Method::POST, path).json(&json!({})).send().await.expect("an answer");
        assert!([400, 404].contains(&posted.status().as_u16()), "{path}: {}", posted.status());
    }
    assert_eq!(old.asked(1, "ping", json!({})).await["result"], json!({}));
}

#[tokio::test]
async fn nobody_opens_streams_without_end() {
    let server = Server::start(&["--legacy-sse"]).await;
    let caller = server.caller();
    let mut open = Vec::new();
    for _ in 0..64 {
        open.push(Old::open(&caller).await);
    }
    assert_eq!(kind_of(caller.get("/sse").await).await, (503, "busy".to_owned()));
    assert_eq!(open[0].asked(1, "ping", json!({})).await["result"], json!({}), "the others go on");
}

#[tokio::test]
async fn every_silent_stream_has_its_head_at_once_and_a_heartbeat() {
    let server = Server::start(&["--legacy-sse", "--workers", "1"]).await;
    let caller = server.caller();
    // No progress is asked for, so nothing is said until the call is over.
    let silent = call("data_query", &json!({"sql": ENDLESS, "wait_seconds": 600}), None);
    let session = Session::open(&caller).await;
    let old = Old::open(&caller).await;
    let new = newest(&caller, "tools/call", silent.clone()).send().await.expect("a head");
    let legacy = session.request(1, "tools/call", &silent).send().await.expect("a head");
    // The one without a session has a comment for a head, and then as the others.
    for (mut frames, comments) in [(old.frames, 1), (Frames::of(new), 2), (Frames::of(legacy), 1)] {
        let mut heard = 0;
        while heard < comments {
            let (name, data) = frames.next().await.expect("it stays open");
            assert!(name == ":" || data.is_empty(), "nothing is said: {name}: {data}");
            heard += usize::from(name == ":");
        }
    }
}

#[tokio::test]
async fn an_answer_that_takes_its_time_comes_whole_after_its_head() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    let slow = call("data_query", &json!({"sql": LONG}), None);
    let mut frames = Frames::of(newest(&caller, "tools/call", slow).send().await.expect("a head"));
    let mut said = Vec::new();
    while let Some((name, data)) = frames.next().await {
        if name != ":" && !data.is_empty() {
            said.push(serde_json::from_str::<Value>(&data).expect("JSON"));
        }
    }
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!(said[0]["result"]["structuredContent"]["rows"], json!([[LONG_ANSWER]]), "{said:?}");
}

#[tokio::test]
async fn the_official_client_of_that_time_works() {
    let server = Server::start(&["--legacy-sse"]).await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/sse_client.mjs");
    let sdk = clients().join("node_modules/@modelcontextprotocol/sdk");
    let ran = tokio::process::Command::new(node()).arg(script).arg(sdk).arg(&server.url).output().await;
    let ran = ran.expect("node runs");
    let said: Value = serde_json::from_slice(&ran.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&ran.stderr)));
    assert_eq!((&said["server"], &said["rows"]), (&json!("heavylift"), &json!([[42]])), "{said}");
    assert!(said["tools"].as_array().is_some_and(|tools| tools.contains(&json!("data_query"))), "{said}");
    assert!(said["progress"].as_u64().is_some_and(|notes| notes > 0), "{said}");
}
