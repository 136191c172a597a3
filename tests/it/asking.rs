//! A job that asks in its middle, as each kind of client meets it. The server is the product with one tool more, which asks.

use std::sync::mpsc;
use std::thread::JoinHandle;

use actix_web::rt::System;
use heavylift::app;
use heavylift::config::ServeConfig;
use heavylift::mcp::surface::Surface;
use reqwest::RequestBuilder;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tools::{Answer, Catalogue, Context, InputSpec, Question, Questions, Report, Tool, ToolError};

use crate::harness::{Caller, keys, store_url};
use crate::tasks::{self, get, is_bare, is_task, result};
use crate::wire::{Events, Session, call, declaring, newest, reply, said};

/// Asks whether, and how often; says what it heard.
struct Confirm;

#[derive(Deserialize, JsonSchema)]
struct ConfirmParams {
    what: String,
}

impl Tool for Confirm {
    type Params = ConfirmParams;
    type Details = ();
    const NAME: &'static str = "test_confirm";
    const TITLE: &'static str = "Confirm";
    const DESCRIPTION: &'static str = "Asks.";

    fn inputs(&self, _: &ConfirmParams) -> Result<Vec<InputSpec>, ToolError> {
        Ok(Vec::new())
    }

    fn run(&self, params: ConfirmParams, ctx: &mut Context) -> Result<Report, ToolError> {
        assert_ne!(params.what, "panic", "asked to");
        let heard = ctx.ask(questions(&params.what))?;
        let said = |name: &str, field: &str| match &heard[name] {
            Answer::Given(content) => content[field].to_string(),
            other => format!("{other:?}"),
        };
        let summary = format!("{}: {}, {}", params.what, said("sure", "sure"), said("times", "times"));
        Ok(Report { summary, ..Report::default() })
    }
}

fn questions(what: &str) -> Questions {
    let question = |name: &str, kind: &str| {
        let schema = json!({"type": "object", "properties": {name: {"type": kind}}, "required": [name]});
        (name.to_owned(), Question { message: format!("{what}, {name}?"), schema })
    };
    [question("sure", "boolean"), question("times", "integer")].into()
}

fn given(name: &str, value: &Value) -> Value {
    json!({"action": "accept", "content": {name: value}})
}

/// A server in this process, on a thread of its own. Dropped, it ends.
struct AskingServer {
    url: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    _folder: TempDir,
}

impl AskingServer {
    fn start(flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let store = store_url(&folder.path().join("store"));
        // In this very process: it could not start itself anew as a lane.
        let mut all = vec!["--addr", "127.0.0.1:0", "--isolation", "thread", "--store", &store];
        all.extend(flags);
        let config = ServeConfig::from_flags(all).expect("settings");
        let (tell, told) = mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = async move {
            let catalogue = Catalogue::default().with(Confirm);
            let running = Box::pin(app::start(config, catalogue, Surface::standard())).await.expect("started");
            tell.send(running.app.base_url.clone()).expect("the test listens");
            let stop = async { drop(stopped.await) };
            Box::pin(running.serve_until(stop)).await.expect("served");
        };
        let thread = std::thread::spawn(|| System::new().block_on(served));
        let url = told.recv().expect("the server's address");
        Self { url, stop: Some(stop), thread: Some(thread), _folder: folder }
    }

    fn caller(&self, key: Option<&str>) -> Caller {
        Caller::new(&self.url, key)
    }
}

impl Drop for AskingServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        drop(self.thread.take().map(JoinHandle::join));
    }
}

fn confirm(what: &str) -> Value {
    call("test_confirm", &json!({"what": what}), None)
}

/// Follows the job until it asks: what `/jobs` says then.
async fn until_asking(caller: &Caller, job: &str) -> Value {
    let view = caller.end_of(job).await;
    assert_eq!(view["status"], "input_required", "{view}");
    view
}

