//! `serve --stdio`: a real child process, its pipes driven by the rmcp client and by hand.

use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use heavylift::cli::client::{self, Connection, Era};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};

use crate::harness::{Caller, ENDLESS, ERAS, Mcp, Server, keys, program, signal, store_url};
use crate::wire::{LIST_CHANGED, call, job_of};

/// A server that was started by its client. Dropped, it is killed.
pub(crate) struct Started {
    child: Child,
    to: Option<ChildStdin>,
    from: Lines<BufReader<ChildStdout>>,
    folder: Arc<TempDir>,
}

fn spawn(folder: &TempDir, flags: &[&str]) -> Child {
    let log = std::fs::File::options().create(true).append(true).open(folder.path().join("stdio.log"));
    program(&["serve", "--stdio", "--store", &store_url(&folder.path().join("store"))])
        .args(flags)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log.expect("a log file"))
        .spawn()
        .expect("the server's process starts")
}

impl Started {
    pub(crate) fn new(flags: &[&str]) -> Self {
        Self::in_folder(Arc::new(tempfile::tempdir().expect("temporary folder")), flags)
    }

    pub(crate) fn in_folder(folder: Arc<TempDir>, flags: &[&str]) -> Self {
        let mut child = spawn(&folder, flags);
        let to = child.stdin.take();
        let from = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        Self { child, to, from, folder }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.to.as_mut().expect("open").write_all(bytes).await.expect("it reads");
    }

    pub(crate) async fn say(&mut self, message: &Value) {
        self.write(format!("{message}\n").as_bytes()).await;
    }

    /// The next message that is no news of a list; `None` once the server has closed its end. Anything else than a message is a
    /// failure.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            let line = self.from.next_line().await.expect("text")?;
            let message: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert_eq!(message["jsonrpc"], "2.0", "{message}");
            if message["method"] != LIST_CHANGED {
                return Some(message);
            }
        }
    }

    /// The answer to request `id`, and what was told before it.
    pub(crate) async fn answer(&mut self, id: u64) -> (Value, Vec<Value>) {
        let mut told = Vec::new();
        loop {
            let message = self.next().await.unwrap_or_else(|| panic!("no answer to {id}: {}", self.log()));
            if message["id"] == json!(id) && message.get("method").is_none() {
                return (message, told);
            }
            told.push(message);
        }
    }

    /// Asks in the way of `era`; a session is to be open where it has one.
    pub(crate) async fn ask(&mut self, era: Era, id: u64, method: &str, mut params: Value) {
        if era == Era::Newest {
            let meta = &mut params["_meta"];
            meta["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
            meta["io.modelcontextprotocol/clientInfo"] = json!({"name": "pipe", "version": "1"});
            meta["io.modelcontextprotocol/clientCapabilities"] = json!({});
        }
        self.say(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})).await;
    }

    /// The same, and waits for the answer.
    pub(crate) async fn asked(&mut self, era: Era, id: u64, method: &str, params: Value) -> Value {
        self.ask(era, id, method, params).await;
        self.answer(id).await.0
    }

    /// A tool's structured result.
    pub(crate) async fn called(&mut self, era: Era, id: u64, tool: &str, arguments: Value) -> Value {
        let answer = self.asked(era, id, "tools/call", call(tool, &arguments, None)).await;
        assert!(answer["result"]["structuredContent"].is_object(), "{answer}");
        answer["result"]["structuredContent"].clone()
    }

    /// Opens a session where `era` has one.
    pub(crate) async fn begin(&mut self, era: Era) {
        if era == Era::Session {
            let me = json!({"name": "pipe", "version": "1"});
            let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": me});
            let answer = self.asked(era, 0, "initialize", params).await;
            assert_eq!(answer["result"]["protocolVersion"], "2025-11-25", "{answer}");
            self.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
        }
    }

    /// Begins a call that takes long, as request `id`; its job.
    pub(crate) async fn begin_call(&mut self, era: Era, id: u64, sql: &str) -> String {
        self.ask(era, id, "tools/call", call("data_query", &json!({"sql": sql}), Some("t"))).await;
        job_of(&self.next().await.expect("progress"))
    }

    /// Closes the server's standard input.
    pub(crate) fn leave(&mut self) {
        self.to = None;
    }

    /// What is left to read, and how the process ended.
    pub(crate) async fn end(mut self) -> (Vec<Value>, ExitStatus) {
        let mut rest = Vec::new();
        while let Some(message) = self.next().await {
            rest.push(message);
        }
        (rest, self.child.wait().await.expect("its end"))
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    pub(crate) fn folder(&self) -> Arc<TempDir> {
        Arc::clone(&self.folder)
    }

    /// Standard error of all servers in this folder.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("stdio.log")).expect("the log")
    }

    /// Somebody who asks the store's holder by HTTP. It has said where it listens once it has answered anything.
    pub(crate) fn caller(&self) -> Caller {
        let lock = std::fs::read_to_string(self.folder.path().join("store/.lock")).expect("the lock");
        let (_, address) = lock.trim().split_once(" at ").expect("it says where it listens");
        Caller::new(&format!("http://{address}"), None)
    }
}

