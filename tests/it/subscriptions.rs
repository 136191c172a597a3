//! Who hears of which change: `subscriptions/listen` of 2026-07-28, a session's own stream before it, and two servers on one
//! store.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Caller, ENDLESS, Server, store_url};
use crate::principals::two;
use crate::site::Site;
use crate::wire::{Events, Session, ask, newest};

const ID: &str = "io.modelcontextprotocol/subscriptionId";

/// Opens a stream and reads its acknowledgement.
async fn listen(caller: &Caller, notifications: Value) -> (Events, Value) {
    let params = json!({"notifications": notifications});
    let mut events = Events::of(newest(caller, "subscriptions/listen", params).send().await.expect("an answer"));
    let first = events.next().await.expect("an acknowledgement").data;
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged", "{first}");
    assert_eq!(first["params"]["_meta"][ID], 1);
    (events, first["params"]["notifications"].clone())
}

/// The next word on a stream of `listen`: its method without the beginning, and its URI.
async fn heard(events: &mut Events) -> (String, Value) {
    let note = events.next().await.expect("a note").data;
    assert_eq!(note["params"]["_meta"][ID], 1, "{note}");
    word(&note)
}

fn word(note: &Value) -> (String, Value) {
    let method = note["method"].as_str().unwrap_or_else(|| panic!("{note} is no note"));
    (method.trim_start_matches("notifications/").to_owned(), note["params"]["uri"].clone())
}

fn updated(uri: &str) -> (String, Value) {
    ("resources/updated".to_owned(), json!(uri))
}

fn list_changed() -> (String, Value) {
    ("resources/list_changed".to_owned(), Value::Null)
}

#[tokio::test]
async fn a_listener_hears_what_it_asked_for() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    let uri = "heavylift://files/in/a%20b.csv";
    // Spelled otherwise, it is the same file, and told by the name that the client gave.
    let own = "heavylift://files/in/%61%20b.csv";
    let bad = "heavylift://files/../x";
    let (mut both, granted) = listen(
        &caller,
        json!({"resourcesListChanged": true, "toolsListChanged": true, "promptsListChanged": true,
            "resourceSubscriptions": [uri, own, bad, "test://x"]}),
    )
    .await;
    let expected = json!({"resourcesListChanged": true, "toolsListChanged": true, "promptsListChanged": true,
        "resourceSubscriptions": [uri, own]});
    assert_eq!(granted, expected, "what can be no resource is left out");
    let (mut one, granted) = listen(&caller, json!({"resourceSubscriptions": [uri]})).await;
    assert_eq!(granted, json!({"resourceSubscriptions": [uri]}));

    caller.put("other.csv", "a\n").await;
    assert_eq!(heard(&mut both).await, list_changed());
    caller.put("in/a%20b.csv", "a\n1\n").await;
    // A list may be told of before or after what is in it.
    let mut words = [heard(&mut both).await, heard(&mut both).await, heard(&mut both).await];
    words.sort_by_key(|(method, uri)| (method.clone(), uri.to_string()));
    assert_eq!(words, [list_changed(), updated(own), updated(uri)]);
    assert_eq!(heard(&mut one).await, updated(uri));
    caller.call("file_put", json!({"path": "in/a b.csv", "content": "a\n2\n"})).await;
    assert_eq!(heard(&mut one).await, updated(uri));
    caller.delete("/files/in/a%20b.csv").await;
    assert_eq!(heard(&mut one).await, updated(uri));
    let link = caller.call("file_upload_link", json!({"path": "in/a b.csv"})).await;
    let url = link.raw["put_url"].as_str().expect("a link").to_owned();
    let put = Caller::new(&url, None).request(Method::PUT, "").body("a\n3\n").send().await.expect("an answer");
    assert_eq!(put.status(), 201);
    assert_eq!(heard(&mut one).await, updated(uri));
}

#[tokio::test]
async fn a_listener_hears_of_jobs() {
    let server = Server::start(&["--workers", "1"]).await;
    let caller = server.caller();
    let running = caller.submit(ENDLESS).await;
    caller.until_running(&running).await;
    let waiting = caller.submit("select 1").await;
    let of = |job: &str| format!("heavylift://jobs/{job}");
    let (mut events, _) = listen(&caller, json!({"resourceSubscriptions": [of(&running), of(&waiting)]})).await;
    let (mut lists, _) = listen(&caller, json!({"resourcesListChanged": true})).await;
    caller.delete(&format!("/jobs/{running}")).await;
    // One ends and the other runs; what comes at the same time is told in any order.
    let mut awaited = vec![updated(&of(&running)), updated(&of(&waiting))];
    while !awaited.is_empty() {
        let word = heard(&mut events).await;
        awaited.retain(|awaited| *awaited != word);
    }
    assert_eq!(heard(&mut lists).await, list_changed());
    let view = ask(&caller, "resources/read", json!({"uri": of(&running)})).await;
    assert!(view["result"]["contents"][0]["text"].as_str().is_some_and(|text| text.contains("cancelled")), "{view}");
}

