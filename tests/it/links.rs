//! Signed links: what opens without an API key, for whom, until when; and the page for uploads as programs see it.

use std::sync::Arc;
use std::time::Duration;

use actors::ports::memory::ManualClock;
use heavylift::links::{LinkKey, Links};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::harness::{Caller, Server, kind_of, sha256, status_and_json};
use crate::principals::two;

/// Somebody without a key who asks for a whole address.
async fn ask(method: Method, url: &str) -> Response {
    Caller::new(url, None).request(method, "").send().await.expect("an answer")
}

async fn put(url: &str, body: impl Into<reqwest::Body>) -> Response {
    Caller::new(url, None).request(Method::PUT, "").body(body).send().await.expect("an answer")
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} of {value}"))
}

async fn upload_link(caller: &Caller, arguments: Value) -> Value {
    let answer = caller.call("file_upload_link", arguments).await;
    assert!(!answer.is_error, "{}", answer.raw);
    answer.raw
}

async fn paths(caller: &Caller) -> Vec<String> {
    let listed = caller.call("file_list", json!({})).await.raw;
    let files = listed["files"].as_array().expect("files");
    files.iter().map(|file| text(file, "path").to_owned()).collect()
}

#[tokio::test]
async fn an_artifact_is_downloaded_without_a_key() {
    let (server, ada, bob) = two(&[]).await;
    let made = ada.call("data_query", json!({"sql": "select x from range(9) t(x)", "output": "csv"})).await;
    let artifact = &made.raw["artifacts"][0];
    let (url, sum) = (text(artifact, "download_url"), text(artifact, "sha256"));
    let whole = ask(Method::GET, url).await;
    assert_eq!(whole.status(), 200);
    assert_eq!(sha256(&whole.bytes().await.expect("bytes")), sum);
    let head = ask(Method::HEAD, url).await;
    assert_eq!((head.status().as_u16(), head.headers()["content-length"].to_str().ok()), (200, Some("20")));
    let part = Caller::new(url, None).request(Method::GET, "").header("Range", "bytes=0-1").send().await;
    let part = part.expect("an answer");
    assert_eq!((part.status().as_u16(), part.text().await.expect("text").as_str()), (206, "x\n"));
    for method in [Method::PUT, Method::DELETE, Method::POST] {
        assert_eq!(ask(method.clone(), url).await.status(), 401, "{method}");
    }
    // It is good for nothing else of hers, and for nothing of anybody else's.
    let token = url.split_once("?link=").expect("signed").1;
    ada.put("other.csv", "a\n1\n").await;
    bob.put("other.csv", "b\n2\n").await;
    for path in ["/files/other.csv", "/files/absent.csv"] {
        let refused = ask(Method::GET, &format!("{}{path}?link={token}", server.url)).await;
        assert_eq!(kind_of(refused).await, (404, "not_found".to_owned()), "{path}");
    }
    for path in ["/files", "/jobs", "/mcp"] {
        assert_eq!(ask(Method::GET, &format!("{}{path}?link={token}", server.url)).await.status(), 401, "{path}");
    }
    let of_bob = ask(Method::GET, &url.replacen("?link=ada.", "?link=bob.", 1)).await;
    assert_eq!(kind_of(of_bob).await, (404, "not_found".to_owned()));
}

#[tokio::test]
async fn what_was_tampered_with_is_as_what_never_was() {
    let (server, ada, _) = two(&[]).await;
    ada.put("secret.csv", "a\n1\n").await;
    let listed = ada.call("file_list", json!({"links": true})).await.raw;
    let url = text(&listed["files"][0], "download_url");
    assert_eq!(ask(Method::GET, url).await.text().await.expect("text"), "a\n1\n");
    let put_url = text(&upload_link(&ada, json!({"path": "in/"})).await, "put_url").to_owned();
    let never = status_and_json(ask(Method::GET, &format!("{}/files/x?link=x", server.url)).await).await;
    assert_eq!(never.0, 404);
    let last = |url: &str| url[..url.len() - 1].to_owned() + if url.ends_with('A') { "Q" } else { "A" };
    for tampered in
        [last(url), url.replace("secret", "secre"), url.replace("ada.", "eve."), put_url.replace("/in/", "/")]
    {
        assert_eq!(status_and_json(ask(Method::GET, &tampered).await).await, never, "{tampered}");
    }
    for tampered in [put_url.replace("/in/", "/out/x"), put_url.replace("/u/ada.", "/u/bob.") + "x"] {
        assert_eq!(status_and_json(put(&tampered, "x").await).await, never, "{tampered}");
    }
    assert_eq!(paths(&ada).await, ["secret.csv"]);
    // Whoever holds a link to a file that is gone is told so, and not what else there is.
    assert_eq!(ada.delete("/files/secret.csv").await.status(), 204);
    ada.put("secret2.csv", "a\n1\n").await;
    let (status, body) = status_and_json(ask(Method::GET, url).await).await;
    assert!(status == 404 && !body.to_string().contains("secret2"), "{body}");
}

