//! The MCP door in both eras: what is listed, called, told on the way, and what a cut connection means.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Caller, ENDLESS, ERAS, LONG, LONG_ANSWER, Server, png};
use crate::wire::{self, Events, Session, call, job_of, messages, newest, reply};

const SALES: &str = "region,amount\nnorth,10\nsouth,20\nnorth,30\n";

async fn with_sales(flags: &[&str]) -> (Server, Caller) {
    let server = Server::start(flags).await;
    let caller = server.caller();
    caller.put("sales.csv", SALES).await;
    (server, caller)
}

#[tokio::test]
async fn tools_are_listed_alike_in_both_eras() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    let session = Session::open(&caller).await;
    let mut lists = Vec::new();
    for id in 1..=2 {
        let new = newest(&caller, "tools/list", json!({})).send().await.expect("an answer");
        let old = session.request(id, "tools/list", &json!({})).send().await.expect("an answer");
        lists.push(reply(new).await["result"]["tools"].clone());
        lists.push(reply(old).await["result"]["tools"].clone());
    }
    assert!(lists.iter().all(|list| *list == lists[0]), "the same, however often and in whichever era");
    let tools = lists[0].as_array().expect("tools");
    let names: Vec<&str> = tools.iter().map(|tool| tool["name"].as_str().expect("a name")).collect();
    assert!(names.is_sorted() && names.len() <= 25, "{names:?}");
    for wanted in ["data_query", "data_profile", "image_process", "file_preview", "job_wait", "server_info"] {
        assert!(names.contains(&wanted), "{wanted} is not among {names:?}");
    }
    for tool in tools {
        let name = &tool["name"];
        assert_eq!(tool["inputSchema"]["type"], "object", "{name}");
        assert_eq!(tool["outputSchema"]["type"], "object", "{name}");
        assert!(
            tool["title"].is_string() && tool["description"].as_str().is_some_and(|text| text.len() > 20),
            "{name}"
        );
        for hint in ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"] {
            assert!(tool["annotations"][hint].is_boolean(), "{name}: {hint}");
        }
    }
    let query = tools.iter().find(|tool| tool["name"] == "data_query").expect("data_query");
    for parameter in ["sql", "wait_seconds", "idempotency_key", "fresh"] {
        let said = &query["inputSchema"]["properties"][parameter]["description"];
        assert!(said.is_string(), "{parameter} is not described: {query}");
    }
}

#[tokio::test]
async fn the_server_says_how_to_use_it() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    let old = Session::open(&caller).await.initialized;
    let new = reply(newest(&caller, "server/discover", json!({})).send().await.expect("an answer")).await;
    for said in [&old["result"], &new["result"]] {
        assert!(said["instructions"].as_str().is_some_and(|text| text.contains("job_wait")), "{said}");
    }
    assert_eq!(old["result"]["serverInfo"]["name"], "heavylift");
}

#[tokio::test]
async fn the_tools_give_right_answers() {
    let (_server, caller) = with_sales(&[]).await;
    caller.put("a.png", png(64, 48)).await;
    for era in ERAS {
        let mcp = caller.connect(era).await;
        let sql = "select region, sum(amount) total from sales group by region order by region";
        let query = mcp.call("data_query", json!({"sql": sql, "output": "csv"})).await;
        assert_eq!(query.raw["status"], "succeeded", "{}", query.raw);
        assert_eq!(query.raw["rows"], json!([["north", 40], ["south", 20]]), "{}", query.raw);
        assert!(query.text.contains("north"), "the text says the same: {}", query.text);
        let artifact = &query.envelope.artifacts[0];
        assert_eq!(caller.file(&artifact.path).await, b"region,total\nnorth,40\nsouth,20\n");

        let profile = mcp.call("data_profile", json!({"file": "sales.csv"})).await;
        let columns = profile.raw["details"]["columns"].as_array().expect("columns").clone();
        let names: Vec<&Value> = columns.iter().map(|column| &column["name"]).collect();
        assert_eq!((names, &profile.raw["details"]["rows"]), (vec![&json!("region"), &json!("amount")], &json!(3)));

        let preview = mcp.call("file_preview", json!({"file": "sales.csv"})).await;
        assert_eq!(preview.raw["rows"][2], json!(["north", 30]), "{}", preview.raw);

        let resize = json!({"op": "resize", "width": 16, "height": 16, "fit": "inside"});
        let made = mcp.call("image_process", json!({"files": ["*.png"], "operations": [resize]})).await;
        assert_eq!(made.raw["details"]["processed"], 1, "{}", made.raw);
        let small = image::load_from_memory(&caller.file(&made.envelope.artifacts[0].path).await).expect("a picture");
        assert_eq!((small.width(), small.height()), (16, 12));
    }
}

