//! Asking back before a call that is unusually large, in both eras; and log notes, which travel the same ways.

use heavylift::cli::client;
use rmcp::model::{
    CallToolRequestParams, CallToolResult, ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitResult,
    ElicitationAction, Implementation, ProtocolVersion,
};
use rmcp::service::{ClientLifecycleMode, ClientServiceExt as _, RequestContext};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::{ClientHandler, ErrorData, RoleClient};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::harness::{Caller, ENDLESS, ERAS, Server, object};
use crate::wire::{CAPABILITIES, Events, Session, ask, call, messages, newest, said};

const SQL: &str = "select count(*) as n from 'large.csv'";

/// A server that asks above ten bytes, and a file that is larger.
async fn server() -> (Server, Caller) {
    let server = Server::start(&["--ask-above-bytes", "10"]).await;
    let caller = server.caller();
    caller.put("large.csv", "a\n1\n2\n3\n4\n5\n6\n").await;
    caller.put("small.csv", "a\n1\n").await;
    (server, caller)
}

/// A client whose user answers always alike.
struct Person {
    says: ElicitResult,
    asked: Arc<AtomicUsize>,
}

impl ClientHandler for Person {
    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        let ElicitRequestParams::FormElicitationParams { message, .. } = request else { panic!("a form") };
        assert!(message.contains("data_query") && message.contains("14 B"), "{message}");
        self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(self.says.clone())
    }

    fn get_info(&self) -> ClientConfig {
        let capabilities = ClientCapabilities::builder().enable_elicitation().build();
        ClientConfig::new(capabilities, Implementation::new("person", "1"))
    }
}

/// What rmcp's client gets in one era when its user says this, and how often they were asked.
async fn answered(caller: &Caller, era: client::Era, says: ElicitResult, sql: &str) -> (CallToolResult, usize) {
    client::install_tls();
    let asked = Arc::new(AtomicUsize::new(0));
    let person = Person { says, asked: Arc::clone(&asked) };
    let transport = StreamableHttpClientTransport::from_uri(format!("{}/mcp", caller.url));
    let lifecycle = match era {
        client::Era::Newest => {
            ClientLifecycleMode::Auto { preferred_versions: vec![ProtocolVersion::V_2026_07_28], legacy_version: None }
        }
        client::Era::Session => ClientLifecycleMode::Initialize,
    };
    let service = person.serve_with_lifecycle(transport, lifecycle).await.expect("connected");
    let params = CallToolRequestParams::new("data_query").with_arguments(object(json!({"sql": sql})));
    let result = service.call_tool(params).await.expect("an answer");
    service.cancel().await.expect("closed");
    (result, asked.load(Ordering::SeqCst))
}

#[tokio::test]
async fn a_user_is_asked_before_a_large_call() {
    let (_server, caller) = server().await;
    for era in ERAS {
        let sql = format!("{SQL} -- {era:?}");
        for action in [ElicitationAction::Decline, ElicitationAction::Cancel] {
            let (result, asked) = answered(&caller, era, ElicitResult::new(action), &sql).await;
            let text = json!(result)["content"][0]["text"].as_str().expect("text").to_owned();
            assert_eq!((result.is_error, asked), (Some(true), 1), "{era:?}: {text}");
            assert!(text.contains("nothing was run") && text.contains("again"), "{text}");
        }
        let no = ElicitResult::new(ElicitationAction::Accept).with_content(json!({"run": false}));
        assert_eq!(answered(&caller, era, no, &sql).await.0.is_error, Some(true));
        let jobs = caller.jobs().await.len();
        let yes = || ElicitResult::new(ElicitationAction::Accept).with_content(json!({"run": true}));
        let (result, asked) = answered(&caller, era, yes(), &sql).await;
        assert_eq!((&json!(result)["structuredContent"]["rows"], asked), (&json!([[6]]), 1), "{era:?}");
        assert_eq!(caller.jobs().await.len(), jobs + 1, "before the yes there was no job");
        let (result, asked) = answered(&caller, era, yes(), &sql).await;
        assert_eq!((&json!(result)["structuredContent"]["reused"], asked), (&json!(true), 0), "nothing is read again");
        let (result, asked) = answered(&caller, era, yes(), "select * from 'small.csv'").await;
        assert_eq!((result.is_error, asked), (Some(false), 0));
    }
}

#[tokio::test]
async fn who_cannot_be_asked_is_not() {
    let (_server, caller) = server().await;
    for era in ERAS {
        let mcp = caller.connect(era).await;
        let answer = mcp.call("data_query", json!({"sql": format!("{SQL} -- {era:?}")})).await;
        assert_eq!(answer.raw["rows"], json!([[6]]), "{}", answer.raw);
    }
    // Only addresses can be opened there; forms cannot be shown.
    let only_urls = json!({"elicitation": {"url": {}}});
    let mut params = call("data_query", &json!({"sql": SQL, "fresh": true}), None);
    params["_meta"][CAPABILITIES] = only_urls;
    assert_eq!(said(&ask(&caller, "tools/call", params).await)["rows"], json!([[6]]));
    // What cannot become a job is told by the call itself.
    let mut params = call("data_query", &json!({"sql": "select * from 'never.csv'"}), None);
    params["_meta"][CAPABILITIES] = json!({"elicitation": {}});
    let answer = ask(&caller, "tools/call", params).await;
    assert_eq!(said(&answer)["error"]["kind"], "not_found", "{answer}");
}