#[tokio::test]
async fn a_task_that_asks_is_answered_by_updates() {
    let server = AskingServer::start(&[]);
    let caller = server.caller(None);
    let created = result(&caller, "tools/call", confirm("one")).await;
    is_task(&created);
    let id = created["taskId"].as_str().expect("an id");
    until_asking(&caller, id).await;
    let asking = get(&caller, id).await;
    assert_eq!(asking["status"], "input_required", "{asking}");
    assert_eq!(asking["inputRequests"]["sure"]["method"], "elicitation/create", "{asking}");
    let form = &asking["inputRequests"]["times"]["params"];
    assert_eq!((&form["mode"], &form["message"]), (&json!("form"), &json!("one, times?")), "{asking}");

    let update = |responses: Value| json!({"taskId": id, "inputResponses": responses});
    let wrong = tasks::ask(&caller, "tasks/update", update(json!({"sure": given("sure", &json!("perhaps"))})));
    let wrong = reply(wrong.send().await.expect("an answer")).await;
    assert_eq!(wrong["error"]["code"], -32602, "{wrong}");
    let partly = json!({"sure": given("sure", &json!(true)), "stray": {"action": "decline"}});
    is_bare(&result(&caller, "tasks/update", update(partly)).await);
    let asking = get(&caller, id).await;
    let open: Vec<&String> = asking["inputRequests"].as_object().expect("requests").keys().collect();
    assert_eq!(asking["status"], "input_required", "{asking}");
    assert_eq!(open, ["times"], "{asking}");
    let rest = json!({"times": given("times", &json!(3)), "sure": {"action": "decline"}});
    is_bare(&result(&caller, "tasks/update", update(rest)).await);

    caller.end_of(id).await;
    let completed = get(&caller, id).await;
    assert_eq!(completed["status"], "completed", "{completed}");
    assert_eq!(completed["result"]["structuredContent"]["summary"], "one: true, 3", "{completed}");
    is_bare(&result(&caller, "tasks/update", update(json!({"sure": {"action": "decline"}}))).await);
}

#[tokio::test]
async fn a_fault_of_ours_is_a_failed_task() {
    let server = AskingServer::start(&[]);
    let caller = server.caller(None);
    let params = call("test_confirm", &json!({"what": "panic", "wait_seconds": 0}), None);
    let answer = result(&caller, "tools/call", params).await;
    let over_already = &answer["structuredContent"]["job_id"];
    let id = answer["taskId"].as_str().or(over_already.as_str()).expect("an id");
    caller.end_of(id).await;
    let failed = get(&caller, id).await;
    assert_eq!((&failed["status"], &failed["error"]["code"]), (&json!("failed"), &json!(-32603)), "{failed}");
    assert!(failed["error"]["message"].is_string() && failed.get("result").is_none(), "{failed}");
}

#[tokio::test]
async fn a_listener_hears_the_question() {
    let server = AskingServer::start(&[]);
    let caller = server.caller(None);
    let created = result(&caller, "tools/call", confirm("one")).await;
    let id = created["taskId"].as_str().expect("an id");
    let params = json!({"notifications": {"taskIds": [id]}});
    let mut events = Events::of(tasks::ask(&caller, "subscriptions/listen", params).send().await.expect("an answer"));
    let mut heard: Vec<String> = Vec::new();
    while heard.last().is_none_or(|status| status != "completed") {
        let note = events.next().await.expect("a note").data;
        let Some(status) = note["params"]["status"].as_str().map(str::to_owned) else { continue };
        if status == "input_required" {
            let answers = json!({"sure": given("sure", &json!(true)), "times": {"action": "cancel"}});
            assert_eq!(note["params"]["inputRequests"]["sure"]["method"], "elicitation/create", "{note}");
            result(&caller, "tasks/update", json!({"taskId": id, "inputResponses": answers})).await;
        }
        if status == "completed" {
            assert_eq!(note["params"]["result"]["structuredContent"]["summary"], "one: true, Dismissed", "{note}");
        }
        heard.push(status);
    }
    assert!(heard.contains(&"input_required".to_owned()), "{heard:?}");
}

/// A call of 2026-07-28 by a client that can be asked, but knows no tasks.
fn again(caller: &Caller, state: Option<&str>, responses: Value) -> RequestBuilder {
    let mut params = confirm("two");
    if let Some(state) = state {
        params["requestState"] = json!(state);
        params["inputResponses"] = responses;
    }
    declaring(caller, &json!({"elicitation": {}}), "tools/call", params)
}

