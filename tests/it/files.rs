//! `/files`: conditions, ranges, limits, names, and what must not be reached.

use std::os::unix::fs::symlink;
use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{Caller, Server, kind_of, sha256};

async fn names(caller: &Caller) -> Vec<String> {
    let (status, page) = caller.json("/files").await;
    assert_eq!(status, 200, "{page}");
    let files = page["files"].as_array().expect("files");
    files.iter().map(|file| file["path"].as_str().expect("a path").to_owned()).collect()
}

#[tokio::test]
async fn a_file_comes_and_goes() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    let stored = caller.put("in/a.csv", "x\n1\n").await;
    assert_eq!((&stored["bytes"], &stored["sha256"]), (&json!(4), &json!(sha256(b"x\n1\n"))), "{stored}");
    let got = caller.get("/files/in/a.csv").await;
    let header = |name: &str| got.headers()[name].to_str().expect("text").to_owned();
    assert_eq!((header("content-type"), header("content-length")), ("text/csv".to_owned(), "4".to_owned()));
    assert_eq!(header("x-content-type-options"), "nosniff");
    let etag = header("etag");
    assert_eq!(got.bytes().await.expect("bytes"), "x\n1\n");

    let head = caller.request(Method::HEAD, "/files/in/a.csv").send().await.expect("an answer");
    assert_eq!((head.status().as_u16(), &head.headers()["content-length"]), (200, &"4".parse().expect("a header")));
    assert_eq!(head.headers()["etag"], etag.as_str());
    let known = caller.request(Method::GET, "/files/in/a.csv").header("If-None-Match", &etag).send().await;
    assert_eq!(known.expect("an answer").status(), 304);

    caller.put("b.csv", "").await;
    assert_eq!(names(&caller).await, ["b.csv", "in/a.csv"]);
    let (_, below) = caller.json("/files?prefix=in/").await;
    assert_eq!(below["files"].as_array().map(Vec::len), Some(1));
    let (_, first) = caller.json("/files?limit=1").await;
    assert_eq!((&first["files"][0]["path"], &first["more"]), (&json!("b.csv"), &json!(true)));
    let (_, second) = caller.json("/files?limit=1&after=b.csv").await;
    assert_eq!((&second["files"][0]["path"], &second["more"]), (&json!("in/a.csv"), &json!(false)));

    assert_eq!(caller.delete("/files/in/a.csv").await.status(), 204);
    assert_eq!(caller.delete("/files/in/a.csv").await.status(), 204, "twice is once");
    assert_eq!(kind_of(caller.get("/files/in/a.csv").await).await, (404, "not_found".to_owned()));
    assert_eq!(names(&caller).await, ["b.csv"]);
}

#[tokio::test]
async fn ranges_are_served_as_the_standard_says() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    caller.put("digits", "0123456789").await;
    let etag = caller.get("/files/digits").await.headers()["etag"].to_str().expect("text").to_owned();
    for (range, condition, status, body) in [
        ("bytes=2-4", None, 206, "234"),
        ("bytes=-3", None, 206, "789"),
        ("bytes=8-99", None, 206, "89"),
        ("bytes=10-", None, 416, ""),
        ("bytes=0-1,4-5", None, 200, "0123456789"),
        ("bytes=2-4", Some(etag.as_str()), 206, "234"),
        ("bytes=2-4", Some("\"other\""), 200, "0123456789"),
    ] {
        let request = caller.request(Method::GET, "/files/digits").header("Range", range);
        let request = if let Some(etag) = condition { request.header("If-Range", etag) } else { request };
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), status, "{range} {condition:?}");
        let content_range = answer.headers().get("content-range").map(|value| value.to_str().expect("text").to_owned());
        match status {
            206 => assert!(content_range.is_some_and(|text| text.ends_with("/10")), "{range}"),
            416 => assert_eq!(content_range.as_deref(), Some("bytes */10")),
            _ => assert_eq!(content_range, None),
        }
        assert_eq!(answer.text().await.expect("text"), body, "{range} {condition:?}");
    }
}

