//! The client against a real MCP server with toy tools, through a line that can be cut.

mod files;
mod toy;

use std::sync::Arc;

use parking_lot::Mutex;
use rmcp::model::JsonObject;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::*;
use toy::{JOB, Toy};

fn request(tool: &str, era: Era) -> CallRequest {
    let mut arguments = JsonObject::new();
    arguments.insert("sql".to_owned(), json!("select 1"));
    CallRequest { tool: tool.to_owned(), arguments, era, reconnects: 5, ..CallRequest::default() }
}

/// Calls `tool` and gives the answer and the events; `at` is run at each event.
async fn watched(
    toy: &Toy,
    request: CallRequest,
    stop: &CancellationToken,
    mut at: impl FnMut(&CallEvent) + Send,
) -> (Result<Answer, ClientError>, Vec<CallEvent>) {
    let mut events = Vec::new();
    let mut hear = |event: CallEvent| {
        at(&event);
        events.push(event);
    };
    let answer = call(&toy.client(), request, stop, &mut hear).await;
    (answer, events)
}

fn status(answer: Result<Answer, ClientError>) -> String {
    answer.expect("an answer").envelope.status.expect("a status")
}

#[actix_web::test]
async fn an_answer_comes_back_in_both_eras() {
    let toy = Toy::start().await;
    for era in [Era::Newest, Era::Session] {
        let (answer, _) = watched(&toy, request("quick", era), &CancellationToken::new(), |_| ()).await;
        let answer = answer.expect("an answer");
        assert!(!answer.is_error && answer.envelope.rows == vec![vec![json!(1)]], "{answer:?}");
    }
    assert_eq!(toy.called(), ["quick", "quick"]);
    let connection = toy.client().connect(Era::Newest).await.expect("connects");
    assert_eq!(connection.tools().await.expect("tools"), ["quick"]);
}

#[actix_web::test]
async fn a_running_job_is_waited_for_and_its_progress_heard() {
    let toy = Toy::start().await;
    for era in [Era::Newest, Era::Session] {
        let (answer, events) = watched(&toy, request("slow", era), &CancellationToken::new(), |_| ()).await;
        assert_eq!(status(answer), "succeeded");
        let jobs = events.iter().filter(|event| matches!(event, CallEvent::Job(id) if id == JOB)).count();
        assert_eq!(jobs, 1, "told once: {events:?}");
        let heard = events.iter().any(|event| matches!(event, CallEvent::Progress(p) if p.message == "reading"));
        assert!(heard && events.iter().any(|event| matches!(event, CallEvent::StillRunning(_))), "{events:?}");
    }
    assert_eq!(toy.called(), ["slow", "job_wait", "slow", "job_wait"]);
}

#[actix_web::test]
async fn a_cut_line_finds_the_job_again_by_its_id() {
    let toy = Toy::start().await;
    let line = toy.line.clone();
    let cut = move |event: &CallEvent| {
        if matches!(event, CallEvent::Job(_)) {
            line.cut();
        }
    };
    let (answer, events) = watched(&toy, request("endless", Era::Newest), &CancellationToken::new(), cut).await;
    assert_eq!(status(answer), "succeeded");
    assert!(events.iter().any(|event| matches!(event, CallEvent::Lost { .. })), "{events:?}");
    assert_eq!(toy.called(), ["endless", "job_wait"]);
}

#[actix_web::test]
async fn a_cut_session_never_sends_the_call_again() {
    let toy = Toy::start().await;
    let (line, finish) = (toy.line.clone(), toy.finish_endless());
    let cut = move |event: &CallEvent| {
        if matches!(event, CallEvent::Job(_)) {
            line.cut();
            finish();
        }
    };
    let (answer, _) = watched(&toy, request("endless", Era::Session), &CancellationToken::new(), cut).await;
    assert_eq!(status(answer), "succeeded");
    // Whether the server replays the answer or the client asks for the job is a matter of who comes first.
    assert_eq!(toy.called().iter().filter(|tool| *tool == "endless").count(), 1, "{:?}", toy.called());
}

