//! Sessions of 2025-11-25 whose connections, or servers, are lost: the answer comes all the same, with its request's id.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Caller, ENDLESS, LONG, LONG_ANSWER, Server, kind_of};
use crate::site::Site;
use crate::wire::{Events, Session, call, job_of, messages, reply};

/// A call of the long query whose answer is lost: its job, and the id of the first event of its stream.
struct Lost {
    job: String,
    first: String,
    last: String,
}

/// Calls the long query as request `id` and cuts the connection once the job runs.
async fn lose(session: &Session, id: u32) -> Lost {
    let arguments = json!({"sql": LONG, "wait_seconds": 600});
    let sent = session.request(id, "tools/call", &call("data_query", &arguments, Some("t"))).send().await;
    let mut events = Events::of(sent.expect("an answer"));
    let first = events.first_id().await;
    let note = events.next().await.expect("a note");
    let job = job_of(&note.data);
    Lost { job, first, last: events.last_id.clone().expect("an id") }
}

/// What comes after the event `from`, asked of `caller`'s server.
async fn resumed(session: &Session, caller: &Caller, from: &str) -> Vec<Value> {
    messages(session.resume_by(caller, from).send().await.expect("an answer")).await
}

/// The last of `said` is the long query's right answer to request `id`; what comes before rises.
fn is_answer(said: &[Value], id: u32) {
    let answer = said.last().expect("an answer");
    assert_eq!(answer["id"], json!(id), "{answer}");
    assert_eq!(answer["result"]["structuredContent"]["rows"], json!([[LONG_ANSWER]]), "{answer}");
    assert!(answer["result"].get("resultType").is_none(), "{answer}");
    let progress = said.iter().filter_map(|note| note["params"]["progress"].as_f64());
    assert!(progress.collect::<Vec<_>>().is_sorted_by(|a, b| a < b), "{said:?}");
}

#[tokio::test]
async fn a_cut_stream_goes_on_where_it_was() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    let session = Session::open(&caller).await;
    let lost = lose(&session, 7).await;
    is_answer(&resumed(&session, &caller, &lost.last).await, 7);
    // Lost once more: what was said last is still there, from wherever the client asks.
    is_answer(&resumed(&session, &caller, &lost.last).await, 7);
    is_answer(&resumed(&session, &caller, &lost.first).await, 7);
    assert_eq!(caller.jobs().await.len(), 1);
}

/// Clients that know no more than what a stream itself said could not go on after a second cut.
#[tokio::test]
async fn a_stream_that_goes_on_says_at_once_from_where() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    let session = Session::open(&caller).await;
    let silent = call("data_query", &json!({"sql": LONG, "wait_seconds": 600}), None);
    let first = {
        let sent = session.request(7, "tools/call", &silent).send().await;
        Events::of(sent.expect("an answer")).first_id().await
    };
    let second = {
        let mut events = Events::of(session.resume_by(&caller, &first).send().await.expect("an answer"));
        events.first_id().await
    };
    let mut events = Events::of(session.resume_by(&caller, &second).send().await.expect("an answer"));
    let third = events.first_id().await;
    is_answer(&[events.next().await.expect("the answer").data], 7);
    let answer = events.last_id.clone().expect("an id");
    assert!(![&first, &second, &third].contains(&&answer), "the answer came before there was something to go on from");
}

#[tokio::test]
async fn another_process_answers_for_one_that_was_killed() {
    let server = Server::start(&[]).await;
    let session = Session::open(&server.caller()).await;
    let lost = lose(&session, 3).await;
    let folder = server.kill().await;
    let heir = Server::start_in(folder, &[]).await;
    is_answer(&resumed(&session, &heir.caller(), &lost.first).await, 3);
    let view = heir.caller().end_of(&lost.job).await;
    assert_eq!((&view["attempt"], heir.caller().jobs().await.len()), (&json!(2), 1), "{view}");
    // The session itself goes on, too.
    let listed = session.at(&heir.caller()).request(4, "tools/list", &json!({})).send().await.expect("an answer");
    assert!(reply(listed).await["result"]["tools"].is_array());
}

#[tokio::test]
async fn another_replica_answers_while_the_first_works() {
    let site = Site::new().await;
    let (one, other) = (site.server(&["--workers", "1"]).await, site.server(&["--workers", "1"]).await);
    let session = Session::open(&one.caller()).await;
    let lost = lose(&session, 5).await;
    is_answer(&resumed(&session, &other.caller(), &lost.first).await, 5);
    // The same call joins the kept job, under which the other replica would not look for it.
    let again = session.request(6, "tools/call", &call("data_query", &json!({"sql": LONG}), None)).send().await;
    let mut events = Events::of(again.expect("an answer"));
    let first = events.first_id().await;
    while events.next().await.is_some() {}
    is_answer(&resumed(&session, &other.caller(), &first).await, 6);
    assert_eq!(one.caller().jobs().await.len(), 1);
}

#[tokio::test]
async fn waiting_for_a_job_goes_on_elsewhere() {
    let site = Site::new().await;
    let (one, other) = (site.server(&["--workers", "1"]).await, site.server(&["--workers", "1"]).await);
    let session = Session::open(&one.caller()).await;
    let job = one.caller().submit(LONG).await;
    let wait = call("job_wait", &json!({"job_id": job, "wait_seconds": 600}), None);
    let mut events = Events::of(session.request(8, "tools/call", &wait).send().await.expect("an answer"));
    let first = events.first_id().await;
    drop(events);
    is_answer(&resumed(&session, &other.caller(), &first).await, 8);
}

