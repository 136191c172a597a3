//! Prompts: that they name what there is, refuse what they cannot use, and help while somebody types.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{Caller, Server, png};
use crate::wire::{Session, ask};

/// A server with a table and pictures.
async fn server() -> (Server, Caller, Session) {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    caller.put("sales.csv", "region,amount\nnorth,10\nsouth,20\n").await;
    caller.put("notes.txt", "hello").await;
    for path in ["photos/a.png", "photos/b.png", "photos/old/c.png"] {
        caller.put(path, png(8, 6)).await;
    }
    let session = Session::open(&caller).await;
    (server, caller, session)
}

fn words(prompt: &Value) -> &str {
    let message = &prompt["result"]["messages"][0];
    assert_eq!(message["role"], "user", "{prompt}");
    message["content"]["text"].as_str().expect("text")
}

#[tokio::test]
async fn prompts_are_listed_alike_in_both_eras() {
    let (_server, caller, session) = server().await;
    let old = session.ask(1, "prompts/list", &json!({})).await["result"]["prompts"].clone();
    let new = ask(&caller, "prompts/list", json!({})).await;
    assert_eq!((&old, &new["result"]["cacheScope"]), (&new["result"]["prompts"], &json!("public")));
    let names: Vec<&Value> = old.as_array().expect("prompts").iter().map(|prompt| &prompt["name"]).collect();
    assert_eq!(names, ["clean_table", "explore_table", "pictures_for_web"]);
    for prompt in old.as_array().expect("prompts") {
        assert!(prompt["title"].is_string() && prompt["description"].is_string(), "{prompt}");
        let arguments = prompt["arguments"].as_array().expect("arguments");
        assert!(arguments.iter().all(|argument| argument["description"].is_string()), "{prompt}");
    }
}

/// The calls that a prompt writes out: a tool's name, and what to call it with.
fn calls(text: &str) -> Vec<(String, Value)> {
    let mut calls = Vec::new();
    for (at, _) in text.match_indices("{\"") {
        let mut values = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Value>();
        let Some(Ok(arguments)) = values.next() else { continue };
        let Some(tool) = text[..at].rsplit('`').nth(1) else { continue };
        if arguments.get("op").is_none() {
            calls.push((tool.to_owned(), arguments));
        }
    }
    calls
}

#[tokio::test]
async fn what_a_prompt_says_to_do_can_be_done() {
    let (_server, caller, session) = server().await;
    let tools = ask(&caller, "tools/list", json!({})).await["result"]["tools"].clone();
    let tools = tools.as_array().expect("tools");
    let mut named = BTreeSet::new();
    for (name, arguments, says) in [
        ("explore_table", json!({"path": "sales.csv", "column": "amount"}), "\"amount\""),
        ("clean_table", json!({"path": "sales.csv"}), "\"parquet\""),
        ("pictures_for_web", json!({"pattern": "photos/**/*.png", "max_width": "800"}), "\"width\": 800"),
    ] {
        let params = json!({"name": name, "arguments": arguments});
        let new = ask(&caller, "prompts/get", params.clone()).await;
        let text = words(&new);
        assert_eq!(words(&session.ask(1, "prompts/get", &params).await), text);
        assert!(text.contains(says) && !text.contains("{path}") && !text.contains("{table}"), "{text}");
        let calls = calls(text);
        assert!(calls.len() >= 2, "{name}: {calls:?} in {text}");
        for (tool, arguments) in calls {
            let listed = tools.iter().find(|listed| listed["name"] == tool.as_str());
            let schema = &listed.unwrap_or_else(|| panic!("{name} names {tool}"))["inputSchema"]["properties"];
            for parameter in arguments.as_object().expect("an object").keys() {
                assert!(schema[parameter].is_object(), "{name}: {tool} has no parameter {parameter}");
            }
            named.insert(tool);
        }
    }
    assert_eq!(named.into_iter().collect::<Vec<_>>(), ["data_profile", "data_query", "file_preview", "image_process"]);

    // One of them as it stands.
    let web =
        ask(&caller, "prompts/get", json!({"name": "pictures_for_web", "arguments": {"pattern": "photos/*.png"}}))
            .await;
    assert!(words(&web).contains("2 files"), "{web}");
    let (tool, arguments) = calls(words(&web)).pop().expect("a call");
    let made = caller.call(&tool, arguments).await;
    assert_eq!(made.raw["details"]["processed"], 2, "{}", made.raw);
}

