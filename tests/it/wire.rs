//! The protocol by hand, where it matters what goes over the wire: requests of both eras and server-sent events.

use std::collections::VecDeque;

use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::harness::Caller;

/// What every session hears when a file or a job's result comes or goes.
pub(crate) const LIST_CHANGED: &str = "notifications/resources/list_changed";

/// One server-sent event.
#[derive(Debug)]
pub(crate) struct Event {
    /// `message` where it has no name.
    pub(crate) name: String,
    /// Its data, as JSON.
    pub(crate) data: Value,
}

/// The events of a response, as they come.
pub(crate) struct Events {
    response: Response,
    text: String,
    ready: VecDeque<Event>,
    /// What to ask for to go on from here: the latest event's id, be it one without a message.
    pub(crate) last_id: Option<String>,
}

impl Events {
    pub(crate) fn of(response: Response) -> Self {
        assert_eq!(response.status(), 200);
        let kind = response.headers()["content-type"].to_str().expect("a type");
        assert!(kind.starts_with("text/event-stream"), "{kind}");
        Self { response, text: String::new(), ready: VecDeque::new(), last_id: None }
    }

    /// The next event; `None` at an orderly end. A stream that is cut is a failure.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        self.try_next().await.expect("the stream ends in order")
    }

    /// As [`next`](Self::next), for streams that may be cut.
    pub(crate) async fn try_next(&mut self) -> Result<Option<Event>, reqwest::Error> {
        while self.ready.is_empty() {
            let Some(chunk) = self.response.chunk().await? else { return Ok(None) };
            self.text.push_str(std::str::from_utf8(&chunk).expect("chunks end between characters here"));
            self.text = self.text.replace("\r\n", "\n");
            while let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                self.last_id = field(&block, "id").or(self.last_id.take());
                self.ready.extend(event(&block));
            }
        }
        Ok(self.ready.pop_front())
    }

    /// The id of the stream's first event, which brings no message.
    pub(crate) async fn first_id(&mut self) -> String {
        while self.last_id.is_none() {
            let chunk = self.response.chunk().await.expect("it goes on").expect("a chunk");
            self.text.push_str(std::str::from_utf8(&chunk).expect("chunks end between characters here"));
            let Some(end) = self.text.find("\n\n") else { continue };
            let block: String = self.text.drain(..end + 2).collect();
            self.last_id = field(&block, "id");
            self.ready.extend(event(&block));
        }
        self.last_id.clone().expect("an id")
    }
}

/// A field of an event that stands in one line; nothing where it is not there.
fn field(block: &str, name: &str) -> Option<String> {
    block.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim_start().to_owned()))
}

fn event(block: &str) -> Option<Event> {
    let field = |name: &str| {
        let lines = block.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim_start));
        lines.collect::<Vec<_>>().join("\n")
    };
    let (name, data) = (field("event"), field("data"));
    let name = if name.is_empty() { "message".to_owned() } else { name };
    (!data.is_empty()).then(|| Event { name, data: serde_json::from_str(&data).expect("JSON") })
}

/// Where a request of 2026-07-28 says what its client can do.
pub(crate) const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

/// A request of 2026-07-28.
pub(crate) fn newest(caller: &Caller, method: &str, params: Value) -> RequestBuilder {
    declaring(caller, &json!({}), method, params)
}

