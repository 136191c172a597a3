//! Requests that never become one: the answer that the specification names, and nothing in the log as if it were our fault.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::harness::{Caller, Server, status_and_json};
use crate::wire::Session;

const NEWEST: &str = "2026-07-28";

fn post(caller: &Caller) -> RequestBuilder {
    caller.request(Method::POST, "/mcp").header("Accept", "application/json, text/event-stream")
}

fn with_body(caller: &Caller, body: impl Into<reqwest::Body>) -> RequestBuilder {
    post(caller).header("Content-Type", "application/json").body(body)
}

/// A request of 2026-07-28 that says the version `version`.
fn list(version: &str) -> Value {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": version,
        "io.modelcontextprotocol/clientInfo": {"name": "x", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}})
}

/// Sends it; the status, and the code of the JSON-RPC error.
async fn refused(request: RequestBuilder) -> (u16, i64) {
    let (status, body) = status_and_json(request.send().await.expect("an answer")).await;
    assert_eq!(body["jsonrpc"], "2.0", "{body}");
    assert!(body["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
    (status, body["error"]["code"].as_i64().unwrap_or_else(|| panic!("{body}")))
}

fn nested(depth: usize) -> String {
    let (open, close) = ("[".repeat(depth), "]".repeat(depth));
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"x","arguments":{{"a":{open}{close}}}}}}}"#
    )
}

#[tokio::test]
async fn a_body_that_is_no_message_is_refused() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    for (body, code) in [
        ("hello".to_owned(), -32700),
        (String::new(), -32700),
        (r#"{"jsonrpc":"2.0","id":1,"#.to_owned(), -32700),
        (nested(200), -32700),
        ("[".repeat(100_000), -32700),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#.to_owned(), -32600),
        (r#"{"id":1,"method":"ping"}"#.to_owned(), -32600),
        (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#.to_owned(), -32600),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#.to_owned(), -32600),
        (r#"{"jsonrpc":"2.0","id":[1],"method":"ping"}"#.to_owned(), -32600),
        ("7".to_owned(), -32600),
    ] {
        let short = body.chars().take(60).collect::<String>();
        assert_eq!(refused(with_body(&caller, body)).await, (400, code), "{short}");
    }
    let large = vec![b' '; 5 << 20];
    assert_eq!(refused(with_body(&caller, large)).await.0, 413);
    assert_eq!(refused(post(&caller).header("Content-Type", "text/plain").body("{}")).await.0, 415);
    let picky = caller.request(Method::POST, "/mcp").header("Accept", "text/html").json(&list(NEWEST));
    assert_eq!(refused(picky).await.0, 406);
    assert_eq!(refused(caller.request(Method::PUT, "/mcp").json(&list(NEWEST))).await.0, 405);
    says_nothing_of_faults(&server);
}

#[tokio::test]
async fn heads_that_do_not_fit_are_refused() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    let new = |version: &str, method: &str| {
        post(&caller).header("MCP-Protocol-Version", version).header("Mcp-Method", method).json(&list(version))
    };
    assert_eq!(refused(new("2099-01-01", "tools/list")).await, (400, -32022));
    assert_eq!(refused(new(NEWEST, "tools/call")).await, (400, -32020));
    assert_eq!(refused(new(NEWEST, "tools/list").header("Mcp-Method", "tools/list")).await, (400, -32020));
    assert_eq!(refused(new(NEWEST, "tools/list").header("MCP-Protocol-Version", "2025-11-25")).await, (400, -32020));
    assert_eq!(refused(new(NEWEST, "tools/list").header("Content-Type", "text/plain")).await, (400, -32020));
    let bare = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let old = post(&caller).header("MCP-Protocol-Version", "2025-11-25").json(&bare);
    assert_eq!(refused(old).await.0, 400, "a session is missing");
    says_nothing_of_faults(&server);
}

#[tokio::test]
async fn a_session_takes_what_its_protocol_knows() {
    let server = Server::start(&[]).await;
    let session = Session::open(&server.caller()).await;
    for (method, params, code) in [
        ("tools/call", json!({"arguments": 3}), -32602),
        ("prompts/get", json!({"name": 3}), -32602),
        ("foo/bar", json!({}), -32601),
        ("server/discover", json!({}), -32602),
    ] {
        let response = session.request(1, method, &params).send().await.expect("an answer");
        let reply = crate::wire::reply(response).await;
        assert_eq!(reply["error"]["code"], json!(code), "{method}: {reply}");
    }
    let unknown = session.request(2, "tools/list", &json!({}));
    let (client, request) = unknown.build_split();
    let mut request = request.expect("a request");
    request.headers_mut().insert("mcp-session-id", "nonsense".parse().expect("a header"));
    assert_eq!(client.execute(request).await.expect("an answer").status(), 404);
    says_nothing_of_faults(&server);
}

fn says_nothing_of_faults(server: &Server) {
    let log = server.log();
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
}
