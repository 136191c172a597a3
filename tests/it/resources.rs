//! Resources: the workspace's files and what jobs left, listed, read, completed; whose they are; and lists in pages.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::harness::{Server, png, store_url};
use crate::principals::two;
use crate::wire::{Session, ask};

/// What both eras answer, which must be the same but for what only the later one has.
async fn both(session: &Session, id: u32, method: &str, params: Value) -> Value {
    let old = session.ask(id, method, &params).await;
    let mut new = ask(&session.caller, method, params).await;
    assert_eq!(new["result"]["resultType"], "complete", "{new}");
    assert!(new["result"]["ttlMs"].is_u64() && new["result"]["cacheScope"].is_string(), "{method}: {new}");
    let freshness = (new["result"]["ttlMs"].clone(), new["result"]["cacheScope"].clone());
    let mut old = old["result"].clone();
    let result = new["result"].as_object_mut().expect("a result");
    let old_result = old.as_object_mut().expect("a result");
    for only_new in ["resultType", "ttlMs", "cacheScope", "_meta"] {
        result.remove(only_new);
        old_result.remove(only_new);
    }
    assert_eq!(old, new["result"], "{method}");
    json!({"result": new["result"], "ttlMs": freshness.0, "cacheScope": freshness.1})
}

fn uris(listed: &Value) -> Vec<&str> {
    let resources = listed["result"]["resources"].as_array().expect("resources");
    resources.iter().map(|resource| resource["uri"].as_str().expect("a URI")).collect()
}

#[tokio::test]
async fn files_are_listed_and_read() {
    let mounted = tempfile::tempdir().expect("temporary folder");
    std::fs::write(mounted.path().join("m.csv"), "a\n1\n").expect("written");
    let mount = format!("data={}", store_url(mounted.path()));
    let server = Server::start(&["--mount", &mount]).await;
    let caller = server.caller();
    caller.put("in/a%20%C3%A4.txt", "größer\n").await;
    caller.put("p.png", png(4, 3)).await;
    caller.put("a.csv", "x\n1\n").await;
    let session = Session::open(&caller).await;

    let listed = both(&session, 1, "resources/list", json!({})).await;
    let names = ["files/a.csv", "files/data/m.csv", "files/in/a%20%C3%A4.txt", "files/p.png"];
    assert_eq!(uris(&listed), names.map(|name| format!("heavylift://{name}")));
    assert_eq!((&listed["ttlMs"], &listed["cacheScope"]), (&json!(0), &json!("private")));
    let first = &listed["result"]["resources"][0];
    assert_eq!((&first["name"], &first["mimeType"], &first["size"]), (&json!("a.csv"), &json!("text/csv"), &json!(4)));
    assert!(first["annotations"]["lastModified"].as_str().is_some_and(|at| at.ends_with('Z')), "{first}");

    for (uri, mime, text) in [
        ("heavylift://files/in/a%20%C3%A4.txt", "text/plain", "größer\n"),
        ("heavylift://files/data/m.csv", "text/csv", "a\n1\n"),
    ] {
        let read = both(&session, 2, "resources/read", json!({"uri": uri})).await;
        assert_eq!(read["result"]["contents"], json!([{"uri": uri, "mimeType": mime, "text": text}]));
        assert_eq!(read["cacheScope"], "private");
    }
    let uri = "heavylift://files/p.png";
    let picture = both(&session, 3, "resources/read", json!({"uri": uri})).await["result"]["contents"][0].clone();
    assert_eq!(picture["mimeType"], "image/png");
    assert_eq!(STANDARD.decode(picture["blob"].as_str().expect("a blob")).expect("base64"), png(4, 3));

    let templates = both(&session, 4, "resources/templates/list", json!({})).await;
    assert_eq!(templates["cacheScope"], "public");
    let templates = templates["result"]["resourceTemplates"].as_array().expect("templates");
    let shown: Vec<&Value> = templates.iter().map(|template| &template["uriTemplate"]).collect();
    let known = ["heavylift://files/{+path}", "heavylift://jobs/{job_id}", "heavylift://jobs/{job_id}/{+name}"];
    assert_eq!(shown, known);
    assert!(templates.iter().all(|template| template["description"].is_string() && template["title"].is_string()));
}

