//! SIGTERM: an orderly end, nobody left hanging, nothing lost.

use std::sync::Arc;

use heavylift::cli::client::Era;
use serde_json::json;

use crate::harness::{ENDLESS, ERAS, LONG, LONG_ANSWER, Server};
use crate::wire::Events;
use crate::wire::{Session, call, job_of, newest};

#[tokio::test]
async fn who_waits_is_answered_and_the_job_goes_on_later() {
    for era in ERAS {
        let server = Server::start(&["--drain-grace", "0s"]).await;
        let caller = server.caller();
        let params = call("data_query", &json!({"sql": LONG}), Some("t"));
        let response = match era {
            Era::Newest => newest(&caller, "tools/call", params).send().await,
            Era::Session => Session::open(&caller).await.request(1, "tools/call", &params).send().await,
        };
        let mut stream = Events::of(response.expect("an answer"));
        let job = job_of(&stream.next().await.expect("a first word").data);
        caller.until_running(&job).await;
        let mut events = caller.events(&job).await;
        let path = format!("/jobs/{job}?wait_seconds=600");
        let poll = tokio::spawn({
            let (caller, path) = (caller.clone(), path.clone());
            async move { caller.json(&path).await }
        });
        events.next().await.expect("the poll is no earlier than this, and the events run");
        server.terminate();

        let mut last = None;
        while let Some(event) = stream.next().await {
            last = Some(event.data);
        }
        let reply = last.expect("a reply");
        let view = &reply["result"]["structuredContent"];
        assert_eq!((&view["status"], &view["job_id"]), (&json!("running"), &json!(job)), "{era:?}: {reply}");
        assert!(view["next"].as_str().is_some_and(|next| next.contains("job_wait")), "{reply}");
        while events.next().await.is_some() {}
        // The poll may have come too late to be taken; if it was taken it is answered.
        if let Ok((status, view)) = poll.await {
            assert!(status == 503 || view["job_id"] == json!(job), "{status} {view}");
        }
        let (status, folder) = server.ended().await;
        assert_eq!(status.code(), Some(0), "{era:?}");

        let server = Server::start_in(folder, &[]).await;
        let ended = server.caller().end_of(&job).await;
        assert_eq!((&ended["status"], &ended["rows"]), (&json!("succeeded"), &json!([[LONG_ANSWER]])), "{ended}");
        assert_eq!(ended["attempt"], 2, "{ended}");
    }
}

#[tokio::test]
async fn an_endless_job_is_handed_back_after_its_grace() {
    let server = Server::start(&["--drain-grace", "1s", "--workers", "1"]).await;
    let caller = server.caller();
    let running = caller.submit(ENDLESS).await;
    caller.until_running(&running).await;
    let waiting = caller.submit("select 5").await;
    server.terminate();
    let (status, folder) = server.ended().await;
    assert_eq!(status.code(), Some(0));
    let server = Server::start_in(folder, &["--workers", "2"]).await;
    let caller = server.caller();
    assert_eq!(caller.end_of(&waiting).await["rows"], json!([[5]]));
    caller.until_running(&running).await;
    assert_eq!(caller.json(&format!("/jobs/{running}")).await.1["attempt"], 2);
}

#[tokio::test]
async fn a_job_that_ends_within_the_grace_ends() {
    let server = Server::start(&["--drain-grace", "15s"]).await;
    let caller = server.caller();
    let sql = "select count(*) from range(20000000) a(x) where x % 7 = 3";
    let job = caller.submit(sql).await;
    caller.until_running(&job).await;
    server.terminate();
    let (status, folder) = server.ended().await;
    assert_eq!(status.code(), Some(0));
    let server = Server::start_in(folder, &[]).await;
    let ended = server.caller().end_of(&job).await;
    assert_eq!((&ended["status"], &ended["attempt"]), (&json!("succeeded"), &json!(1)), "{ended}");
}

#[tokio::test]
async fn a_second_server_on_the_same_store_is_refused() {
    let first = Server::start(&[]).await;
    let Err(second) = Server::try_start_in(Arc::clone(&first.folder), &[]).await else { panic!("two servers") };
    assert!(!second.status.success());
    assert!(second.stderr.contains(&first.id().to_string()), "{}", second.stderr);
    assert_eq!(first.caller().get("/healthz").await.status(), 200);
    let folder = first.kill().await;
    Server::start_in(folder, &[]).await;
}