#[tokio::test]
async fn progress_comes_only_to_those_who_ask() {
    let server = Server::start(&["--workers", "2"]).await;
    let caller = server.caller();
    let session = Session::open(&caller).await;
    let arguments = json!({"sql": ENDLESS, "wait_seconds": 1});
    for (number, token) in [(1, Some("tok")), (2, None)] {
        let params = call("data_query", &arguments, token);
        let new = newest(&caller, "tools/call", params.clone()).send().await.expect("an answer");
        let old = session.request(number, "tools/call", &params).send().await.expect("an answer");
        for mut all in [messages(new).await, messages(old).await] {
            let last = all.pop().expect("a reply");
            let result = &last["result"]["structuredContent"];
            assert_eq!(result["status"], "running", "{last}");
            assert_eq!(all.is_empty(), token.is_none(), "{all:?}");
            let mut before = f64::NEG_INFINITY;
            for note in &all {
                assert_eq!(note["params"]["progressToken"], "tok");
                assert_eq!(json!(job_of(note)), result["job_id"]);
                let now = note["params"]["progress"].as_f64().expect("a number");
                assert!(now > before, "{now} after {before}");
                before = now;
            }
        }
    }
}

#[tokio::test]
async fn a_budget_that_is_over_gives_a_handle() {
    let (_server, caller) = with_sales(&[]).await;
    for era in ERAS {
        let mcp = caller.connect(era).await;
        let sql = format!("select sum(amount) from sales -- {era:?}");
        let handle = mcp.call("data_query", json!({"sql": sql, "wait_seconds": 0})).await;
        assert!(!handle.is_error && matches!(handle.raw["status"].as_str(), Some("queued" | "running" | "succeeded")));
        let id = handle.envelope.job_id.clone().expect("a job");
        if handle.raw["status"] != "succeeded" {
            assert!(handle.raw["next"].as_str().is_some_and(|next| next.contains("job_wait") && next.contains(&id)));
            assert!(handle.raw["poll_after_seconds"].is_u64(), "{}", handle.raw);
        }
        let ended = mcp.call("job_wait", json!({"job_id": id})).await;
        assert_eq!((&ended.raw["status"], &ended.raw["rows"]), (&json!("succeeded"), &json!([[60]])), "{}", ended.raw);
        assert_eq!(mcp.call("job_status", json!({"job_id": id})).await.raw["rows"], json!([[60]]));
    }
}