#[tokio::test]
async fn a_condition_decides_who_writes() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    let put = |header: &'static str, value: String, body: &'static str| {
        let request = caller.request(Method::PUT, "/files/a").header(header, value).body(body);
        async move { request.send().await.expect("an answer").status().as_u16() }
    };
    assert_eq!(put("If-Match", "*".into(), "0").await, 409, "there is nothing yet");
    assert_eq!(put("If-Match", "\"x\"".into(), "0").await, 409, "there is nothing yet");
    assert_eq!(put("If-None-Match", "*".into(), "1").await, 201);
    assert_eq!(put("If-None-Match", "*".into(), "2").await, 409, "it is there already");
    let first = caller.get("/files/a").await.headers()["etag"].to_str().expect("text").to_owned();
    assert_eq!(put("If-Match", format!("\"other\", {first}"), "3").await, 201, "one of several");
    for stale in [first.clone(), format!("\"other\", {first}"), format!("W/{first}")] {
        assert_eq!(put("If-Match", stale, "4").await, 409, "the first version is no more");
    }
    assert_eq!(put("If-Match", "*".into(), "5").await, 201, "any version will do");
    assert_eq!(put("If-Match", "nonsense".into(), "6").await, 409, "never just written");
    assert_eq!(caller.file("a").await, b"5");
}

#[tokio::test]
async fn what_arrives_damaged_is_not_kept() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    caller.put("a", "old").await;
    let put = |sum: String| caller.request(Method::PUT, "/files/a").header("X-Content-SHA256", sum).body("new").send();
    let wrong = kind_of(put(sha256(b"else")).await.expect("an answer")).await;
    assert_eq!(wrong, (400, "invalid_params".to_owned()));
    assert_eq!(caller.file("a").await, b"old");
    assert_eq!(put(sha256(b"new").to_uppercase()).await.expect("an answer").status(), 201);
    assert_eq!(caller.file("a").await, b"new");
}

/// Every file below `folder` that holds `needle`.
fn holding(folder: &Path, needle: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(holding(&path, needle));
        } else if std::fs::read(&path).is_ok_and(|bytes| bytes.windows(needle.len()).any(|part| part == needle)) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[tokio::test]
async fn too_large_a_file_leaves_nothing_behind() {
    let server = Server::start(&["--max-upload-bytes", "1000"]).await;
    let caller = server.caller();
    let marked = |length: usize| [b"needle".to_vec(), vec![b'x'; length - 6]].concat();
    caller.put("fits", marked(1000)).await;
    assert_eq!(caller.delete("/files/fits").await.status(), 204);
    let declared = caller.try_put("big", marked(1001)).await;
    assert_eq!(kind_of(declared).await, (413, "too_large".to_owned()));
    let pieces = [marked(900), marked(900)].map(Ok::<_, std::io::Error>);
    let chunked = caller.try_put("big", reqwest::Body::wrap_stream(futures_util::stream::iter(pieces))).await;
    assert_eq!(kind_of(chunked).await, (413, "too_large".to_owned()));
    assert!(names(&caller).await.is_empty());
    assert_eq!(holding(server.folder.path(), b"needle"), Vec::<String>::new());
}

#[tokio::test]
async fn names_may_be_in_any_language() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    let mut all = ["Übersicht 2024 – Größen.csv", "写真/日本語 🎉.csv", "100%?#&+;=.csv", "a b/c'd\".csv", ".hidden"];
    for name in all {
        let path = heavylift::view::encode(name);
        caller.put(&path, name).await;
        assert_eq!(caller.file(&path).await, name.as_bytes(), "{name}");
    }
    all.sort_unstable();
    assert_eq!(names(&caller).await, all);
}

/// Sends `request` as it stands and reads to the connection's end.
async fn raw(server: &Server, request: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).await.expect("connected");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}

const ESCAPES: [&str; 12] = [
    "../../etc/passwd",
    "a/../../../../../../../../etc/passwd",
    "%2e%2e%2f%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/etc/passwd",
    "..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
    "%252e%252e%252f..%2fetc/passwd",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "etc%00/passwd",
    "..%5c..%5cetc%5cpasswd",
    "a%0ab",
    "a//b",
];

