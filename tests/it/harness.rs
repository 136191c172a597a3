//! A real server process over a temporary store, and short ways to ask it.
//!
//! Nothing here sleeps or tries again: whoever must wait does so on an event of the server's (a long poll, a stream, an exit).

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::sync::Arc;

use heavylift::cli::client::{self, Answer, ClientError, Connection, Era};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio_util::sync::CancellationToken;

use crate::programs;
use crate::wire::Events;

/// Both eras of the protocol.
pub(crate) const ERAS: [Era; 2] = [Era::Newest, Era::Session];
/// A query that no machine ends.
pub(crate) const ENDLESS: &str = "select count(*) from range(100000000000) a(x) where x % 7 = 3";
/// A query that takes some seconds.
pub(crate) const LONG: &str = "select count(*) from range(400000000) a(x) where x % 7 = 3";
/// What [`LONG`] finds.
pub(crate) const LONG_ANSWER: u64 = 57_142_857;

/// The program under test.
pub(crate) fn program(args: &[&str]) -> Command {
    let mut command = command(Path::new(env!("CARGO_BIN_EXE_heavylift")));
    command.args(args);
    command
}

/// Any program, without our environment and with no longer a life than the test's.
pub(crate) fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs a command to its end.
pub(crate) async fn run(args: &[&str]) -> Output {
    program(args).output().await.expect("the program starts")
}

/// What a command wrote to standard output.
pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What a command wrote to standard error.
pub(crate) fn complained(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Sends a signal by name. Through the system's own command: a crate for it would change features that the engines are
/// built with, and have them built twice.
pub(crate) fn signal(name: &str, pid: u32) {
    let sent = std::process::Command::new("kill").args([format!("-{name}"), pid.to_string()]).status();
    assert!(sent.expect("kill runs").success(), "SIG{name} to {pid}");
}

/// A server that listens. Dropped, it is killed.
pub(crate) struct Server {
    child: Child,
    /// Kept open: a server whose reader has gone would fail at its next word.
    _stdout: Lines<BufReader<ChildStdout>>,
    pub(crate) url: String,
    pub(crate) folder: Arc<TempDir>,
}

/// A server that ended instead of listening.
pub(crate) struct NotStarted {
    pub(crate) status: ExitStatus,
    pub(crate) stderr: String,
}

impl Server {
    /// A server over a new store.
    pub(crate) async fn start(flags: &[&str]) -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().expect("temporary folder")), flags).await
    }

    /// A server over the store of `folder`.
    pub(crate) async fn start_in(folder: Arc<TempDir>, flags: &[&str]) -> Self {
        match Self::try_start_in(folder, flags).await {
            Ok(server) => server,
            Err(NotStarted { status, stderr }) => panic!("the server did not start ({status}):\n{stderr}"),
        }
    }

    /// As [`start_in`](Self::start_in), for one that may end instead.
    pub(crate) async fn try_start_in(folder: Arc<TempDir>, flags: &[&str]) -> Result<Self, NotStarted> {
        Self::try_start_with(folder, flags, &[]).await
    }

    /// The same with variables in its environment. Flags may name another store than the folder's.
    pub(crate) async fn try_start_with(
        folder: Arc<TempDir>,
        flags: &[&str],
        variables: &[(&str, &str)],
    ) -> Result<Self, NotStarted> {
        let mut command = program(&["serve"]);
        command.envs(variables.iter().copied());
        Self::try_spawn(command, folder, flags).await
    }

    /// The server that has the conformance suite's tools, over the store of `folder`.
    pub(crate) async fn start_fixture_in(folder: Arc<TempDir>, flags: &[&str]) -> Self {
        Self::start_example_in("conformance_server", folder, flags).await
    }

    /// The server that has tools which misbehave, over the store of `folder`.
    pub(crate) async fn start_hostile_in(folder: Arc<TempDir>, flags: &[&str]) -> Self {
        Self::start_example_in("hostile_server", folder, flags).await
    }

    async fn start_example_in(name: &str, folder: Arc<TempDir>, flags: &[&str]) -> Self {
        match Self::try_spawn(command(&programs::example(name)), folder, flags).await {
            Ok(server) => server,
            Err(NotStarted { status, stderr }) => panic!("the server did not start ({status}):\n{stderr}"),
        }
    }

    async fn try_spawn(mut command: Command, folder: Arc<TempDir>, flags: &[&str]) -> Result<Self, NotStarted> {
        let local = store_url(&folder.path().join("store"));
        let store: &[&str] = if flags.contains(&"--store") { &[] } else { &["--store", &local] };
        let log = folder.path().join("server.log");
        let stderr = std::fs::File::options().create(true).append(true).open(&log).expect("a log file");
        let before = stderr.metadata().expect("the log's size").len();
        let address: &[&str] = if flags.contains(&"--addr") { &[] } else { &["--addr", "127.0.0.1:0"] };
        let mut child = command
            .args(store)
            .args(address)
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .expect("the server's process starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        let first = stdout.next_line().await.expect("the server's first line");
        let Some(line) = first else {
            let status = child.wait().await.expect("its end");
            let said = std::fs::read(&log).expect("the log");
            let from = usize::try_from(before).expect("a small log");
            return Err(NotStarted { status, stderr: String::from_utf8_lossy(&said[from..]).into_owned() });
        };
        // The fixture says nothing but where.
        let url = line.strip_prefix("Heavylift listens on ").unwrap_or(&line).to_owned();
        Ok(Self { child, _stdout: stdout, url, folder })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// SIGKILL; answers once the process is gone.
    pub(crate) async fn kill(mut self) -> Arc<TempDir> {
        self.child.kill().await.expect("killed");
        Arc::clone(&self.folder)
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        signal("TERM", self.id());
    }

    /// Waits for the process' own end.
    pub(crate) async fn ended(mut self) -> (ExitStatus, Arc<TempDir>) {
        let status = self.child.wait().await.expect("its end");
        (status, Arc::clone(&self.folder))
    }

    /// `HOST:PORT`.
    pub(crate) fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("server.log")).expect("the log")
    }

    /// Somebody without a key.
    pub(crate) fn caller(&self) -> Caller {
        Caller::new(&self.url, None)
    }

    /// The holder of `key`.
    pub(crate) fn caller_with(&self, key: &str) -> Caller {
        Caller::new(&self.url, Some(key))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Gone before its folder is removed.
        let _ = self.child.start_kill();
        while matches!(self.child.try_wait(), Ok(None)) {
            std::thread::yield_now();
        }
    }
}