/// A request of 2026-07-28 by a client with these capabilities.
pub(crate) fn declaring(caller: &Caller, capabilities: &Value, method: &str, mut params: Value) -> RequestBuilder {
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
    params["_meta"]["io.modelcontextprotocol/clientInfo"] = json!({"name": "wire", "version": "1"});
    if params["_meta"][CAPABILITIES].is_null() {
        params["_meta"][CAPABILITIES] = capabilities.clone();
    }
    let name = ["name", "taskId", "uri"].iter().find_map(|field| params[field].as_str()).map(str::to_owned);
    let mut request =
        post(caller, "2026-07-28", &json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
            .header("Mcp-Method", method);
    if let Some(name) = name {
        request = request.header("Mcp-Name", name);
    }
    request
}

/// A tool call's parameters; with a progress token where `token` is one.
pub(crate) fn call(tool: &str, arguments: &Value, token: Option<&str>) -> Value {
    let mut params = json!({"name": tool, "arguments": arguments});
    if let Some(token) = token {
        params["_meta"] = json!({"progressToken": token});
    }
    params
}

fn post(caller: &Caller, version: &str, body: &Value) -> RequestBuilder {
    caller
        .request(Method::POST, "/mcp")
        .header("Accept", "application/json, text/event-stream")
        .header("MCP-Protocol-Version", version)
        .json(body)
}

/// A session of 2025-11-25.
pub(crate) struct Session {
    pub(crate) caller: Caller,
    pub(crate) id: String,
    /// What the server said of itself.
    pub(crate) initialized: Value,
}

const SESSION_VERSION: &str = "2025-11-25";

impl Session {
    pub(crate) async fn open(caller: &Caller) -> Self {
        Self::open_declaring(caller, &json!({})).await
    }

    pub(crate) async fn open_declaring(caller: &Caller, capabilities: &Value) -> Self {
        let me = json!({"name": "wire", "version": "1"});
        let params = json!({"protocolVersion": SESSION_VERSION, "capabilities": capabilities, "clientInfo": me});
        let body = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
        let response = post(caller, SESSION_VERSION, &body).send().await.expect("an answer");
        let id = response.headers()["mcp-session-id"].to_str().expect("an id").to_owned();
        let initialized = reply(response).await;
        let session = Self { caller: caller.clone(), id, initialized };
        session.notify("notifications/initialized", &json!({})).await;
        session
    }

    /// A request on this session by whoever `caller` is.
    pub(crate) fn request_by(&self, caller: &Caller, id: u32, method: &str, params: &Value) -> RequestBuilder {
        let body = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        post(caller, SESSION_VERSION, &body).header("Mcp-Session-Id", &self.id)
    }

    pub(crate) fn request(&self, id: u32, method: &str, params: &Value) -> RequestBuilder {
        self.request_by(&self.caller, id, method, params)
    }

    /// The stream after the event `last_id`, by whoever and from whichever server `caller` asks.
    pub(crate) fn resume_by(&self, caller: &Caller, last_id: &str) -> RequestBuilder {
        let request = caller.request(Method::GET, "/mcp").header("Accept", "text/event-stream");
        request
            .header("MCP-Protocol-Version", SESSION_VERSION)
            .header("Mcp-Session-Id", &self.id)
            .header("Last-Event-ID", last_id)
    }

    /// The same session at another server.
    pub(crate) fn at(&self, caller: &Caller) -> Self {
        Self { caller: caller.clone(), id: self.id.clone(), initialized: self.initialized.clone() }
    }

    /// The reply to a request.
    pub(crate) async fn ask(&self, id: u32, method: &str, params: &Value) -> Value {
        reply(self.request(id, method, params).send().await.expect("an answer")).await
    }

    /// The session's own stream, for what belongs to no request.
    pub(crate) async fn stream(&self) -> Events {
        let request = self.caller.request(Method::GET, "/mcp").header("Accept", "text/event-stream");
        let request = request.header("MCP-Protocol-Version", SESSION_VERSION).header("Mcp-Session-Id", &self.id);
        Events::of(request.send().await.expect("an answer"))
    }

    /// Answers what the server asked.
    pub(crate) async fn answer(&self, question: &Value, result: &Value) {
        let body = json!({"jsonrpc": "2.0", "id": question["id"], "result": result});
        let request = post(&self.caller, SESSION_VERSION, &body).header("Mcp-Session-Id", &self.id);
        assert_eq!(request.send().await.expect("an answer").status(), 202);
    }

    pub(crate) async fn notify(&self, method: &str, params: &Value) {
        let body = json!({"jsonrpc": "2.0", "method": method, "params": params});
        let request = post(&self.caller, SESSION_VERSION, &body).header("Mcp-Session-Id", &self.id);
        assert_eq!(request.send().await.expect("an answer").status(), 202);
    }
}

/// The reply to a request of 2026-07-28.
pub(crate) async fn ask(caller: &Caller, method: &str, params: Value) -> Value {
    reply(newest(caller, method, params).send().await.expect("an answer")).await
}

/// Everything that was said until the stream's end; the last is the reply.
pub(crate) async fn messages(response: Response) -> Vec<Value> {
    if response.headers()["content-type"] == "application/json" {
        return vec![response.json().await.expect("JSON")];
    }
    let mut events = Events::of(response);
    let mut all = Vec::new();
    while let Some(event) = events.next().await {
        all.push(event.data);
    }
    all
}

/// The reply to a request: its result, or its error.
pub(crate) async fn reply(response: Response) -> Value {
    messages(response).await.pop().expect("a reply")
}

/// As [`reply`], from a server that may be killed, or about to end, meanwhile.
pub(crate) async fn try_reply(request: RequestBuilder) -> Option<Value> {
    let response = request.send().await.ok()?;
    if response.status() == 503 {
        return None;
    }
    let mut events = Events::of(response);
    let mut last = None;
    while let Some(event) = events.try_next().await.ok()? {
        last = Some(event.data);
    }
    last
}

/// What a tool said in `reply`: its structured result, or the error that stands in its text.
pub(crate) fn said(reply: &Value) -> Value {
    let result = &reply["result"];
    match &result["structuredContent"] {
        Value::Null => {
            serde_json::from_str(result["content"][0]["text"].as_str().unwrap_or_default()).unwrap_or_default()
        }
        structured => structured.clone(),
    }
}

/// The job that a progress notification tells of.
pub(crate) fn job_of(note: &Value) -> String {
    assert_eq!(note["method"], "notifications/progress", "{note}");
    note["params"]["_meta"]["heavylift/job_id"].as_str().expect("a job").to_owned()
}