#[tokio::test]
async fn the_rmcp_client_works_through_pipes_in_both_eras() {
    for era in ERAS {
        client::install_tls();
        let folder = tempfile::tempdir().expect("temporary folder");
        let mut child = spawn(&folder, &[]);
        let pipes = (child.stdout.take().expect("stdout"), child.stdin.take().expect("stdin"));
        let mcp = Mcp(Box::pin(Connection::over(pipes, era)).await.expect("connected"));
        assert!(mcp.0.tools().await.expect("tools").contains(&"data_query".to_owned()));
        mcp.call("file_put", json!({"path": "a.csv", "content": "n\n1\n2\n"})).await;
        let answer = mcp.call("data_query", json!({"sql": "select sum(n) from a"})).await;
        assert_eq!(answer.raw["rows"], json!([[3]]), "{}", answer.raw);
        mcp.0.close().await;
        assert_eq!(child.wait().await.expect("its end").code(), Some(0), "{era:?}");
    }
}

#[tokio::test]
async fn nothing_but_messages_comes_out_and_progress_rises() {
    for era in ERAS {
        let mut server = Started::new(&[]);
        if era == Era::Newest {
            let found = server.asked(era, 90, "server/discover", json!({})).await;
            assert!(found["result"]["supportedVersions"].as_array().is_some_and(|all| !all.is_empty()), "{found}");
        }
        server.begin(era).await;
        let params = call("data_query", &json!({"sql": ENDLESS, "wait_seconds": 1}), Some("tok"));
        server.ask(era, 1, "tools/call", params).await;
        let (answer, told) = server.answer(1).await;
        assert_eq!(answer["result"]["structuredContent"]["status"], "running", "{answer}");
        let mut before = f64::NEG_INFINITY;
        // A session may be told as well that its job waits until the server is warm.
        let (notes, told): (Vec<_>, Vec<_>) =
            told.into_iter().partition(|note| note["method"] == "notifications/message");
        assert!(era == Era::Session || notes.is_empty(), "{notes:?}");
        assert!(!told.is_empty());
        for note in &told {
            assert_eq!(
                (&note["method"], &note["params"]["progressToken"]),
                (&json!("notifications/progress"), &json!("tok"))
            );
            let now = note["params"]["progress"].as_f64().expect("a number");
            assert!(now > before, "{now} after {before}");
            before = now;
        }
        server.leave();
        let (rest, status) = server.end().await;
        assert_eq!((rest, status.code()), (Vec::new(), Some(0)), "{era:?}");
    }
}