#[actix_web::test]
async fn without_an_id_the_identical_call_is_sent_again() {
    let toy = Toy::start().await;
    toy.cut_at_next_call();
    let fresh = CallRequest { fresh: true, ..request("mute", Era::Newest) };
    let (answer, _) = watched(&toy, fresh, &CancellationToken::new(), |_| ()).await;
    assert_eq!(status(answer), "succeeded");
    assert_eq!(toy.called(), ["mute", "mute"]);
    let arguments = toy.arguments();
    assert_eq!(arguments[0], arguments[1], "the same call, so that it joins the first one's job");
    assert!(arguments[0]["idempotency_key"].is_string() && arguments[0]["fresh"] == true);
}

#[actix_web::test]
async fn stopping_cancels_the_job_and_waits_for_its_end() {
    let toy = Toy::start().await;
    for era in [Era::Newest, Era::Session] {
        let stop = CancellationToken::new();
        let fire = stop.clone();
        let at_job = move |event: &CallEvent| {
            if matches!(event, CallEvent::Job(_)) {
                fire.cancel();
            }
        };
        let (answer, _) = watched(&toy, request("endless", era), &stop, at_job).await;
        assert_eq!(status(answer), "cancelled");
    }
    assert_eq!(toy.called(), ["endless", "job_cancel", "endless", "job_cancel"]);
}

#[actix_web::test]
async fn stopping_before_a_job_is_known_cancels_the_request() {
    let toy = Toy::start().await;
    let stop = CancellationToken::new();
    toy.at_next_call({
        let stop = stop.clone();
        move || stop.cancel()
    });
    let (answer, _) = watched(&toy, request("mute", Era::Newest), &stop, |_| ()).await;
    assert_eq!(answer, Err(ClientError::Cancelled));
}

#[actix_web::test]
async fn a_refusal_is_not_tried_again() {
    let toy = Toy::start().await;
    let (answer, events) = watched(&toy, request("unheard_of", Era::Newest), &CancellationToken::new(), |_| ()).await;
    let Err(ClientError::Refused { kind, message }) = answer else {
        panic!("a refusal, not {answer:?}");
    };
    assert_eq!((kind.as_deref(), message.as_str()), (Some("not_found"), "no tool is called unheard_of"));
    assert!(events.is_empty());
    assert_eq!(toy.called(), ["unheard_of"]);
}

#[actix_web::test]
async fn a_missing_key_is_said_so() {
    let toy = Toy::start_with_key("hl_right").await;
    let wrong = Server::new(toy.url(), Some("hl_wrong")).expect("a server");
    for era in [Era::Newest, Era::Session] {
        let error = wrong.connect(era).await.map(drop).expect_err("no entry");
        assert!(matches!(&error, ClientError::Refused { kind: Some(kind), .. } if kind == "unauthorized"), "{error:?}");
    }
    let right = Server::new(toy.url(), Some("hl_right")).expect("a server");
    assert!(right.connect(Era::Newest).await.is_ok());
}

#[actix_web::test]
async fn a_server_that_stays_away_is_unreachable_in_the_end() {
    let toy = Toy::start().await;
    let line = toy.line.clone();
    let lost = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&lost);
    let close = move |event: &CallEvent| match event {
        CallEvent::Job(_) => line.close(),
        CallEvent::Lost { .. } => *counted.lock() += 1,
        _ => {}
    };
    let patience = CallRequest { reconnects: 2, ..request("endless", Era::Newest) };
    let (answer, _) = watched(&toy, patience, &CancellationToken::new(), close).await;
    assert!(answer.as_ref().is_err_and(ClientError::is_unreachable), "{answer:?}");
    assert_eq!(*lost.lock(), 2);
}

#[test]
fn paths_are_encoded_by_segment() {
    let server = Server::new("http://127.0.0.1:8000/", None).expect("a server");
    let url = server.file("in put/100%/a?b#c.csv");
    assert_eq!(url.as_str(), "http://127.0.0.1:8000/files/in%20put/100%25/a%3Fb%23c.csv");
    let below = Server::new("https://example.com/heavy", None).expect("a server");
    assert_eq!(below.at(["jobs", "x/y"]).as_str(), "https://example.com/heavy/jobs/x%2Fy");
}

#[test]
fn what_is_no_address_or_key_is_usage() {
    for url in ["", "127.0.0.1:8000", "ftp://example.com", "http://"] {
        assert!(matches!(Server::new(url, None), Err(ClientError::Usage(_))), "{url:?}");
    }
    assert!(matches!(Server::new("http://localhost", Some("a\nb")), Err(ClientError::Usage(_))));
}