#[tokio::test]
async fn jobs_and_what_they_left_are_listed_and_read() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    let session = Session::open(&caller).await;
    let made = caller.call("data_query", json!({"sql": "select 6 * 7 as n", "output": "csv"})).await;
    let job = made.envelope.job_id.expect("a job");
    let next = caller.call("data_query", json!({"sql": "select 1 as n", "output": "json"})).await;
    let next = next.envelope.job_id.expect("a job");

    let listed = both(&session, 1, "resources/list", json!({})).await;
    let below = |job: &str, name: &str| format!("heavylift://jobs/{job}{name}");
    let expected = [below(&next, ""), below(&next, "/result.json"), below(&job, ""), below(&job, "/result.csv")];
    assert_eq!(uris(&listed), expected, "newest first, each with its files");
    let shown = &listed["result"]["resources"];
    assert_eq!(shown[2]["title"], "data_query succeeded");
    assert_eq!((&shown[3]["mimeType"], &shown[3]["size"]), (&json!("text/csv"), &json!(5)), "{}", shown[3]);

    let view = ask(&caller, "resources/read", json!({"uri": below(&job, "")})).await;
    let text = view["result"]["contents"][0]["text"].as_str().expect("text");
    let view: Value = serde_json::from_str(text).expect("JSON");
    assert_eq!((&view["job_id"], &view["rows"]), (&json!(job), &json!([[42]])));
    for uri in [below(&job, "/result.csv"), format!("heavylift://files/jobs/{job}/result.csv")] {
        let read = both(&session, 2, "resources/read", json!({"uri": uri})).await;
        assert_eq!(read["result"]["contents"], json!([{"uri": uri, "mimeType": "text/csv", "text": "n\n42\n"}]));
        assert!(read["ttlMs"].as_u64().is_some_and(|ttl| ttl > 0), "it never changes");
    }
}

#[tokio::test]
async fn a_large_file_is_not_read_as_a_resource() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    let session = Session::open(&caller).await;
    caller.put("fits.txt", "x".repeat(1 << 20)).await;
    caller.put("large.txt", "x".repeat((1 << 20) + 1)).await;
    let fits = ask(&caller, "resources/read", json!({"uri": "heavylift://files/fits.txt"})).await;
    assert_eq!(fits["result"]["contents"][0]["text"].as_str().map(str::len), Some(1 << 20));
    let params = json!({"uri": "heavylift://files/large.txt"});
    for refused in
        [ask(&caller, "resources/read", params.clone()).await, session.ask(1, "resources/read", &params).await]
    {
        assert_eq!(
            (&refused["error"]["code"], &refused["error"]["data"]["kind"]),
            (&json!(-32602), &json!("too_large"))
        );
        let message = refused["error"]["message"].as_str().expect("a message");
        assert!(message.contains("file_preview") && message.contains("file_list"), "{message}");
    }
}

#[tokio::test]
async fn anothers_and_bad_addresses_are_as_if_not_there() {
    let (_server, ada, bob) = two(&[]).await;
    ada.put("secret.csv", "a\n1\n").await;
    let made = ada.call("data_query", json!({"sql": "select 1 as n", "output": "csv"})).await;
    let job = made.envelope.job_id.expect("a job");
    let session = Session::open(&bob).await;
    assert_eq!(ask(&bob, "resources/list", json!({})).await["result"]["resources"], json!([]));
    let absent = "0".repeat(26);
    for uri in [
        "heavylift://files/secret.csv",
        "heavylift://files/never.csv",
        &format!("heavylift://jobs/{job}"),
        &format!("heavylift://jobs/{absent}"),
        &format!("heavylift://jobs/{job}/result.csv"),
        &format!("heavylift://jobs/{absent}/result.csv"),
        &format!("heavylift://files/jobs/{job}/result.csv"),
        "heavylift://files/../ada/files/secret.csv",
        "heavylift://files/%2e%2e/%2e%2e/ada/files/secret.csv",
        "heavylift://files/a%2Fb",
        "heavylift://files/%zz",
        "heavylift://files//etc/passwd",
        "file:///etc/passwd",
        "not a uri",
    ] {
        let new = ask(&bob, "resources/read", json!({"uri": uri})).await;
        let old = session.ask(1, "resources/read", &json!({"uri": uri})).await;
        let message = format!("there is no resource {uri}; see resources/list");
        let error = |code: i32| json!({"code": code, "message": message, "data": {"uri": uri}});
        assert_eq!((&new["error"], &old["error"]), (&error(-32602), &error(-32002)), "{uri}");
    }
    for path in ["ada", "secret", "jobs/", "../"] {
        let reference = json!({"type": "ref/resource", "uri": "heavylift://files/{+path}"});
        let params = json!({"ref": reference, "argument": {"name": "path", "value": path}});
        let values = ask(&bob, "completion/complete", params).await["result"]["completion"]["values"].clone();
        assert_eq!(values, json!([]), "{path}");
    }
}