#[tokio::test]
async fn a_call_that_asks_is_made_again_with_the_answers() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (file, secrets) = keys(folder.path(), &["ada", "bob"]).await;
    let server = AskingServer::start(&["--api-keys", &file]);
    let (ada, bob) = (server.caller(Some(&secrets[0])), server.caller(Some(&secrets[1])));
    let asked = reply(again(&ada, None, Value::Null).send().await.expect("an answer")).await;
    let first = &asked["result"];
    assert_eq!(first["resultType"], "input_required", "{asked}");
    assert_eq!(first["inputRequests"]["sure"]["params"]["message"], "two, sure?", "{asked}");
    let state = first["requestState"].as_str().expect("a state");

    let answers = json!({"sure": given("sure", &json!(false)), "times": given("times", &json!(2))});
    let tampered = format!("b{}", &state[1..]);
    for (caller, state) in [(&ada, tampered.as_str()), (&bob, state), (&ada, "x")] {
        let refused = reply(again(caller, Some(state), answers.clone()).send().await.expect("an answer")).await;
        assert_eq!(refused["error"]["code"], -32602, "{refused}");
    }
    let partly = json!({"sure": given("sure", &json!(false)), "stray": 7});
    let asked = reply(again(&ada, Some(state), partly).send().await.expect("an answer")).await;
    let open: Vec<&String> = asked["result"]["inputRequests"].as_object().expect("requests").keys().collect();
    assert_eq!(open, ["times"], "{asked}");
    let state = asked["result"]["requestState"].as_str().expect("a state");
    let done = reply(again(&ada, Some(state), answers).send().await.expect("an answer")).await;
    assert_eq!(done["result"]["structuredContent"]["summary"], "two: false, 2", "{done}");
    assert_eq!(ada.jobs().await.len(), 1, "all of it was one job");
}

#[tokio::test]
async fn a_session_is_asked_on_the_calls_stream() {
    let server = AskingServer::start(&[]);
    let caller = server.caller(None);
    let session = Session::open_declaring(&caller, &json!({"elicitation": {}})).await;
    let sent = session.request(5, "tools/call", &confirm("three")).send().await.expect("an answer");
    let mut events = Events::of(sent);
    let mut asked = Vec::new();
    let answer = loop {
        let message = events.next().await.expect("a message").data;
        if message["method"] != "elicitation/create" {
            break message;
        }
        asked.push(message["params"]["message"].clone());
        let sure = message["params"]["message"] == "three, sure?";
        let result = if sure { json!({"action": "decline"}) } else { given("times", &json!(9)) };
        session.answer(&message, &result).await;
    };
    assert_eq!(asked, ["three, sure?", "three, times?"]);
    assert_eq!(answer["id"], 5, "{answer}");
    assert_eq!(answer["result"]["structuredContent"]["summary"], "three: Declined, 9", "{answer}");
}

#[tokio::test]
async fn a_session_that_answers_nonsense_is_told_what_is_asked() {
    let server = AskingServer::start(&[]);
    let caller = server.caller(None);
    let session = Session::open_declaring(&caller, &json!({"elicitation": {}})).await;
    let sent = session.request(5, "tools/call", &confirm("four")).send().await.expect("an answer");
    let mut events = Events::of(sent);
    let question = events.next().await.expect("a question").data;
    session.answer(&question, &given("sure", &json!("perhaps"))).await;
    let answer = events.next().await.expect("an answer").data;
    let view = &answer["result"]["structuredContent"];
    assert_eq!((&answer["id"], &view["status"]), (&json!(5), &json!("input_required")), "{answer}");
}

#[tokio::test]
async fn everyone_else_sees_the_questions_and_the_way_out() {
    let server = AskingServer::start(&[]);
    let caller = server.caller(None);
    let session = Session::open(&caller).await;
    let new = newest(&caller, "tools/call", confirm("five")).send().await.expect("an answer");
    let old = session.request(1, "tools/call", &confirm("five")).send().await.expect("an answer");
    for answer in [reply(new).await, reply(old).await] {
        assert_ne!(answer["result"]["isError"], true, "{answer}");
        let view = said(&answer);
        assert_eq!(view["status"], "input_required", "{view}");
        assert_eq!(view["questions"]["times"]["schema"]["required"], json!(["times"]), "{view}");
        assert!(view["next"].as_str().is_some_and(|next| next.contains("job_cancel")), "{view}");
    }
    let job = caller.jobs().await[0]["job_id"].as_str().expect("an id").to_owned();
    let waited = newest(&caller, "tools/call", call("job_wait", &json!({"job_id": job, "wait_seconds": 600}), None));
    assert_eq!(said(&reply(waited.send().await.expect("an answer")).await)["status"], "input_required");
    let mut events = caller.events(&job).await;
    loop {
        let event = events.next().await.expect("an event");
        if event.name == "input_required" {
            assert_eq!(event.data["questions"]["sure"]["message"], "five, sure?", "{}", event.data);
            break;
        }
    }
    let cancelled = newest(&caller, "tools/call", call("job_cancel", &json!({"job_id": job}), None));
    assert_eq!(said(&reply(cancelled.send().await.expect("an answer")).await)["status"], "cancelled");
}