#[tokio::test]
async fn nobody_hears_of_anothers() {
    let (_server, ada, bob) = two(&[]).await;
    let uri = "heavylift://files/a.csv";
    let wants = json!({"resourcesListChanged": true, "resourceSubscriptions": [uri]});
    let (mut hers, _) = listen(&ada, wants.clone()).await;
    let (mut his, _) = listen(&bob, wants).await;
    ada.put("a.csv", "a\n1\n").await;
    for _ in 0..2 {
        heard(&mut hers).await;
    }
    // The first that he hears is of his own.
    bob.put("b.csv", "b\n").await;
    assert_eq!(heard(&mut his).await, list_changed());
    bob.put("a.csv", "b\n").await;
    let (first, second) = (heard(&mut his).await, heard(&mut his).await);
    assert!([&first, &second].contains(&&updated(uri)) && [&first, &second].contains(&&list_changed()));
}

#[tokio::test]
async fn a_stream_ends_with_a_result_when_the_server_does() {
    let server = Server::start(&[]).await;
    let (mut events, granted) = listen(&server.caller(), json!({})).await;
    assert_eq!(granted, json!({}));
    server.terminate();
    let last = events.next().await.expect("a result").data;
    assert_eq!((&last["id"], &last["result"]["resultType"]), (&json!(1), &json!("complete")), "{last}");
    assert_eq!(last["result"]["_meta"][ID], 1, "{last}");
    assert!(events.next().await.is_none());
    assert_eq!(server.ended().await.0.code(), Some(0));
}

#[tokio::test]
async fn no_more_than_a_hundred_are_watched() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    let uris: Vec<String> = (0..101).map(|number| format!("heavylift://files/{number}.csv")).collect();
    let (_events, granted) = listen(&caller, json!({"resourceSubscriptions": uris[..100]})).await;
    assert_eq!(granted["resourceSubscriptions"].as_array().map(Vec::len), Some(100));
    let (mut events, granted) = listen(&caller, json!({"resourceSubscriptions": uris})).await;
    assert_eq!(granted, json!({}), "none of them");
    let refused = events.next().await.expect("an error").data;
    let message = refused["error"]["message"].as_str().expect("a message");
    assert_eq!(refused["error"]["code"], -32602, "{refused}");
    assert!(message.contains("at most 100"), "{message}");

    let session = Session::open(&caller).await;
    for uri in &uris[..100] {
        assert!(session.ask(1, "resources/subscribe", &json!({"uri": uri})).await["error"].is_null());
    }
    let again = session.ask(2, "resources/subscribe", &json!({"uri": uris[0]})).await;
    assert!(again["error"].is_null(), "twice is once: {again}");
    let refused = session.ask(3, "resources/subscribe", &json!({"uri": uris[100]})).await;
    assert_eq!(refused["error"]["code"], -32602, "{refused}");
    session.ask(4, "resources/unsubscribe", &json!({"uri": uris[0]})).await;
    assert!(session.ask(5, "resources/subscribe", &json!({"uri": uris[100]})).await["error"].is_null());
}

#[tokio::test]
async fn a_session_hears_on_its_own_stream() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    let session = Session::open(&caller).await;
    let mut stream = session.stream().await;
    let (a, b) = ("heavylift://files/a.csv", "heavylift://files/b.csv");
    caller.put("a.csv", "a\n").await;
    assert_eq!(word(&stream.next().await.expect("a note").data), list_changed());
    for uri in [a, b] {
        assert!(session.ask(1, "resources/subscribe", &json!({"uri": uri})).await["error"].is_null());
    }
    assert!(session.ask(2, "resources/unsubscribe", &json!({"uri": a})).await["error"].is_null());
    caller.put("a.csv", "a\n1\n").await;
    assert_eq!(word(&stream.next().await.expect("a note").data), list_changed(), "no longer of the file");
    caller.put("b.csv", "b\n").await;
    let mut words = Vec::new();
    for _ in 0..2 {
        words.push(word(&stream.next().await.expect("a note").data));
    }
    assert!(words.contains(&updated(b)) && words.contains(&list_changed()), "{words:?}");
    for uri in ["heavylift://files/../x", "test://x"] {
        let refused = session.ask(3, "resources/subscribe", &json!({"uri": uri})).await;
        assert_eq!(refused["error"]["code"], -32002, "{refused}");
    }
}