/// The links that the server of this store made `ago`.
fn links_of(server: &Server, ago: Duration) -> Links {
    let key = std::fs::read(server.store().join("server/link-key")).expect("the key of links");
    let clock = Arc::new(ManualClock::new(OffsetDateTime::now_utc() - ago));
    Links::new(LinkKey::new(&key), server.url.clone(), true, Duration::from_hours(1), clock)
}

#[tokio::test]
async fn a_link_that_is_over_says_so_to_people_and_programs() {
    let (server, ada, _) = two(&[]).await;
    ada.put("a.csv", "a\n1\n").await;
    let owner = "ada".parse().expect("a name");
    let day = Duration::from_hours(24);
    let (then, old) = (OffsetDateTime::now_utc() - day, links_of(&server, day));
    let get = old.download(&owner, "a.csv", None, then).url;
    let page = old.upload(&owner, &"in/".parse().expect("a folder"), day, 1000).url;
    for (url, remedy) in [(get, "file_list"), (page, "file_upload_link")] {
        let (status, body) = status_and_json(ask(Method::GET, &url).await).await;
        let error = &body["error"];
        assert_eq!((status, text(error, "kind"), &error["retryable"]), (410, "expired", &json!(false)));
        assert!(text(error, "message").contains(remedy), "{body}");
        let request = Caller::new(&url, None).request(Method::GET, "").header("Accept", "text/html,*/*;q=0.8");
        let shown = request.send().await.expect("an answer");
        assert_eq!(
            (shown.status().as_u16(), shown.headers()["content-type"].to_str().ok()),
            (410, Some("text/html; charset=utf-8"))
        );
        assert!(shown.text().await.expect("text").contains("ask for a new one"));
    }
    let put_url = old.upload(&owner, &"a.csv".parse().expect("a file"), day, 1000).url;
    assert_eq!(kind_of(put(&put_url, "new").await).await, (410, "expired".to_owned()));
    assert_eq!(ada.file("a.csv").await, b"a\n1\n");
    let fresh = links_of(&server, Duration::ZERO).download(&owner, "a.csv", None, OffsetDateTime::now_utc()).url;
    assert_eq!(ask(Method::GET, &fresh).await.status(), 200, "it was their time and nothing else");
}

#[tokio::test]
async fn a_file_is_put_by_a_link_and_nothing_else_is() {
    let (server, ada, bob) = two(&["--max-upload-bytes", "1000"]).await;
    let link = upload_link(&ada, json!({"path": "in/big.csv", "expires_seconds": 60, "max_bytes": 10})).await;
    let url = text(&link, "put_url");
    assert_eq!((&link["path"], &link["max_bytes"]), (&json!("in/big.csv"), &json!(10)));
    assert!(text(&link, "curl").contains(&format!("curl -T FILE '{url}'")), "{link}");
    let (status, stored) = status_and_json(put(url, "a\n1\n").await).await;
    assert_eq!((status, &stored["path"], &stored["sha256"]), (201, &json!("in/big.csv"), &json!(sha256(b"a\n1\n"))));
    assert_eq!(ada.file("in/big.csv").await, b"a\n1\n");
    assert_eq!((paths(&ada).await, paths(&bob).await), (vec!["in/big.csv".to_owned()], Vec::new()));
    let sum = ada.call("data_query", json!({"sql": "select sum(a) from big"})).await;
    assert_eq!(sum.raw["rows"], json!([[1]]));

    assert_eq!(kind_of(put(url, "0123456789x").await).await, (413, "too_large".to_owned()));
    for other in [format!("{url}/x"), format!("{url}x"), url.replace("big", "other")] {
        assert_eq!(kind_of(put(&other, "x").await).await, (404, "not_found".to_owned()), "{other}");
    }
    // A right to put is none to read or to delete.
    for method in [Method::DELETE, Method::POST] {
        assert!(ask(method.clone(), url).await.status().is_client_error(), "{method}");
    }
    let token = url.split('/').nth(4).expect("a token");
    let read = ask(Method::GET, &format!("{}/files/in/big.csv?link={token}", server.url)).await;
    assert_eq!(kind_of(read).await, (404, "not_found".to_owned()));
    assert_eq!(paths(&ada).await, ["in/big.csv"]);
}

#[tokio::test]
async fn a_folder_takes_files_by_their_own_names() {
    let (server, ada, _) = two(&[]).await;
    ada.put("photos/old.jpg", "old").await;
    let link = upload_link(&ada, json!({"path": "photos"})).await;
    assert_eq!(link["path"], "photos/", "it is a folder: there is something in it");
    let url = text(&link, "put_url");
    for name in ["a.jpg", "2024/b%20%C3%BC.jpg"] {
        assert_eq!(put(&format!("{url}{name}"), "new").await.status(), 201, "{name}");
    }
    assert_eq!(paths(&ada).await, ["photos/2024/b ü.jpg", "photos/a.jpg", "photos/old.jpg"]);
    assert_eq!(kind_of(put(url, "x").await).await, (400, "invalid_params".to_owned()), "a folder is no file");
    for out in ["../x", "%2e%2e/x", "a/../../x"] {
        let answer = put(&format!("{url}{out}"), "x").await.status();
        assert!(answer.is_client_error(), "{out}: {answer}");
    }
    let everything = upload_link(&ada, json!({"path": "/"})).await;
    assert_eq!(put(&format!("{}x.csv", text(&everything, "put_url")), "x").await.status(), 201);
    assert_eq!(kind_of(put(&format!("{}jobs/x", text(&everything, "put_url")), "x").await).await.0, 400);
    assert_eq!(paths(&ada).await.len(), 4);
    assert!(!server.folder.path().join("store/owners/ada/files/jobs").exists());
}