#[tokio::test]
async fn the_wanted_answer_is_asked_for_until_it_comes() {
    let (_server, caller) = server().await;
    let asking = |answers: Value| {
        let mut params = call("data_query", &json!({"sql": SQL}), None);
        params["_meta"][CAPABILITIES] = json!({"elicitation": {"form": {}}});
        if !answers.is_null() {
            params["inputResponses"] = answers;
        }
        ask(&caller, "tools/call", params)
    };
    for answers in [Value::Null, json!({}), json!({"other": {"action": "accept"}}), json!({"large_call": "yes"})] {
        let wanted = asking(answers.clone()).await;
        assert_eq!(wanted["result"]["resultType"], "input_required", "{answers}: {wanted}");
        let request = &wanted["result"]["inputRequests"]["large_call"];
        assert_eq!(request["method"], "elicitation/create", "{wanted}");
        assert_eq!(request["params"]["requestedSchema"]["properties"]["run"]["type"], "boolean", "{wanted}");
    }
    let yes = asking(json!({"large_call": {"action": "accept", "content": {"run": true}}, "other": 3})).await;
    assert_eq!(said(&yes)["rows"], json!([[6]]), "{yes}");
}

#[tokio::test]
async fn a_session_is_asked_on_the_calls_own_stream() {
    let (_server, caller) = server().await;
    let session = Session::open_declaring(&caller, &json!({"elicitation": {}})).await;
    let params = call("data_query", &json!({"sql": SQL}), None);
    let response = session.request(7, "tools/call", &params).send().await.expect("an answer");
    let mut events = Events::of(response);
    let question = events.next().await.expect("a question").data;
    assert_eq!(question["method"], "elicitation/create", "{question}");
    session.answer(&question, &json!({"action": "accept", "content": {"run": true}})).await;
    let reply = events.next().await.expect("a reply").data;
    assert_eq!((&reply["id"], &said(&reply)["rows"]), (&json!(7), &json!([[6]])), "{reply}");
}

#[tokio::test]
async fn notes_come_to_those_who_want_them() {
    let server = Server::start(&["--workers", "1"]).await;
    let caller = server.caller();
    let running = caller.submit(ENDLESS).await;
    caller.until_running(&running).await;
    let request = |level: Value, number: u32| {
        let mut params = call("data_query", &json!({"sql": format!("select {number}"), "wait_seconds": 1}), None);
        if !level.is_null() {
            params["_meta"]["io.modelcontextprotocol/logLevel"] = level;
        }
        newest(&caller, "tools/call", params).send()
    };
    let heard = messages(request(json!("info"), 1).await.expect("an answer")).await;
    let notes: Vec<&Value> = heard.iter().filter(|message| message["method"] == "notifications/message").collect();
    assert_eq!(notes.len(), 1, "once: {heard:?}");
    assert_eq!((&notes[0]["params"]["level"], &notes[0]["params"]["logger"]), (&json!("info"), &json!("heavylift")));
    let waits = &notes[0]["params"]["data"];
    assert!(waits["message"].as_str().is_some_and(|text| text.contains("waits for room")), "{waits}");
    assert_eq!(waits["job_id"], said(heard.last().expect("a reply"))["job_id"]);
    for (level, number) in [(Value::Null, 2), (json!("warning"), 3)] {
        let heard = messages(request(level, number).await.expect("an answer")).await;
        assert_eq!(heard.len(), 1, "the reply alone: {heard:?}");
    }
    let refused = messages(request(json!("loud"), 4).await.expect("an answer")).await;
    assert_eq!(refused[0]["error"]["code"], -32602, "{refused:?}");

    let session = Session::open(&caller).await;
    let wait = |number: u32| call("data_query", &json!({"sql": format!("select {number}"), "wait_seconds": 1}), None);
    let heard = async |id: u32, params: &Value| {
        messages(session.request(id, "tools/call", params).send().await.expect("an answer")).await
    };
    assert!(session.ask(1, "logging/setLevel", &json!({"level": "error"})).await["error"].is_null());
    assert_eq!(heard(2, &wait(5)).await.len(), 1, "the reply alone");
    assert!(session.ask(3, "logging/setLevel", &json!({"level": "debug"})).await["error"].is_null());
    let all = heard(4, &wait(6)).await;
    assert_eq!(all[0]["method"], "notifications/message", "{all:?}");
    assert_eq!(all[0]["params"]["data"]["job_id"], said(&all[1])["job_id"]);
    assert_eq!(session.ask(5, "logging/setLevel", &json!({"level": "loud"})).await["error"]["code"], -32602);
}