#[tokio::test]
async fn each_era_has_its_own_way_to_subscribe() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    let session = Session::open(&caller).await;
    let old = session.ask(1, "subscriptions/listen", &json!({"notifications": {}})).await;
    assert_eq!(old["error"]["code"], -32601, "{old}");
    for method in ["resources/subscribe", "resources/unsubscribe", "logging/setLevel"] {
        let params = json!({"uri": "heavylift://files/a.csv", "level": "info"});
        let new = newest(&caller, method, params).send().await.expect("an answer");
        assert_eq!(new.status(), 404, "{method}");
    }
    let offered = &session.initialized["result"]["capabilities"];
    let expected = json!({"tools": {"listChanged": true}, "prompts": {"listChanged": true}, "completions": {},
        "resources": {"subscribe": true, "listChanged": true}, "logging": {}});
    for (part, wanted) in expected.as_object().expect("an object") {
        assert_eq!(&offered[part], wanted, "{part}");
    }
    let discovered = ask(&caller, "server/discover", json!({})).await;
    assert_eq!(discovered["result"]["cacheScope"], "public", "{discovered}");
}

#[tokio::test]
async fn a_write_through_one_server_is_heard_on_the_other() {
    let site = Site::new().await;
    let (here, there) = (site.server(&[]).await, site.server(&[]).await);
    let (here, there) = (here.caller(), there.caller());
    here.put("a.csv", "a\n1\n").await;
    let job = here.submit(ENDLESS).await;
    let (file, of_job) = ("heavylift://files/a.csv", format!("heavylift://jobs/{job}"));
    here.until_running(&job).await;

    let session = Session::open(&there).await;
    let mut stream = session.stream().await;
    assert!(session.ask(1, "resources/subscribe", &json!({"uri": file})).await["error"].is_null());
    let (mut events, _) = listen(&there, json!({"resourceSubscriptions": [file, of_job]})).await;
    here.put("a.csv", "a\n2\n").await;
    assert_eq!(heard(&mut events).await, updated(file));
    assert_eq!(word(&stream.next().await.expect("a note").data), updated(file));
    here.delete("/files/a.csv").await;
    assert_eq!(heard(&mut events).await, updated(file));
    here.delete(&format!("/jobs/{job}")).await;
    assert_eq!(heard(&mut events).await, updated(&of_job));
}

#[tokio::test]
async fn what_others_write_into_a_mount_is_heard() {
    let mounted = tempfile::tempdir().expect("temporary folder");
    std::fs::write(mounted.path().join("m.csv"), "a\n1\n").expect("written");
    let server = Server::start(&["--mount", &format!("data={}", store_url(mounted.path()))]).await;
    let uri = "heavylift://files/data/m.csv";
    let (mut events, _) = listen(&server.caller(), json!({"resourceSubscriptions": [uri]})).await;
    std::fs::write(mounted.path().join("m.csv"), "a\n1\n2\n").expect("written");
    assert_eq!(heard(&mut events).await, updated(uri));
}

#[tokio::test]
async fn a_session_hears_wherever_it_listens() {
    let site = Site::new().await;
    let (here, there) = (site.server(&[]).await, site.server(&[]).await);
    let (here, there) = (here.caller(), there.caller());
    here.put("a.csv", "a\n1\n").await;
    let (session, uri) = (Session::open(&here).await, "heavylift://files/a.csv");
    let mut stream = session.at(&there).stream().await;
    assert!(session.ask(1, "resources/subscribe", &json!({"uri": uri})).await["error"].is_null());
    // Before the other server can have heard of the wish.
    here.put("a.csv", "a\n2\n").await;
    assert_eq!(word(&stream.next().await.expect("a note").data), updated(uri));
    here.put("a.csv", "a\n3\n").await;
    assert_eq!(word(&stream.next().await.expect("a note").data), updated(uri));
    assert!(session.at(&there).ask(2, "resources/unsubscribe", &json!({"uri": uri})).await["error"].is_null());
    let second = "heavylift://files/b.csv";
    assert!(session.ask(3, "resources/subscribe", &json!({"uri": second})).await["error"].is_null());
    here.put("a.csv", "a\n4\n").await;
    here.put("b.csv", "b\n").await;
    assert_eq!(word(&stream.next().await.expect("a note").data), updated(second), "and no more of the first");
}

#[tokio::test]
async fn a_session_that_only_listens_goes_on_hearing() {
    let server = Server::start(&["--workers", "1"]).await;
    let caller = server.caller();
    let job = caller.submit(ENDLESS).await;
    let (session, uri) = (Session::open(&caller).await, "heavylift://files/a.csv");
    let mut stream = session.stream().await;
    assert!(session.ask(1, "resources/subscribe", &json!({"uri": uri})).await["error"].is_null());
    // By then the server has put away what only requests need.
    caller.json(&format!("/jobs/{job}?wait_seconds=25")).await;
    caller.put("a.csv", "a\n").await;
    let words = [word(&stream.next().await.expect("a note").data), word(&stream.next().await.expect("a note").data)];
    assert!(words.contains(&updated(uri)), "{words:?}");
}
