//! Who is let in, and that two principals never meet: not in files, jobs, events, lists or sessions.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::harness::{Caller, ERAS, Server, keys, kind_of};
use crate::wire::{Session, call, newest, reply};

/// A server that knows Ada and Bob.
pub(crate) async fn two(flags: &[&str]) -> (Server, Caller, Caller) {
    let folder = Arc::new(tempfile::tempdir().expect("temporary folder"));
    let (file, secrets) = keys(folder.path(), &["ada", "bob"]).await;
    let server = Server::start_in(folder, &[&["--api-keys", file.as_str()], flags].concat()).await;
    let (ada, bob) = (server.caller_with(&secrets[0]), server.caller_with(&secrets[1]));
    (server, ada, bob)
}

#[tokio::test]
async fn only_a_known_key_opens() {
    let (server, ada, _) = two(&[]).await;
    let nobody = server.caller();
    let key = ada.key.as_deref().expect("a key");
    for path in ["/jobs", "/files", "/files/x"] {
        let refused = nobody.get(path).await;
        assert_eq!(
            (refused.status().as_u16(), refused.headers().contains_key("www-authenticate")),
            (401, true),
            "{path}"
        );
        assert_eq!(server.caller_with("hl_wrong").get(path).await.status(), 401, "{path}");
    }
    let refused = newest(&nobody, "tools/list", json!({})).send().await.expect("an answer");
    assert_eq!((refused.status().as_u16(), refused.headers().contains_key("www-authenticate")), (401, true));
    for path in ["/healthz", "/readyz"] {
        assert_eq!(nobody.get(path).await.status(), 200, "{path} is for probes");
    }
    assert_eq!(ada.get("/jobs").await.status(), 200);
    let bearer = nobody.request(reqwest::Method::GET, "/jobs").bearer_auth(key).send().await.expect("an answer");
    assert_eq!(bearer.status(), 200);
    for who in [ada.clone(), Caller::new(&server.url, Some(key))] {
        assert_eq!(who.call("server_info", json!({})).await.raw["principal"], "ada");
    }
    assert!(!server.log().contains(key), "keys stay out of the log");
}

#[tokio::test]
async fn a_refused_client_is_told_so() {
    let (server, ..) = two(&[]).await;
    for era in ERAS {
        let refused = heavylift::cli::client::Server::new(&server.url, Some("hl_wrong")).expect("an address");
        let error = Box::pin(refused.connect(era)).await.err().expect("no entry");
        assert!(error.to_string().contains("API key"), "{error}");
    }
}

/// What a principal sees of the file and job of another, and of ones that do not exist: the same, but for the name.
async fn looks_absent(who: &Caller, real: &str, absent: &str, path: &str) {
    let (there, nowhere) = (who.json(&path.replace('@', real)).await, who.json(&path.replace('@', absent)).await);
    let unnamed = |(status, body): (u16, Value), name: &str| (status, body.to_string().replace(name, "@"));
    let (there, nowhere) = (unnamed(there, real), unnamed(nowhere, absent));
    assert_eq!(there.0, 404, "{path}: {}", there.1);
    assert_eq!(there, nowhere, "{path}");
}

#[tokio::test]
async fn over_http_another_is_as_if_they_did_not_exist() {
    let (_server, ada, bob) = two(&[]).await;
    ada.put("secret.csv", "a\n1\n").await;
    let made = ada.call("data_query", json!({"sql": "select a from secret", "output": "csv"})).await;
    let job = made.envelope.job_id.clone().expect("a job");
    let absent = "0".repeat(26);
    looks_absent(&bob, "secret.csv", "absent.csv", "/files/@").await;
    for path in ["/jobs/@", "/jobs/@?wait_seconds=60", "/jobs/@/events", "/files/jobs/@/result.csv"] {
        looks_absent(&bob, &job, &absent, path).await;
    }
    assert_eq!(kind_of(bob.delete(&format!("/jobs/{job}")).await).await, (404, "not_found".to_owned()));
    assert!(bob.jobs().await.is_empty());
    assert_eq!(bob.json("/files").await.1["files"], json!([]));
    // The same name is another file, and deleting it harms nobody.
    assert_eq!(bob.delete("/files/secret.csv").await.status(), 204);
    bob.put("secret.csv", "b\n2\n").await;
    assert_eq!(ada.file("secret.csv").await, b"a\n1\n");
    assert_eq!(ada.file(&format!("jobs/{job}/{}", made.envelope.artifacts[0].name)).await, b"a\n1\n");
    let (_, after) = bob.json(&format!("/jobs?after={job}")).await;
    assert_eq!(after["jobs"].as_array().map_or(0, Vec::len), 0, "{after}");
}