#[tokio::test]
async fn wrong_arguments_are_named() {
    let (_server, caller, session) = server().await;
    for (name, arguments, says) in [
        ("explore_tables", json!({}), "explore_table"),
        ("explore_table", json!({}), "needs the argument path"),
        ("explore_table", json!({"path": "sale.csv"}), "sales.csv"),
        ("explore_table", json!({"path": "../x"}), ".."),
        ("explore_table", json!({"path": "sales.csv", "colum": "x"}), "column"),
        ("clean_table", json!({"path": 3}), "give a text"),
        ("pictures_for_web", json!({"pattern": "*.gif"}), "*.gif"),
        ("pictures_for_web", json!({"pattern": "photos/*.png", "max_width": "wide"}), "max_width"),
        ("pictures_for_web", json!({"pattern": "photos/*.png", "max_width": "0"}), "max_width"),
        ("pictures_for_web", json!({"pattern": "["}), "pattern"),
    ] {
        let params = json!({"name": name, "arguments": arguments});
        for answer in [ask(&caller, "prompts/get", params.clone()).await, session.ask(1, "prompts/get", &params).await]
        {
            assert_eq!(answer["error"]["code"], -32602, "{params}: {answer}");
            let message = answer["error"]["message"].as_str().expect("a message");
            assert!(message.contains(says), "{params}: {message}");
        }
    }
}

#[tokio::test]
async fn arguments_are_completed() {
    let (_server, caller, session) = server().await;
    let complete = async |prompt: &str, name: &str, value: &str, known: Value| {
        let reference = json!({"type": "ref/prompt", "name": prompt});
        let argument = json!({"name": name, "value": value});
        let params = json!({"ref": reference, "argument": argument, "context": {"arguments": known}});
        let old = session.ask(1, "completion/complete", &params).await;
        let new = ask(&caller, "completion/complete", params).await;
        assert_eq!(old["result"]["completion"], new["result"]["completion"]);
        match new["error"]["code"].as_i64() {
            Some(code) => json!(code),
            None => new["result"]["completion"]["values"].clone(),
        }
    };
    let none = || json!({});
    assert_eq!(complete("explore_table", "path", "", none()).await, json!(["sales.csv"]), "tables only");
    assert_eq!(complete("clean_table", "path", "x", none()).await, json!([]));
    let patterns = complete("pictures_for_web", "pattern", "photos/", none()).await;
    let expected = ["photos/*.png", "photos/old/*.png", "photos/a.png", "photos/b.png", "photos/old/c.png"];
    assert_eq!(patterns, json!(expected));
    assert_eq!(complete("pictures_for_web", "max_width", "1", none()).await, json!(["1024", "1600", "1920"]));

    let known = json!({"path": "sales.csv"});
    assert_eq!(complete("explore_table", "column", "", known.clone()).await, json!([]), "nobody looked into it yet");
    assert!(caller.jobs().await.is_empty(), "and nobody does for this");
    caller.call("file_preview", json!({"file": "sales.csv"})).await;
    assert_eq!(complete("explore_table", "column", "", known.clone()).await, json!(["region", "amount"]));
    assert_eq!(complete("explore_table", "column", "am", known.clone()).await, json!(["amount"]));
    caller.put("sales.csv", "other\n1\n").await;
    assert_eq!(complete("explore_table", "column", "", known.clone()).await, json!([]), "another version");
    caller.call("data_profile", json!({"file": "sales.csv"})).await;
    assert_eq!(complete("explore_table", "column", "", known).await, json!(["other"]));
    assert_eq!(complete("explore_table", "column", "", json!({"path": "never.csv"})).await, json!([]));
    assert_eq!(complete("explore_table", "colum", "", none()).await, json!(-32602));
    assert_eq!(complete("nothing", "path", "", none()).await, json!(-32602));
}
