//! `/jobs`: the same jobs over plain HTTP.

use serde_json::json;

use crate::harness::{ENDLESS, LONG, LONG_ANSWER, Server, kind_of, status_and_json};

const NO_JOB: &str = "00000000000000000000000000";

#[tokio::test]
async fn jobs_are_listed_newest_first() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    let mut ids = Vec::new();
    for number in 0..3 {
        let id = caller.submit(&format!("select {number}")).await;
        caller.end_of(&id).await;
        ids.push(id);
    }
    ids.reverse();
    let listed: Vec<_> = caller.jobs().await.iter().map(|job| job["job_id"].clone()).collect();
    assert_eq!(json!(listed), json!(ids));
    let (_, page) = caller.json("/jobs?limit=2").await;
    assert_eq!((page["jobs"].as_array().map(Vec::len), &page["more"]), (Some(2), &json!(true)));
    let (_, rest) = caller.json(&format!("/jobs?limit=2&after={}", ids[1])).await;
    assert_eq!((&rest["jobs"][0]["job_id"], &rest["more"]), (&json!(ids[2]), &json!(false)));
}

#[tokio::test]
async fn a_job_is_shown_now_or_at_its_end() {
    let server = Server::start(&["--workers", "1"]).await;
    let caller = server.caller();
    let running = caller.submit(ENDLESS).await;
    caller.until_running(&running).await;
    let waiting = caller.submit("select 7").await;
    let (status, view) = caller.json(&format!("/jobs/{running}")).await;
    assert_eq!((status, &view["status"]), (200, &json!("running")), "{view}");
    let (_, view) = caller.json(&format!("/jobs/{waiting}?wait_seconds=0")).await;
    assert_eq!(view["status"], "queued", "{view}");
    let path = format!("/jobs/{running}");
    let (ended, cancelled) = tokio::join!(caller.end_of(&waiting), caller.delete(&path));
    assert_eq!((&ended["rows"], cancelled.status().as_u16()), (&json!([[7]]), 202), "{ended}");
    assert_eq!(caller.end_of(&running).await["status"], "cancelled");
}

#[tokio::test]
async fn events_tell_of_progress_and_then_of_the_end() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    let job = caller.submit(LONG).await;
    let mut events = caller.events(&job).await;
    let mut progress = 0;
    let end = loop {
        let event = events.next().await.expect("an end comes");
        if event.name == "end" {
            break event.data;
        }
        assert!(event.name == "progress" && event.data["done"].is_number(), "{event:?}");
        progress += 1;
    };
    assert!(progress >= 1);
    assert_eq!((&end["status"], &end["rows"]), (&json!("succeeded"), &json!([[LONG_ANSWER]])), "{end}");
    assert!(events.next().await.is_none(), "the end is the last word");
    let mut late = caller.events(&job).await;
    assert_eq!(late.next().await.expect("the end again").name, "end");
}

#[tokio::test]
async fn a_cancelled_job_ends_its_events() {
    let server = Server::start(&["--workers", "1"]).await;
    let caller = server.caller();
    let running = caller.submit(ENDLESS).await;
    let waiting = caller.submit("select 1").await;
    for job in [waiting, running] {
        let mut events = caller.events(&job).await;
        let (status, view) = status_and_json(caller.delete(&format!("/jobs/{job}")).await).await;
        assert_eq!(status, 202, "{view}");
        let end = loop {
            let event = events.next().await.expect("an end comes");
            if event.name == "end" {
                break event.data;
            }
        };
        assert_eq!(end["status"], "cancelled");
        // A job that has ended stays as it is.
        let (status, view) = status_and_json(caller.delete(&format!("/jobs/{job}")).await).await;
        assert_eq!((status, &view["status"]), (202, &json!("cancelled")));
    }
}

#[tokio::test]
async fn an_unknown_job_is_not_found() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    for path in [format!("/jobs/{NO_JOB}"), format!("/jobs/{NO_JOB}?wait_seconds=60"), format!("/jobs/{NO_JOB}/events")]
    {
        assert_eq!(kind_of(caller.get(&path).await).await, (404, "not_found".to_owned()), "{path}");
    }
    assert_eq!(caller.delete(&format!("/jobs/{NO_JOB}")).await.status(), 404);
    assert_eq!(kind_of(caller.get("/jobs/nonsense").await).await, (400, "invalid_params".to_owned()));
    let (status, body) = caller.json("/jobs?limt=3").await;
    assert!(status == 400 && body.to_string().contains("limt"), "{status} {body}");
}
