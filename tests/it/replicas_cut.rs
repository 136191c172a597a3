//! What happens between a replica and its store: as few requests as can be, and nothing wrong when none comes through.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Caller, LONG};
use crate::site::Site;
use crate::wire;

/// The requests of one short job, from the call to its end, without what goes on by itself.
#[tokio::test]
async fn a_short_job_costs_few_requests() {
    let (site, [blob, queue]) = Site::new().await.by_proxies().await;
    let server = site.server(&["--workers", "1"]).await;
    let caller = server.caller();
    // The first job finds what the server does once: the second one is measured.
    caller.call("data_query", json!({"sql": "select 1"})).await;
    let idle = || queue.seen("GET ").iter().filter(|head| head.contains("numofmessages")).count();
    let before = idle();
    while idle() == before {
        tokio::task::yield_now().await; // the dispatcher looks into the queue: it is hungry
    }
    blob.clear();
    queue.clear();
    let answer = caller.call("data_query", json!({"sql": "select 2"})).await;
    assert!(!answer.is_error, "{}", answer.raw);
    let job = answer.envelope.job_id.expect("a job");
    // The marker's removal comes after the answer; what comes after that is another job's.
    while blob.seen(&job).iter().filter(|head| head.contains("active")).count() < 2 {
        tokio::task::yield_now().await;
    }
    let mut requests: Vec<String> = blob.seen("").iter().map(|head| short(head)).collect();
    requests.retain(|request| !request.contains("server/sweeper"));
    requests.sort();
    let expected = [
        "DELETE active/·",
        "GET owners/local/keys/·",
        "PUT active/·",
        "PUT jobs/·/attempt-1/result.parquet",
        "PUT jobs/·/job.json",
        "PUT jobs/·/job.json",
        "PUT owners/local/jobs/·",
        "PUT owners/local/keys/·",
    ];
    assert_eq!(requests, expected);
    let sent: Vec<String> = queue.seen("").into_iter().filter(|head| !head.contains("numofmessages")).collect();
    assert!(sent.is_empty(), "a short job that runs where it came in needs no queue: {sent:?}");
}

/// Method and path of a request, without ids.
fn short(head: &str) -> String {
    let mut words = head.split([' ', '?']);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = path.replace("%2F", "/");
    let is_id = |part: &str| part.len() > 20 && !part.contains('.');
    let parts: Vec<&str> = path.split('/').skip(3).map(|part| if is_id(part) { "·" } else { part }).collect();
    format!("{method} {}", parts.join("/"))
}

/// Makes calls, none of which may be acknowledged.
async fn refused_for_ever(caller: &Caller) {
    for number in 0.. {
        let arguments = json!({"sql": format!("select {number}"), "wait_seconds": 0});
        let call = wire::call("data_query", &arguments, None);
        let Some(reply) = wire::try_reply(wire::newest(caller, "tools/call", call)).await else { continue };
        let view = wire::said(&reply);
        assert_eq!(view["error"]["retryable"], true, "acknowledged while nothing could be written: {view}");
    }
}

async fn ended_well(caller: &Caller, job: &str) -> Value {
    let view = caller.end_of(job).await;
    assert_eq!(view["status"], "succeeded", "{view}");
    view
}

/// The lease is ten seconds: half of it, three times it, twelve times it.
#[tokio::test]
async fn a_cut_between_replica_and_store_costs_time_and_nothing_else() {
    let (site, proxies) = Site::new().await.by_proxies().await;
    let server = site.server(&["--workers", "2", "--lease", "10s"]).await;
    let caller = server.caller();
    for seconds in [5, 30, 120] {
        let runs = caller.submit(LONG).await;
        caller.until_running(&runs).await;
        for proxy in &proxies {
            proxy.cut();
        }
        // How long it is cut is what this is about: for all that time one call after another is made, and none is accepted.
        tokio::time::timeout(Duration::from_secs(seconds), refused_for_ever(&caller)).await.expect_err("time is over");
        for proxy in &proxies {
            proxy.heal();
        }
        // What ran goes on, or runs again once the lease was over; and the server takes calls as before.
        ended_well(&caller, &runs).await;
        let after = caller.submit("select 1").await;
        ended_well(&caller, &after).await;
    }
}