#[tokio::test]
async fn a_cancel_finds_its_job_on_another_replica() {
    let site = Site::new().await;
    let (one, other) = (site.server(&[]).await, site.server(&[]).await);
    let session = Session::open(&one.caller()).await;
    let endless = call("data_query", &json!({"sql": ENDLESS, "wait_seconds": 600}), Some("t"));
    let mut events = Events::of(session.request(2, "tools/call", &endless).send().await.expect("an answer"));
    let job = job_of(&events.next().await.expect("a note").data);
    session.at(&other.caller()).notify("notifications/cancelled", &json!({"requestId": 2})).await;
    assert_eq!(other.caller().end_of(&job).await["status"], "cancelled");
}

#[tokio::test]
async fn a_session_that_ended_is_over_everywhere() {
    let site = Site::new().await;
    let (one, other) = (site.server(&[]).await, site.server(&[]).await);
    let session = Session::open(&one.caller()).await;
    let ask = |caller: Caller| {
        let request = session.request_by(&caller, 1, "tools/list", &json!({}));
        async move { request.send().await.expect("an answer").status().as_u16() }
    };
    assert_eq!((ask(one.caller()).await, ask(other.caller()).await), (200, 200));
    let end = |caller: Caller| {
        let request = caller.request(Method::DELETE, "/mcp").header("Mcp-Session-Id", &session.id);
        async move { request.send().await.expect("an answer").status() }
    };
    assert!(end(other.caller()).await.is_success());
    assert_eq!((ask(one.caller()).await, ask(other.caller()).await), (404, 404));
    assert_eq!(end(one.caller()).await, 404);
}

#[tokio::test]
async fn an_event_that_was_never_issued_gives_an_empty_stream() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    let (session, another) = (Session::open(&caller).await, Session::open(&caller).await);
    let listed = session.request(1, "tools/list", &json!({})).send().await.expect("an answer");
    let foreign = {
        let mut events = Events::of(listed);
        events.first_id().await
    };
    for id in ["0", "0/0", "5/1", "nonsense", &"A".repeat(300)] {
        assert!(resumed(&session, &caller, id).await.is_empty(), "{id}");
    }
    assert!(resumed(&another, &caller, &foreign).await.is_empty(), "another session's");
    assert!(!resumed(&session, &caller, &foreign).await.is_empty(), "its own");
    assert!(!server.log().contains("WARN") && !server.log().contains("ERROR"), "{}", server.log());
}

#[tokio::test]
async fn sessions_beyond_the_limit_push_out_idle_ones_alone() {
    let server = Server::start(&["--max-sessions", "1"]).await;
    let caller = server.caller();
    let first = Session::open(&caller).await;
    let idle = Session::open(&caller).await; // the first was idle and went from memory
    let listed = first.request(1, "tools/list", &json!({})).send().await.expect("an answer");
    assert!(reply(listed).await["result"]["tools"].is_array(), "it was taken up again");
    let stream = caller
        .request(Method::GET, "/mcp")
        .header("Accept", "text/event-stream")
        .header("Mcp-Session-Id", &first.id)
        .send()
        .await
        .expect("an answer");
    let mut stream = Events::of(stream);
    stream.first_id().await;
    let refused = idle.request(1, "tools/list", &json!({})).send().await.expect("an answer");
    assert_eq!(kind_of(refused).await, (503, "busy".to_owned()));
}

#[tokio::test]
async fn two_requests_of_one_name_do_not_get_in_each_others_way() {
    let server = Server::start(&[]).await;
    let session = Session::open(&server.caller()).await;
    let lost = lose(&session, 9).await;
    let second = session.request(9, "tools/list", &json!({})).send().await.expect("an answer");
    assert_eq!(reply(second).await["error"]["code"], json!(-32600));
    is_answer(&resumed(&session, &server.caller(), &lost.first).await, 9);
}

/// Clients of those protocols read every event as a message.
#[tokio::test]
async fn older_protocols_get_no_event_without_a_message() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    for version in ["2025-03-26", "2025-06-18"] {
        let post = |session: Option<&str>, body: &Value| {
            let request = caller.request(Method::POST, "/mcp").header("Accept", "application/json, text/event-stream");
            let request = request.header("MCP-Protocol-Version", version).json(body);
            session.map_or(request.try_clone().expect("a small body"), |id| request.header("Mcp-Session-Id", id)).send()
        };
        let me = json!({"name": "old", "version": "1"});
        let params = json!({"protocolVersion": version, "capabilities": {}, "clientInfo": me});
        let opened = post(None, &json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params})).await;
        let opened = opened.expect("an answer");
        let id = opened.headers()["mcp-session-id"].to_str().expect("an id").to_owned();
        let opened = opened.text().await.expect("text");
        assert!(opened.contains(&format!(r#""protocolVersion":"{version}""#)), "{opened}");
        post(Some(&id), &json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await.expect("an answer");
        let listed = post(Some(&id), &json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})).await;
        let listed = listed.expect("an answer").text().await.expect("text");
        for said in [opened, listed] {
            let data: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("data:")).collect();
            assert!(!data.is_empty() && data.iter().all(|data| data.trim().starts_with('{')), "{version}: {said}");
        }
    }
}