#[tokio::test]
async fn lists_come_in_pages() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    let session = Session::open(&caller).await;
    for number in 0..205 {
        caller.put(&format!("f/{number:03}.txt"), "x").await;
    }
    for number in 0..3 {
        caller.call("data_query", json!({"sql": format!("select {number} as n")})).await;
    }
    let (mut seen, mut cursor, mut sizes) = (Vec::new(), Value::Null, Vec::new());
    loop {
        let params = if cursor.is_null() { json!({}) } else { json!({"cursor": cursor}) };
        let page = both(&session, 1, "resources/list", params).await;
        assert_eq!(page["cacheScope"], "private", "the same on every page");
        sizes.push(uris(&page).len());
        seen.extend(uris(&page).into_iter().map(str::to_owned));
        cursor = page["result"]["nextCursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(sizes, [100, 100, 11], "205 files, three jobs with a file each");
    let files: Vec<String> = (0..205).map(|number| format!("heavylift://files/f/{number:03}.txt")).collect();
    assert_eq!(seen[..205], files);
    let unique: std::collections::BTreeSet<&String> = seen.iter().collect();
    assert_eq!(unique.len(), 211, "everything once");

    for method in ["resources/list", "resources/templates/list", "prompts/list", "tools/list"] {
        for bad in ["?", "bm9uZQ", "OTk6eA", "MTpub25l", ""] {
            let params = json!({"cursor": bad});
            let answers = [ask(&caller, method, params.clone()).await, session.ask(2, method, &params).await];
            for answer in answers {
                // Lists that are in order of name can go on after any name; those of resources name a place.
                let fine = method != "resources/list" && bad != "?";
                assert!(fine || answer["error"]["code"] == -32602, "{method} {bad:?}: {answer}");
            }
        }
    }
}

#[tokio::test]
async fn variables_of_templates_are_completed() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    let session = Session::open(&caller).await;
    for number in 0..120 {
        caller.put(&format!("many/{number:03}.txt"), "x").await;
    }
    caller.put("a.csv", "x\n1\n").await;
    let made = caller.call("data_query", json!({"sql": "select 1 as n", "output": "csv"})).await;
    let job = made.envelope.job_id.expect("a job");
    let complete = async |template: &str, name: &str, value: &str, known: Value| {
        let reference = json!({"type": "ref/resource", "uri": template});
        let argument = json!({"name": name, "value": value});
        let params = json!({"ref": reference, "argument": argument, "context": {"arguments": known}});
        let old = session.ask(1, "completion/complete", &params).await;
        let new = ask(&caller, "completion/complete", params).await;
        assert_eq!(old["result"]["completion"], new["result"]["completion"]);
        (new["result"]["completion"].clone(), new["error"].clone())
    };
    let files = "heavylift://files/{+path}";
    let (found, _) = complete(files, "path", "a", json!({})).await;
    assert_eq!(found, json!({"values": ["a.csv"], "total": 1, "hasMore": false}));
    let (found, _) = complete(files, "path", "many/", json!({})).await;
    assert_eq!((found["values"].as_array().map(Vec::len), &found["hasMore"]), (Some(100), &json!(true)));
    let (found, _) = complete("heavylift://jobs/{job_id}", "job_id", &job[..3], json!({})).await;
    assert_eq!(found["values"], json!([job]));
    let artifact = "heavylift://jobs/{job_id}/{+name}";
    let (found, _) = complete(artifact, "name", "res", json!({"job_id": job})).await;
    assert_eq!(found["values"], json!(["result.csv"]));
    let (found, _) = complete(artifact, "name", "", json!({})).await;
    assert_eq!(found["values"], json!([]), "of which job is not known");
    for (template, name) in [("heavylift://nothing/{x}", "x"), (files, "nothing")] {
        let (_, error) = complete(template, name, "", json!({})).await;
        assert_eq!(error["code"], -32602, "{template} {name}");
    }
}