/// A folder as the setting spells it.
pub(crate) fn store_url(folder: &Path) -> String {
    format!("file://{}", folder.display())
}

/// Somebody who asks the server.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) url: String,
    pub(crate) key: Option<String>,
    http: reqwest::Client,
}

impl Caller {
    pub(crate) fn new(url: &str, key: Option<&str>) -> Self {
        client::install_tls();
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { url: url.to_owned(), key: key.map(str::to_owned), http }
    }

    /// The same at another address.
    pub(crate) fn at(&self, url: &str) -> Self {
        Self { url: url.to_owned(), ..self.clone() }
    }

    /// A request for `path`, which begins with a slash.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        match &self.key {
            Some(key) => request.header("X-API-Key", key),
            None => request,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.expect("an answer")
    }

    /// Status and JSON of a GET.
    pub(crate) async fn json(&self, path: &str) -> (u16, Value) {
        status_and_json(self.get(path).await).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Response {
        self.request(Method::DELETE, path).send().await.expect("an answer")
    }

    /// Puts a workspace file that must be taken.
    pub(crate) async fn put(&self, path: &str, body: impl Into<reqwest::Body>) -> Value {
        let (status, answer) = status_and_json(self.try_put(path, body).await).await;
        assert_eq!(status, 201, "{path}: {answer}");
        answer
    }

    pub(crate) async fn try_put(&self, path: &str, body: impl Into<reqwest::Body>) -> Response {
        self.request(Method::PUT, &format!("/files/{path}")).body(body).send().await.expect("an answer")
    }

    /// A file's bytes.
    pub(crate) async fn file(&self, path: &str) -> Vec<u8> {
        let response = self.get(&format!("/files/{path}")).await;
        assert_eq!(response.status(), 200, "{path}");
        response.bytes().await.expect("the whole file").to_vec()
    }

    /// The job, once it has ended; `null` in `finished` never stops a test that waits an hour.
    pub(crate) async fn end_of(&self, job: &str) -> Value {
        let (status, view) = self.json(&format!("/jobs/{job}?wait_seconds=600")).await;
        assert_eq!(status, 200, "{view}");
        view
    }

    /// The newest jobs.
    pub(crate) async fn jobs(&self) -> Vec<Value> {
        let (status, page) = self.json("/jobs?limit=100").await;
        assert_eq!(status, 200, "{page}");
        page["jobs"].as_array().expect("jobs").clone()
    }

    /// The job's events.
    pub(crate) async fn events(&self, job: &str) -> Events {
        Events::of(self.get(&format!("/jobs/{job}/events")).await)
    }

    /// Returns once the job's tool has said a word.
    pub(crate) async fn until_running(&self, job: &str) {
        let mut events = self.events(job).await;
        while let Some(event) = events.next().await {
            if event.name == "progress" && event.data["message"] != "waiting for room" {
                return;
            }
            assert_ne!(event.name, "end", "{}", event.data);
        }
        panic!("the events ended before the job ran");
    }

    pub(crate) async fn connect(&self, era: Era) -> Mcp {
        let server = client::Server::new(&self.url, self.key.as_deref()).expect("an address");
        Mcp(Box::pin(server.connect(era)).await.expect("connected"))
    }

    /// One call on a connection of its own.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Answer {
        let connection = self.connect(Era::Newest).await;
        let answer = connection.call(tool, arguments).await;
        connection.0.close().await;
        answer
    }

    /// Submits a query and does not wait; the job's id.
    pub(crate) async fn submit(&self, sql: &str) -> String {
        let answer = self.call("data_query", json!({"sql": sql, "wait_seconds": 0, "fresh": true})).await;
        assert!(!answer.is_error, "{}", answer.raw);
        answer.envelope.job_id.expect("a job")
    }
}