#[tokio::test]
async fn a_job_is_listed_and_cancelled() {
    let server = Server::start(&["--workers", "1"]).await;
    let caller = server.caller();
    for era in ERAS {
        let mcp = caller.connect(era).await;
        let running = caller.submit(ENDLESS).await;
        caller.until_running(&running).await;
        let waiting = caller.submit("select 1").await;
        let status = mcp.call("job_status", json!({"job_id": waiting})).await;
        assert_eq!(status.raw["status"], "queued");
        let list = mcp.call("job_list", json!({"limit": 2})).await;
        let ids: Vec<&Value> = list.raw["jobs"].as_array().expect("jobs").iter().map(|job| &job["job_id"]).collect();
        assert_eq!(ids, [&json!(waiting), &json!(running)], "newest first");
        let gone = mcp.call("job_cancel", json!({"job_id": waiting})).await;
        assert_eq!(gone.raw["status"], "cancelled", "one that waits ends at once");
        mcp.call("job_cancel", json!({"job_id": running})).await;
        let ended = mcp.call("job_wait", json!({"job_id": running, "wait_seconds": 600})).await;
        assert_eq!(ended.raw["status"], "cancelled", "{}", ended.raw);
    }
}

#[tokio::test]
async fn a_key_or_an_equal_call_is_the_same_job() {
    let (_server, caller) = with_sales(&[]).await;
    for era in ERAS {
        let mcp = caller.connect(era).await;
        let sql = format!("select max(amount) from sales -- {era:?}");
        let first = mcp.call("data_query", json!({"sql": sql})).await;
        assert!(!first.envelope.reused);
        let again = mcp.call("data_query", json!({"sql": sql})).await;
        assert_eq!((again.envelope.job_id.clone(), again.envelope.reused), (first.envelope.job_id.clone(), true));
        let fresh = mcp.call("data_query", json!({"sql": sql, "fresh": true})).await;
        assert!(fresh.envelope.job_id != first.envelope.job_id && !fresh.envelope.reused);

        let key = format!("mine-{era:?}");
        let named = mcp.call("data_query", json!({"sql": sql, "fresh": true, "idempotency_key": key})).await;
        let same = mcp.call("data_query", json!({"sql": sql, "fresh": true, "idempotency_key": key})).await;
        assert_eq!((same.envelope.job_id.clone(), same.envelope.reused), (named.envelope.job_id, true));
        let other = mcp.call("data_query", json!({"sql": "select 2", "idempotency_key": key})).await;
        assert_eq!((other.is_error, &other.raw["error"]["kind"]), (true, &json!("conflict")), "{}", other.raw);

        // Another file under the same name makes another call of it.
        caller.put("sales.csv", format!("{SALES}west,100\n")).await;
        let changed = mcp.call("data_query", json!({"sql": sql})).await;
        assert_ne!(changed.envelope.job_id, fresh.envelope.job_id);
        caller.put("sales.csv", SALES).await;
    }
}

#[tokio::test]
async fn a_foreign_host_or_origin_is_refused() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    for (header, value, status) in [
        ("Host", "evil.example", 403),
        ("Origin", "https://evil.example", 403),
        ("Origin", "null", 403),
        ("Origin", "http://localhost:3000", 200),
    ] {
        let mcp = newest(&caller, "tools/list", json!({})).header(header, value).send().await.expect("an answer");
        assert_eq!(mcp.status(), status, "/mcp with {header}: {value}");
        let jobs = caller.request(Method::GET, "/jobs").header(header, value).send().await.expect("an answer");
        assert_eq!(jobs.status(), status, "/jobs with {header}: {value}");
    }
}

#[tokio::test]
async fn streams_are_marked_as_such() {
    let server = Server::start(&["--workers", "1"]).await;
    let caller = server.caller();
    let session = Session::open(&caller).await;
    let params = call("data_query", &json!({"sql": ENDLESS}), Some("t"));
    let new = newest(&caller, "tools/call", params.clone()).send().await.expect("an answer");
    let old = session.request(1, "tools/call", &params).send().await.expect("an answer");
    let job = caller.jobs().await[0]["job_id"].as_str().expect("a job").to_owned();
    let events = caller.get(&format!("/jobs/{job}/events")).await;
    for response in [new, old, events] {
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().expect("text").to_owned());
        assert!(header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream")));
        assert_eq!(header("cache-control").as_deref(), Some("no-cache"));
        assert_eq!(header("x-accel-buffering").as_deref(), Some("no"));
    }
}

