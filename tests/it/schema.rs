//! What a tool gives fits what its `outputSchema` promises: several clients check, and drop what does not.

use serde_json::{Map, Value, json};

use crate::harness::{Server, png};
use crate::wire::{newest, reply};

/// The faults of `value` against the parts of JSON Schema that our schemas use.
fn faults(value: &Value, schema: &Value, at: &str) -> Vec<String> {
    let Some(schema) = schema.as_object() else { return Vec::new() };
    let mut found = Vec::new();
    if !fits_type(value, schema) {
        found.push(format!("{at}: {value:.80} is no {}", schema["type"]));
    }
    if let Some(choices) = schema.get("oneOf").and_then(Value::as_array)
        && !choices.iter().any(|choice| faults(value, choice, at).is_empty())
    {
        found.push(format!("{at}: {value:.80} is none of {choices:?}"));
    }
    if schema.get("const").is_some_and(|wanted| wanted != value) {
        found.push(format!("{at}: {value:.80} is not {}", schema["const"]));
    }
    if let Some(object) = value.as_object() {
        found.extend(faults_of_object(object, schema, at));
    }
    if let (Some(items), Some(schema)) = (value.as_array(), schema.get("items")) {
        found
            .extend(items.iter().enumerate().flat_map(|(index, item)| faults(item, schema, &format!("{at}[{index}]"))));
    }
    found
}

fn faults_of_object(object: &Map<String, Value>, schema: &Map<String, Value>, at: &str) -> Vec<String> {
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let missing = required.filter(|name| !object.contains_key(*name)).map(|name| format!("{at}: {name} is missing"));
    let mut found: Vec<String> = missing.collect();
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return found };
    for (name, value) in object {
        match properties.get(name) {
            Some(schema) => found.extend(faults(value, schema, &format!("{at}.{name}"))),
            None => found.push(format!("{at}: {name} is not described")),
        }
    }
    found
}

fn fits_type(value: &Value, schema: &Map<String, Value>) -> bool {
    let fits = |name: &Value| match name.as_str() {
        Some("null") => value.is_null(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("string") => value.is_string(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => false,
    };
    match schema.get("type") {
        None => true,
        Some(Value::Array(names)) => names.iter().any(fits),
        Some(name) => fits(name),
    }
}

#[tokio::test]
async fn every_result_fits_its_schema() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    caller.put("t.csv", "a,b\n1,x\n2,\n").await;
    caller.put("p.png", png(8, 6)).await;
    caller.put("broken.png", "no picture").await;
    let listed = reply(newest(&caller, "tools/list", json!({})).send().await.expect("an answer")).await;
    let mcp = caller.connect(heavylift::cli::client::Era::Newest).await;
    let first = mcp.call("data_query", json!({"sql": "select * from t"})).await;
    let job = first.envelope.job_id.expect("a job");
    let grey = json!([{"op": "grayscale"}]);
    let calls = [
        ("data_query", json!({"sql": "select * from t"})),
        ("data_query", json!({"sql": "select 1/0 as x, [1, 2] as l, {'a': null} as s, 'NaN'::double as n"})),
        ("data_query", json!({"sql": "select missing from t"})),
        ("data_query", json!({"sql": "select 2 as x", "wait_seconds": 0})),
        ("data_profile", json!({"file": "t.csv"})),
        ("file_preview", json!({"file": "t.csv"})),
        ("file_preview", json!({"file": "p.png"})),
        ("image_process", json!({"files": ["*.png"], "operations": grey})),
        ("image_process", json!({"files": ["broken.png"], "operations": grey})),
        ("file_list", json!({})),
        ("file_list", json!({"links": true})),
        ("file_upload_link", json!({"path": "in/"})),
        ("file_put", json!({"path": "n.txt", "content": "x"})),
        ("file_delete", json!({"path": "n.txt"})),
        ("job_status", json!({"job_id": job})),
        ("job_wait", json!({"job_id": job})),
        ("job_list", json!({})),
        ("job_cancel", json!({"job_id": job})),
        ("server_info", json!({})),
    ];
    let tools = listed["result"]["tools"].as_array().expect("tools");
    for tool in tools {
        assert!(calls.iter().any(|(name, _)| tool["name"] == *name), "{} is not tried here", tool["name"]);
    }
    for (name, arguments) in calls {
        let schema = &tools.iter().find(|tool| tool["name"] == name).expect("a listed tool")["outputSchema"];
        let answer = mcp.call(name, arguments.clone()).await;
        assert_eq!(faults(&answer.raw, schema, name), Vec::<String>::new(), "{name} {arguments}: {}", answer.raw);
    }
}

#[test]
fn the_check_finds_faults() {
    let schema = json!({"type": "object", "required": ["a"], "properties": {"a": {"type": ["integer", "null"]}}});
    assert!(faults(&json!({"a": null}), &schema, "x").is_empty());
    for bad in [json!({}), json!({"a": "text"}), json!({"a": 1, "b": 2}), json!([])] {
        assert!(!faults(&bad, &schema, "x").is_empty(), "{bad}");
    }
}
