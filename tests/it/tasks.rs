//! Tasks of 2026-07-28: jobs by another name, there for whoever declared that it understands them.

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::harness::{Caller, ENDLESS, LONG, LONG_ANSWER, Server, keys, status_and_json};
use crate::wire::{Events, call, declaring, newest, reply, said};

/// A client that understands tasks.
pub(crate) fn tasks() -> Value {
    json!({"extensions": {"io.modelcontextprotocol/tasks": {}}})
}

pub(crate) fn ask(caller: &Caller, method: &str, params: Value) -> RequestBuilder {
    declaring(caller, &tasks(), method, params)
}

/// The result of a request by a client that understands tasks.
pub(crate) async fn result(caller: &Caller, method: &str, params: Value) -> Value {
    let reply = reply(ask(caller, method, params).send().await.expect("an answer")).await;
    assert!(reply["result"].is_object(), "{method}: {reply}");
    reply["result"].clone()
}

pub(crate) async fn query(caller: &Caller, arguments: &Value) -> Value {
    result(caller, "tools/call", call("data_query", arguments, None)).await
}

/// A task that runs; its id.
async fn task(caller: &Caller, sql: &str) -> String {
    let created = query(caller, &json!({"sql": sql, "fresh": true})).await;
    is_task(&created);
    assert_eq!(created["status"], "working", "{created}");
    created["taskId"].as_str().expect("an id").to_owned()
}

pub(crate) async fn get(caller: &Caller, task: &str) -> Value {
    let found = result(caller, "tasks/get", json!({"taskId": task})).await;
    assert_eq!((&found["resultType"], &found["taskId"]), (&json!("complete"), &json!(task)), "{found}");
    found
}

/// What a created task has and has not.
pub(crate) fn is_task(created: &Value) {
    assert_eq!(created["resultType"], "task", "{created}");
    for moment in ["createdAt", "lastUpdatedAt"] {
        let text = created[moment].as_str().unwrap_or_default();
        assert!(humantime::parse_rfc3339(text).is_ok(), "{moment}: {created}");
    }
    for number in ["ttlMs", "pollIntervalMs"] {
        assert!(created[number].as_u64().is_some_and(|number| number > 0), "{number}: {created}");
    }
    for absent in ["task", "result", "error", "inputRequests", "requestState", "ttl", "pollInterval"] {
        assert!(created.get(absent).is_none(), "{absent}: {created}");
    }
}

/// An acknowledgement says nothing of the task.
pub(crate) fn is_bare(acknowledged: &Value) {
    assert_eq!(acknowledged["resultType"], "complete", "{acknowledged}");
    for absent in ["taskId", "status", "result", "error", "inputRequests"] {
        assert!(acknowledged.get(absent).is_none(), "{absent}: {acknowledged}");
    }
}

#[tokio::test]
async fn tasks_are_an_extension_that_the_server_has() {
    let server = Server::start(&[]).await;
    let discovered = result(&server.caller(), "server/discover", json!({})).await;
    let capabilities = &discovered["capabilities"];
    assert_eq!(capabilities["extensions"]["io.modelcontextprotocol/tasks"], json!({}), "{discovered}");
    assert!(capabilities.get("tasks").is_none(), "{discovered}");
}

#[tokio::test]
async fn what_is_quick_is_answered_at_once_and_what_is_not_is_a_task() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    let quick = query(&caller, &json!({"sql": "select 6 * 7"})).await;
    assert_eq!(quick["resultType"], "complete", "{quick}");
    assert_eq!(quick["structuredContent"]["rows"], json!([[42]]), "{quick}");

    let id = task(&caller, LONG).await;
    let working = get(&caller, &id).await;
    assert_eq!(working["status"], "working", "{working}");
    assert!(working["statusMessage"].as_str().is_some_and(|text| !text.is_empty()), "{working}");
    assert!(working.get("result").is_none(), "{working}");
    caller.end_of(&id).await;
    let completed = get(&caller, &id).await;
    assert_eq!(completed["status"], "completed", "{completed}");
    assert!(completed["createdAt"].as_str() < completed["lastUpdatedAt"].as_str(), "{completed}");
    let direct = result(&caller, "tools/call", call("job_status", &json!({"job_id": id}), None)).await;
    let inlined = &completed["result"];
    assert_eq!(inlined["structuredContent"]["rows"], json!([[LONG_ANSWER]]), "{completed}");
    assert_eq!(inlined["structuredContent"]["rows"], direct["structuredContent"]["rows"]);
    assert!(inlined["content"].as_array().is_some_and(|content| !content.is_empty()), "{completed}");
    assert!(inlined["_meta"]["io.modelcontextprotocol/related-task"].is_null(), "{completed}");
}

#[tokio::test]
async fn a_tools_own_failure_is_a_completed_task() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    caller.put("t.csv", "a\nx\n").await;
    // It is found when the query runs, and no time is left to answer at once.
    let arguments = json!({"sql": "select cast(a as integer) from t", "wait_seconds": 0, "fresh": true});
    let answer = query(&caller, &arguments).await;
    let id = match answer["taskId"].as_str() {
        Some(id) => id.to_owned(),
        None => answer["structuredContent"]["job_id"].as_str().expect("over already").to_owned(),
    };
    assert_eq!(caller.end_of(&id).await["status"], "failed");
    let completed = get(&caller, &id).await;
    assert_eq!((&completed["status"], &completed["result"]["isError"]), (&json!("completed"), &json!(true)));
    assert!(completed.get("error").is_none(), "{completed}");
    let plain = newest(&caller, "tools/call", call("data_query", &json!({"sql": arguments["sql"]}), None));
    let plain = reply(plain.send().await.expect("an answer")).await;
    let of_call = &plain["result"]["structuredContent"]["error"];
    assert_eq!(completed["result"]["structuredContent"]["error"], *of_call, "as the call would have said");
}