#[tokio::test]
async fn over_mcp_another_is_as_if_they_did_not_exist() {
    let (_server, ada, bob) = two(&[]).await;
    ada.put("secret.csv", "a\n1\n").await;
    let made = ada.call("data_query", json!({"sql": "select a from secret", "idempotency_key": "k"})).await;
    let job = made.envelope.job_id.clone().expect("a job");
    let artifact = made.envelope.artifacts[0].path.clone();
    for era in ERAS {
        let bob = bob.connect(era).await;
        for tool in ["job_status", "job_wait", "job_cancel"] {
            let answer = bob.call(tool, json!({"job_id": job})).await;
            assert_eq!(answer.raw["error"]["kind"], "not_found", "{tool}: {}", answer.raw);
        }
        assert_eq!(bob.call("job_list", json!({})).await.raw["jobs"], json!([]));
        assert_eq!(bob.call("file_list", json!({})).await.raw["files"], json!([]));
        for sql in ["select a from secret".to_owned(), format!("select a from \"{artifact}\"")] {
            let answer = bob.call("data_query", json!({"sql": sql, "idempotency_key": "k"})).await;
            assert_eq!((answer.is_error, &answer.raw["error"]["kind"]), (true, &json!("not_found")), "{}", answer.raw);
        }
        for tool in ["file_preview", "data_profile"] {
            let answer = bob.call(tool, json!({"file": "secret.csv"})).await;
            assert_eq!(answer.raw["error"]["kind"], "not_found", "{tool}: {}", answer.raw);
        }
        let deleted = bob.call("file_delete", json!({"path": "secret.csv"})).await;
        assert_eq!(deleted.raw["error"]["kind"], "not_found");
    }
    // The key is each principal's own.
    let own = bob.call("data_query", json!({"sql": "select 2", "idempotency_key": "k"})).await;
    assert!(own.raw["rows"] == json!([[2]]) && own.envelope.job_id.as_deref() != Some(job.as_str()), "{}", own.raw);
    assert_eq!(ada.call("job_status", json!({"job_id": job})).await.raw["status"], "succeeded");
}

#[tokio::test]
async fn a_session_is_its_owners_alone() {
    let (server, ada, bob) = two(&[]).await;
    let session = Session::open(&ada).await;
    let list = call("job_list", &json!({}), None);
    let stranger = |who: &Caller| session.request_by(who, 1, "tools/call", &list);
    assert_eq!(stranger(&bob).send().await.expect("an answer").status(), 404, "as a session that does not exist");
    assert_eq!(stranger(&server.caller()).send().await.expect("an answer").status(), 401);
    for method in [reqwest::Method::GET, reqwest::Method::DELETE] {
        let request = bob.request(method.clone(), "/mcp").header("Mcp-Session-Id", &session.id);
        let request = request.header("Accept", "text/event-stream").header("MCP-Protocol-Version", "2025-11-25");
        for request in [request.try_clone().expect("no body"), request.header("Last-Event-ID", "0")] {
            assert_eq!(request.send().await.expect("an answer").status(), 404, "{method}");
        }
    }
    let own = session.request(2, "tools/call", &list).send().await.expect("an answer");
    assert_eq!(reply(own).await["result"]["structuredContent"]["jobs"], json!([]), "the owner's goes on");
    let end = ada.request(reqwest::Method::DELETE, "/mcp").header("Mcp-Session-Id", &session.id);
    assert!(end.send().await.expect("an answer").status().is_success());
    assert_eq!(session.request(3, "tools/call", &list).send().await.expect("an answer").status(), 404, "it is over");
}

#[tokio::test]
async fn an_open_address_needs_a_lock() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let store = crate::harness::store_url(folder.path());
    let refused = crate::harness::run(&["serve", "--addr", "0.0.0.0:0", "--store", &store]).await;
    let said = crate::harness::complained(&refused);
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("--api-keys") && said.contains("--allow-anonymous"), "{said}");
    let (_open, ..) = two(&["--addr", "0.0.0.0:0"]).await;
}