/// Begins a call on a stream and reads until the job's id is known.
async fn begin(request: reqwest::RequestBuilder) -> (Events, String) {
    let mut events = Events::of(request.send().await.expect("an answer"));
    let first = events.next().await.expect("a first word");
    (events, job_of(&first.data))
}

#[tokio::test]
async fn a_session_cancels_by_saying_so() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    let session = Session::open(&caller).await;
    let params = call("data_query", &json!({"sql": ENDLESS}), Some("t"));
    let (_events, job) = begin(session.request(7, "tools/call", &params)).await;
    session.notify("notifications/cancelled", &json!({"requestId": 7, "reason": "enough"})).await;
    assert_eq!(caller.end_of(&job).await["status"], "cancelled");
}

#[tokio::test]
async fn a_session_that_is_cut_cancels_nothing() {
    let server = Server::start(&["--orphan-grace", "0s"]).await;
    let caller = server.caller();
    let session = Session::open(&caller).await;
    let params = call("data_query", &json!({"sql": LONG}), Some("t"));
    let (events, job) = begin(session.request(7, "tools/call", &params)).await;
    drop(events);
    let ended = caller.end_of(&job).await;
    assert_eq!((&ended["status"], &ended["rows"]), (&json!("succeeded"), &json!([[LONG_ANSWER]])), "{ended}");
}

#[tokio::test]
async fn a_later_stream_that_closes_ends_its_job() {
    let server = Server::start(&["--orphan-grace", "0s", "--workers", "1"]).await;
    let caller = server.caller();
    let params = call("data_query", &json!({"sql": ENDLESS}), Some("t"));
    let (events, job) = begin(newest(&caller, "tools/call", params)).await;
    // It has the only worker, so the next job's end tells that it has gone; to wait for itself would be to attend to it.
    let next = caller.submit("select 42").await;
    drop(events);
    assert_eq!(caller.end_of(&next).await["rows"], json!([[42]]));
    assert_eq!(caller.end_of(&job).await["status"], "cancelled");
}

#[tokio::test]
async fn a_job_whose_name_is_known_survives_its_stream() {
    let server = Server::start(&["--orphan-grace", "0s"]).await;
    let caller = server.caller();
    let params = call("data_query", &json!({"sql": LONG, "idempotency_key": "mine"}), Some("t"));
    let (events, job) = begin(newest(&caller, "tools/call", params)).await;
    drop(events);
    assert_eq!(caller.end_of(&job).await["rows"], json!([[LONG_ANSWER]]));
}

#[tokio::test]
async fn the_same_call_after_a_cut_joins_its_job() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    let params = call("data_query", &json!({"sql": ENDLESS}), Some("t"));
    let (events, job) = begin(newest(&caller, "tools/call", params)).await;
    drop(events);
    let params = call("data_query", &json!({"sql": ENDLESS, "wait_seconds": 0}), None);
    let joined = wire::reply(newest(&caller, "tools/call", params).send().await.expect("an answer")).await;
    let view = &joined["result"]["structuredContent"];
    assert_eq!((&view["job_id"], &view["reused"]), (&json!(job), &json!(true)), "{joined}");
}

#[tokio::test]
async fn headers_come_before_a_long_answer() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    // Without a progress token there is nothing to say until the end.
    let silent = call("data_query", &json!({"sql": LONG, "wait_seconds": 600}), None);
    let response = newest(&caller, "tools/call", silent).send().await.expect("headers");
    assert_eq!(caller.jobs().await[0]["status"], "running", "the answer is still to come");
    for (name, value) in
        [("content-type", "text/event-stream"), ("cache-control", "no-cache"), ("x-accel-buffering", "no")]
    {
        assert_eq!(response.headers()[name], value);
    }
    assert_eq!(reply(response).await["result"]["structuredContent"]["rows"], json!([[LONG_ANSWER]]));
}