/// An MCP connection.
pub(crate) struct Mcp(pub(crate) Connection);

impl Mcp {
    /// A call that is answered, be it with an error in the result.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Answer {
        let answer = self.try_call(tool, arguments).await;
        answer.unwrap_or_else(|error| panic!("{tool}: {error}"))
    }

    pub(crate) async fn try_call(&self, tool: &str, arguments: Value) -> Result<Answer, ClientError> {
        let never = CancellationToken::new();
        Box::pin(self.0.call_tool(tool, object(arguments), &mut |_, _| (), &never)).await
    }
}

/// JSON that is an object.
pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("{other} is no object"),
    }
}

pub(crate) async fn status_and_json(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let body = response.bytes().await.expect("a body");
    (status, serde_json::from_slice(&body).unwrap_or_else(|_| json!(String::from_utf8_lossy(&body))))
}

/// The kind of an error's body.
pub(crate) async fn kind_of(response: Response) -> (u16, String) {
    let (status, body) = status_and_json(response).await;
    (status, body["error"]["kind"].as_str().unwrap_or_default().to_owned())
}

/// A PNG of `width` × `height` with something on it.
pub(crate) fn png(width: u32, height: u32) -> Vec<u8> {
    let byte = |number: u32| u8::try_from(number % 256).expect("less than 256");
    let shade = |x: u32, y: u32| image::Rgb([byte(x), byte(y), byte(x + y)]);
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_fn(width, height, shade).write_to(&mut bytes, image::ImageFormat::Png).expect("a picture");
    bytes.into_inner()
}

/// In lower-case hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    tools::context::hex(&sha2::Sha256::digest(bytes))
}

/// A file of API keys for `names`, made as a user would, and the keys.
pub(crate) async fn keys(folder: &Path, names: &[&str]) -> (String, Vec<String>) {
    let file = folder.join("keys.toml").display().to_string();
    let mut secrets = Vec::new();
    for name in names {
        let made = run(&["config", "new-key", name, "--file", &file]).await;
        assert!(made.status.success(), "{}", complained(&made));
        secrets.push(said(&made).trim().to_owned());
    }
    (file, secrets)
}