#[tokio::test]
async fn no_name_leads_out_of_the_workspace() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    for escape in ESCAPES {
        for method in ["GET", "PUT", "DELETE"] {
            let host = server.address();
            let request = format!(
                "{method} /files/{escape} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbad"
            );
            let answer = raw(&server, &request).await;
            assert!(answer.starts_with("HTTP/1.1 4"), "{method} {escape}: {answer}");
            assert!(!answer.contains("root:"), "{method} {escape}: {answer}");
        }
    }
    for (tool, parameter, value) in [
        ("file_put", "path", "../../etc/x"),
        ("file_delete", "path", "/etc/passwd"),
        ("data_profile", "file", "../../etc/passwd"),
        ("file_preview", "file", "/etc/passwd"),
        ("file_preview", "file", "a\0b"),
        ("data_query", "sql", "select * from \"../../etc/passwd\""),
        ("data_query", "sql", "select * from '/etc/passwd'"),
    ] {
        let answer = caller.call(tool, json!({parameter: value, "content": "x"})).await;
        let answer = if tool == "file_put" { answer } else { caller.call(tool, json!({parameter: value})).await };
        assert!(answer.is_error && !answer.text.contains("root:"), "{tool} {value}: {}", answer.raw);
    }
    assert!(names(&caller).await.is_empty() && caller.jobs().await.is_empty());
}

#[tokio::test]
async fn no_link_leads_out_of_the_workspace() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    caller.put("real.csv", "a\n1\n").await;
    let outside = tempfile::tempdir().expect("temporary folder");
    std::fs::write(outside.path().join("secret.csv"), "secret\n1\n").expect("written");
    let files = server.store().join("owners/local/files");
    symlink(outside.path().join("secret.csv"), files.join("link.csv")).expect("a link");
    symlink(outside.path(), files.join("folder")).expect("a link");
    for name in ["link.csv", "folder/secret.csv"] {
        let (status, body) = caller.json(&format!("/files/{name}")).await;
        assert!((400..500).contains(&status) && !body.to_string().contains("secret\n"), "{name}: {status} {body}");
        let query = caller.call("data_query", json!({"sql": format!("select * from \"{name}\"")})).await;
        assert!(query.is_error, "{name}: {}", query.raw);
    }
    let written = caller.try_put("folder/new.csv", "x").await.status();
    assert!(written.is_client_error(), "{written}");
    assert!(!outside.path().join("new.csv").exists());
    assert_eq!(names(&caller).await, ["real.csv"]);
    caller.delete("/files/folder/secret.csv").await;
    assert!(outside.path().join("secret.csv").exists());
}

#[tokio::test]
async fn what_jobs_made_is_read_and_not_written() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    let made = caller.call("data_query", json!({"sql": "select 1 as one", "output": "csv"})).await;
    let artifact = &made.envelope.artifacts[0];
    let bytes = caller.file(&artifact.path).await;
    assert_eq!((sha256(&bytes), bytes.len() as u64), (artifact.sha256.clone(), artifact.bytes));
    let linked = artifact.download_url.as_deref().expect("a link").strip_prefix(&server.url).expect("ours").to_owned();
    assert_eq!(caller.get(&linked).await.bytes().await.expect("bytes"), bytes);
    for path in [artifact.path.as_str(), "jobs/x", "jobs/../jobs/x", "./jobs/x"] {
        assert_eq!(kind_of(caller.try_put(path, "x").await).await, (400, "invalid_params".to_owned()), "{path}");
        let put = caller.call("file_put", json!({"path": path, "content": "x"})).await;
        assert_eq!(put.raw["error"]["kind"], "invalid_params", "{path}");
    }
    assert_eq!(caller.delete(&format!("/files/{}", artifact.path)).await.status(), 400);
    assert_eq!(caller.file(&artifact.path).await, bytes);
    // The next call takes it as an input.
    let again = caller.call("data_query", json!({"sql": format!("select one + 1 from \"{}\"", artifact.path)})).await;
    assert_eq!(again.raw["rows"], json!([[2]]), "{}", again.raw);
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_the_old_file() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    caller.put("a", "old").await;
    let host = server.address();
    for head in ["Content-Length: 1000\r\n\r\nneedle", "Transfer-Encoding: chunked\r\n\r\n6\r\nneedle\r\n"] {
        let mut stream = TcpStream::connect(host).await.expect("connected");
        stream.write_all(format!("PUT /files/a HTTP/1.1\r\nHost: {host}\r\n{head}").as_bytes()).await.expect("sent");
        stream.shutdown().await.expect("closed");
        let mut answer = Vec::new();
        // The server closes once it has noticed; whether it says something first is its choice.
        drop(stream.read_to_end(&mut answer).await);
        assert!(!answer.starts_with(b"HTTP/1.1 2"), "{}", String::from_utf8_lossy(&answer));
        assert_eq!(caller.file("a").await, b"old");
    }
    let view: Value = caller.json("/files").await.1;
    assert_eq!(view["files"].as_array().map(Vec::len), Some(1));
}