#[tokio::test]
async fn a_task_is_cancelled_and_stays_so() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    let id = task(&caller, ENDLESS).await;
    is_bare(&result(&caller, "tasks/cancel", json!({"taskId": id})).await);
    caller.end_of(&id).await;
    let cancelled = get(&caller, &id).await;
    assert_eq!(cancelled["status"], "cancelled");
    assert!(cancelled.get("result").is_none() && cancelled.get("error").is_none(), "{cancelled}");
    is_bare(&result(&caller, "tasks/cancel", json!({"taskId": id})).await);
    is_bare(
        &result(&caller, "tasks/update", json!({"taskId": id, "inputResponses": {"x": {"action": "decline"}}})).await,
    );
    assert_eq!(get(&caller, &id).await["status"], "cancelled");
}

#[tokio::test]
async fn anothers_task_is_as_one_that_is_not_there() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (file, secrets) = keys(folder.path(), &["ada", "bob"]).await;
    let server = Server::start(&["--api-keys", &file]).await;
    let (ada, bob) = (server.caller_with(&secrets[0]), server.caller_with(&secrets[1]));
    let hers = task(&ada, ENDLESS).await;
    let unknown = hers.chars().rev().collect::<String>();
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let mut errors = Vec::new();
        for id in [hers.as_str(), unknown.as_str(), "no id at all"] {
            let params = json!({"taskId": id, "inputResponses": {}});
            let reply = reply(ask(&bob, method, params).send().await.expect("an answer")).await;
            assert_eq!(reply["error"]["code"], -32602, "{method} {id}: {reply}");
            errors.push(reply["error"]["message"].to_string().replace(id, "X"));
        }
        assert_eq!(errors[0], errors[1], "{method}");
    }
    assert_eq!(get(&ada, &hers).await["status"], "working");
}

#[tokio::test]
async fn who_did_not_declare_tasks_meets_none() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    let params = call("data_query", &json!({"sql": ENDLESS, "wait_seconds": 0}), None);
    let answer = reply(newest(&caller, "tools/call", params).send().await.expect("an answer")).await;
    assert_eq!(answer["result"]["resultType"], "complete", "{answer}");
    let job = said(&answer)["job_id"].clone();
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let params = json!({"taskId": job, "inputResponses": {}});
        let (status, refused) = status_and_json(newest(&caller, method, params).send().await.expect("an answer")).await;
        assert_eq!((status, &refused["error"]["code"]), (400, &json!(-32021)), "{method}: {refused}");
        let required = &refused["error"]["data"]["requiredCapabilities"]["extensions"];
        assert_eq!(required["io.modelcontextprotocol/tasks"], json!({}), "{refused}");
    }
    for method in ["tasks/list", "tasks/result"] {
        let params = json!({"taskId": job});
        let reply = reply(ask(&caller, method, params).send().await.expect("an answer")).await;
        assert_eq!(reply["error"]["code"], -32601, "{method}: {reply}");
    }
}

#[tokio::test]
async fn a_task_outlives_its_server_and_its_clients_connection() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    let id = task(&caller, LONG).await;
    drop(caller);
    let folder = server.kill().await;
    let server = Server::start_in(folder, &[]).await;
    let caller = server.caller();
    let found = get(&caller, &id).await;
    assert!(matches!(found["status"].as_str(), Some("working" | "completed")), "{found}");
    let ended = caller.end_of(&id).await;
    assert_eq!(ended["attempt"], 2, "{ended}");
    let completed = get(&caller, &id).await;
    assert_eq!(completed["result"]["structuredContent"]["rows"], json!([[LONG_ANSWER]]), "{completed}");
}

#[tokio::test]
async fn a_listener_hears_of_its_tasks_alone() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (file, secrets) = keys(folder.path(), &["ada", "bob"]).await;
    let server = Server::start(&["--api-keys", &file]).await;
    let (ada, bob) = (server.caller_with(&secrets[0]), server.caller_with(&secrets[1]));
    let (hers, his) = (task(&ada, ENDLESS).await, task(&bob, ENDLESS).await);
    let params = json!({"notifications": {"taskIds": [hers, his, "no id at all"]}});
    let undeclared = newest(&ada, "subscriptions/listen", params.clone()).send().await.expect("an answer");
    let (status, refused) = status_and_json(undeclared).await;
    assert_eq!((status, &refused["error"]["code"], &refused["id"]), (400, &json!(-32021), &json!(1)), "{refused}");

    let mut events = Events::of(ask(&ada, "subscriptions/listen", params).send().await.expect("an answer"));
    let acknowledged = events.next().await.expect("an event").data;
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged", "{acknowledged}");
    assert_eq!(acknowledged["params"]["notifications"]["taskIds"], json!([hers]), "{acknowledged}");
    let mut statuses = Vec::new();
    while statuses.last() != Some(&json!("cancelled")) {
        let note = events.next().await.expect("a note").data;
        assert_eq!(note["method"], "notifications/tasks", "{note}");
        assert_eq!(note["params"]["taskId"], json!(hers), "{note}");
        assert_eq!(note["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 1, "{note}");
        if statuses.is_empty() {
            result(&ada, "tasks/cancel", json!({"taskId": hers})).await;
        }
        statuses.push(note["params"]["status"].clone());
    }
    assert_eq!(statuses[0], "working");
    assert_eq!(get(&bob, &his).await["status"], "working");
}