#[tokio::test]
async fn a_cancel_ends_the_job() {
    for era in ERAS {
        let mut server = Started::new(&[]);
        server.begin(era).await;
        let job = server.begin_call(era, 7, ENDLESS).await;
        let cancel = json!({"requestId": 7, "reason": "enough"});
        server.say(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": cancel})).await;
        assert_eq!(server.caller().end_of(&job).await["status"], "cancelled", "{era:?}");
        assert_eq!(server.called(era, 8, "job_status", json!({"job_id": job})).await["status"], "cancelled", "{era:?}");
    }
}

#[tokio::test]
async fn a_subscription_is_acknowledged_and_ends_when_it_is_cancelled() {
    let mut server = Started::new(&[]);
    server.ask(Era::Newest, 3, "subscriptions/listen", json!({"notifications": {"toolsListChanged": true}})).await;
    let note = server.next().await.expect("a word");
    assert_eq!(note["method"], "notifications/subscriptions/acknowledged", "{note}");
    assert_eq!(note["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 3, "{note}");
    let cancel = json!({"requestId": 3});
    server.say(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": cancel})).await;
    assert_eq!(server.called(Era::Newest, 4, "file_list", json!({})).await["files"], json!([]));
    server.leave();
    assert_eq!(server.end().await.1.code(), Some(0));
}

#[tokio::test]
async fn the_end_of_the_pipe_cancels_no_job() {
    for era in ERAS {
        let mut server = Started::new(&["--orphan-grace", "0s"]);
        server.begin(era).await;
        let job = match era {
            Era::Session => server.begin_call(era, 1, ENDLESS).await,
            // Without a session a job's id has to be known, as everywhere.
            Era::Newest => {
                let view = server.called(era, 1, "data_query", json!({"sql": ENDLESS, "wait_seconds": 0})).await;
                view["job_id"].as_str().expect("a job").to_owned()
            }
        };
        server.caller().until_running(&job).await;
        server.leave();
        let folder = server.folder();
        assert_eq!(server.end().await.1.code(), Some(0), "{era:?}");
        let next = Server::start_in(folder, &[]).await;
        next.caller().until_running(&job).await;
        assert_eq!(next.caller().json(&format!("/jobs/{job}")).await.1["attempt"], 2, "{era:?}");
    }
}

#[tokio::test]
async fn who_waits_is_answered_when_the_server_is_asked_to_end() {
    for (era, name) in ERAS.into_iter().zip(["TERM", "INT"]) {
        let mut server = Started::new(&[]);
        server.begin(era).await;
        let job = server.begin_call(era, 1, ENDLESS).await;
        signal(name, server.id());
        let (answer, _) = server.answer(1).await;
        let view = &answer["result"]["structuredContent"];
        assert_eq!((&view["status"], &view["job_id"]), (&json!("running"), &json!(job)), "{era:?}: {answer}");
        assert_eq!(server.end().await.1.code(), Some(0), "{era:?}");
    }
}

#[tokio::test]
async fn nonsense_is_answered_and_harms_nothing() {
    for era in ERAS {
        let mut server = Started::new(&[]);
        // Before anything was asked, too.
        server.say(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})).await;
        server.say(&json!({"jsonrpc": "2.0", "id": 5, "result": {}})).await;
        for begun in [false, true] {
            let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
            let deep = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{deep}}}"#);
            let long = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{}"}}"#, "x".repeat(10 << 20));
            for (nonsense, code) in [
                (b"nonsense".as_slice(), -32700),
                (b"{\"jsonrpc\": ", -32700),
                (b"\xff\xfe\x00", -32700),
                (deep.as_bytes(), -32700),
                (b"[{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"ping\"}]", -32600),
                (long.as_bytes(), -32600),
                (b"{\"jsonrpc\": \"2.0\", \"id\": 1}", -32600),
            ] {
                server.write(&[b"\r\n\n", nonsense, b"\n"].concat()).await;
                let answer = server.next().await.expect("an answer");
                let said = String::from_utf8_lossy(&nonsense[..nonsense.len().min(80)]).into_owned();
                assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(code), &Value::Null), "{said}: {answer}");
            }
            if !begun {
                server.begin(era).await;
            }
            let answer = server.called(era, 9, "data_query", json!({"sql": "select 6 * 7", "fresh": true})).await;
            assert_eq!(answer["rows"], json!([[42]]), "{era:?}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_server_with_keys_lets_nobody_in_and_says_what_to_do() {
    let folder = Arc::new(tempfile::tempdir().expect("temporary folder"));
    let (file, _) = keys(folder.path(), &["ada"]).await;
    let first = Server::start_in(Arc::clone(&folder), &["--api-keys", &file]).await;
    let refused = Started::in_folder(folder, &[]);
    let log = refused.folder();
    let (said, status) = refused.end().await;
    assert_eq!((said, status.code()), (Vec::new(), Some(1)));
    let log = std::fs::read_to_string(log.path().join("stdio.log")).expect("the log");
    for named in [first.id().to_string().as_str(), first.address(), "config clients", "--store file:///path"] {
        assert!(log.contains(named), "{named}: {log}");
    }
    let both = Started::new(&["--api-keys", &file]);
    assert_eq!(both.end().await.1.code(), Some(2), "a key has no way in by a pipe");
}