#[tokio::test]
async fn links_are_refused_that_could_not_be_kept() {
    let (_server, ada, _) = two(&["--link-ttl", "1h", "--max-upload-bytes", "1000"]).await;
    for (arguments, named) in [
        (json!({"path": "../x"}), ".."),
        (json!({"path": "jobs/x"}), "jobs/"),
        (json!({"path": "a", "expires_seconds": 3601}), "3600"),
        (json!({"path": "a", "expires_seconds": 0}), "expires_seconds"),
        (json!({"path": "a", "max_bytes": 1001}), "1000"),
    ] {
        let answer = ada.call("file_upload_link", arguments.clone()).await;
        assert_eq!(answer.raw["error"]["kind"], "invalid_params", "{arguments}: {}", answer.raw);
        assert!(text(&answer.raw["error"], "message").contains(named), "{}", answer.raw);
    }
}

#[tokio::test]
async fn the_upload_page_is_closed_to_all_else() {
    let (_server, ada, _) = two(&[]).await;
    let link = upload_link(&ada, json!({"path": "in/"})).await;
    let page = ask(Method::GET, text(&link, "page_url")).await;
    assert_eq!(page.status(), 200);
    let header = |name: &str| page.headers()[name].to_str().expect("text").to_owned();
    let policy = header("content-security-policy");
    for part in ["default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'"] {
        assert!(policy.contains(part) && !policy.contains("unsafe"), "{policy}");
    }
    assert_eq!((header("referrer-policy").as_str(), header("cache-control").as_str()), ("no-referrer", "no-store"));
    // Its own page may put files there, another's may not.
    let url = format!("{}a.csv", text(&link, "put_url"));
    let own = Caller::new(&url, None).url.split("/u/").next().expect("the server").to_owned();
    for (origin, status) in [(own.as_str(), 201), ("https://evil.example", 403)] {
        let request = Caller::new(&url, None).request(Method::PUT, "").header("Origin", origin).body("x");
        assert_eq!(request.send().await.expect("an answer").status(), status, "{origin}");
    }
    let foreign = Caller::new(&url, None).request(Method::GET, "").header("Host", "evil.example");
    assert_eq!(foreign.send().await.expect("an answer").status(), 403, "whoever holds a link comes by our address");
}

#[tokio::test]
async fn without_keys_downloads_are_plain_and_uploads_bound() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    let made = caller.call("data_query", json!({"sql": "select 1 as a", "output": "csv"})).await;
    let artifact = &made.raw["artifacts"][0];
    assert_eq!(text(artifact, "download_url"), format!("{}/files/{}", server.url, text(artifact, "path")));
    let link = upload_link(&caller, json!({"path": "a.csv", "max_bytes": 4})).await;
    assert_eq!(put(text(&link, "put_url"), "a\n1\n").await.status(), 201);
    assert_eq!(kind_of(put(text(&link, "put_url"), "a\n10\n").await).await, (413, "too_large".to_owned()));
    assert_eq!(caller.file("a.csv").await, b"a\n1\n");
}

#[tokio::test]
async fn links_outlive_the_process_and_not_their_owners_key() {
    let (server, ada, _) = two(&[]).await;
    ada.put("a.csv", "a\n1\n").await;
    let listed = ada.call("file_list", json!({"links": true})).await.raw;
    let path = text(&listed["files"][0], "download_url").strip_prefix(&server.url).expect("ours").to_owned();
    let key = std::fs::read(server.store().join("server/link-key")).expect("the key of links");
    let log = server.log();
    for spelled in [tools::context::hex(&key), String::from_utf8_lossy(&key).into_owned()] {
        assert!(!log.contains(&spelled), "the key stays out of the log");
    }
    let file = server.folder.path().join("keys.toml").display().to_string();
    let folder = server.kill().await;
    let again = Server::start_in(Arc::clone(&folder), &["--api-keys", &file]).await;
    assert_eq!(again.caller().get(&path).await.text().await.expect("text"), "a\n1\n");
    drop(again);
    let left = std::fs::read_to_string(&file).expect("the keys").replace("\"ada\"", "\"carl\"");
    std::fs::write(&file, left).expect("written");
    let without = Server::start_in(folder, &["--api-keys", &file]).await;
    assert_eq!(kind_of(without.caller().get(&path).await).await, (404, "not_found".to_owned()));
}
