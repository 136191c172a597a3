//! `--mount`: existing data in everyone's workspace, read in every way that own files are, and written in none.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use actors::ports::{BlobStore as _, Expect, Key};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::azurite;
use crate::harness::{Caller, ERAS, Server, complained, kind_of, png, run, said, store_url};
use crate::principals::two;
use crate::site::Site;

/// A folder of data: a table, a picture, a folder, and a link out of it.
fn data() -> TempDir {
    let folder = tempfile::tempdir().expect("temporary folder");
    let at = |path: &str| folder.path().join(path);
    fs::create_dir_all(at("in/deep")).expect("made");
    fs::write(at("in/sales.csv"), "region,amount\nnorth,1\nsouth,2\n").expect("written");
    fs::write(at("in/deep/more.csv"), "region,amount\nwest,4\n").expect("written");
    fs::write(at("p.png"), png(8, 6)).expect("written");
    symlink("/etc/passwd", at("passwd")).expect("a link");
    symlink("/etc", at("etc")).expect("a link");
    folder
}

fn flag(folder: &Path) -> String {
    format!("data={}", store_url(folder))
}

/// Everything below `folder` with its bytes.
fn snapshot(folder: &Path) -> Vec<(String, Option<Vec<u8>>)> {
    let mut all = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).expect("read").map(|entry| entry.expect("an entry")) {
            let kind = entry.file_type().expect("a kind");
            if kind.is_dir() {
                open.push(entry.path());
            }
            all.push((
                entry.path().display().to_string(),
                kind.is_file().then(|| fs::read(entry.path()).expect("read")),
            ));
        }
    }
    all.sort();
    all
}

fn names(listed: &Value) -> Vec<&str> {
    let files = listed["files"].as_array().expect("files");
    files.iter().map(|file| file["path"].as_str().expect("a path")).collect()
}

#[tokio::test]
async fn everyone_reads_it_in_every_way() {
    let data = data();
    let (_server, ada, bob) = two(&["--mount", &flag(data.path())]).await;
    ada.put("own.csv", "region,manager\nnorth,Ada\n").await;
    let before = snapshot(data.path());
    let mounted = ["data/in/deep/more.csv", "data/in/sales.csv", "data/p.png"];
    for era in ERAS {
        let mcp = bob.connect(era).await;
        let listed = mcp.call("file_list", json!({})).await.raw;
        assert_eq!((names(&listed), &listed["mounts"]), (mounted.to_vec(), &json!(["data/"])));
        let some = mcp.call("file_list", json!({"pattern": "data/in/*.csv"})).await.raw;
        assert_eq!(names(&some), ["data/in/sales.csv"]);
        assert_eq!(mcp.call("server_info", json!({})).await.raw["mounts"], json!(["data/"]));
        for table in ["sales", "\"data/in/sales.csv\""] {
            let sum = mcp.call("data_query", json!({"sql": format!("select sum(amount) from {table}")})).await;
            assert_eq!(sum.raw["rows"], json!([[3]]), "{table}: {}", sum.raw);
        }
        let preview = mcp.call("file_preview", json!({"file": "data/in/sales.csv"})).await;
        assert!(
            !preview.is_error && preview.raw["rows"].as_array().is_some_and(|rows| rows.len() == 2),
            "{}",
            preview.raw
        );
        let profile = mcp.call("data_profile", json!({"file": "data/in/deep/more.csv"})).await;
        assert!(!profile.is_error, "{}", profile.raw);
        let grey = json!({"files": ["data/**/*.png"], "operations": [{"op": "grayscale"}]});
        let pictures = mcp.call("image_process", grey).await;
        assert_eq!(pictures.raw["artifacts"][0]["mime"], "image/png", "{}", pictures.raw);
    }
    // With an own file in one query, and by HTTP.
    let joined = json!({"sql": "select manager, amount from own join sales using (region)"});
    assert_eq!(ada.call("data_query", joined).await.raw["rows"], json!([["Ada", 1]]));
    assert_eq!(bob.file("data/in/sales.csv").await, b"region,amount\nnorth,1\nsouth,2\n");
    let part = bob.request(reqwest::Method::GET, "/files/data/in/sales.csv").header("Range", "bytes=0-5").send().await;
    assert_eq!(part.expect("an answer").text().await.expect("text"), "region");
    let (_, below) = bob.json("/files?prefix=data/in/&limit=1").await;
    assert_eq!((names(&below), &below["more"]), (vec!["data/in/deep/more.csv"], &json!(true)));
    let linked = bob.call("file_list", json!({"pattern": "data/in/*.csv", "links": true})).await.raw;
    let url = linked["files"][0]["download_url"].as_str().expect("a link");
    let got = Caller::new(url, None).get("").await;
    assert_eq!((got.status().as_u16(), got.bytes().await.expect("bytes").len()), (200, 30));
    assert_eq!(snapshot(data.path()), before, "it is as it was");
}

#[tokio::test]
async fn nobody_writes_to_it_or_out_of_it() {
    let data = data();
    let (server, ada, _) = two(&["--mount", &flag(data.path())]).await;
    let before = snapshot(data.path());
    for path in ["data/in/sales.csv", "data/new.csv", "data"] {
        assert_eq!(kind_of(ada.try_put(path, "x").await).await, (400, "invalid_params".to_owned()), "{path}");
        assert_eq!(kind_of(ada.delete(&format!("/files/{path}")).await).await.0, 400, "{path}");
        for (tool, arguments) in [
            ("file_put", json!({"path": path, "content": "x"})),
            ("file_upload_link", json!({"path": path})),
            ("file_upload_link", json!({"path": format!("{path}/")})),
        ] {
            let refused = ada.call(tool, arguments).await;
            let error = &refused.raw["error"];
            assert_eq!(error["kind"], "invalid_params", "{tool} {path}: {}", refused.raw);
            assert!(error["message"].as_str().is_some_and(|said| said.contains("data/ is mounted")), "{error}");
        }
    }
    let deleted = ada.call("file_delete", json!({"path": "data/in/sales.csv"})).await;
    assert_eq!(deleted.raw["error"]["kind"], "invalid_params");
    // Not by a link to all of the workspace either.
    let link = ada.call("file_upload_link", json!({"path": "/"})).await.raw;
    let url = format!("{}data/new.csv", link["put_url"].as_str().expect("a link"));
    let put = Caller::new(&url, None).request(reqwest::Method::PUT, "").body("x").send().await.expect("an answer");
    assert_eq!(kind_of(put).await, (400, "invalid_params".to_owned()));
    for path in ["data/passwd", "data/etc/passwd", "data/../../etc/passwd", "data/%2e%2e/%2e%2e/etc/passwd"] {
        let answer = ada.get(&format!("/files/{path}")).await;
        let (status, body) = (answer.status(), answer.text().await.expect("text"));
        assert!(status.is_client_error() && !body.contains("root:"), "{path}: {status} {body}");
    }
    let read = ada.call("data_query", json!({"sql": "select * from \"data/etc/passwd\""})).await;
    assert!(read.is_error, "{}", read.raw);
    assert_eq!(snapshot(data.path()), before);
    assert!(!server.store().join("owners/ada/files/data").exists());
}

#[tokio::test]
async fn a_change_is_seen_and_a_kept_result_is_not_mistaken_for_it() {
    let data = data();
    let server = Server::start(&["--mount", &flag(data.path())]).await;
    let caller = server.caller();
    let ask = json!({"sql": "select sum(amount) from sales"});
    assert_eq!(caller.call("data_query", ask.clone()).await.raw["rows"], json!([[3]]));
    assert_eq!(caller.call("data_query", ask.clone()).await.raw["reused"], json!(true));
    fs::write(data.path().join("in/sales.csv"), "region,amount\nnorth,10\nsouth,20\n").expect("changed in place");
    let again = caller.call("data_query", ask.clone()).await;
    assert_eq!((&again.raw["rows"], &again.raw["reused"]), (&json!([[30]]), &Value::Null));
    fs::remove_file(data.path().join("in/sales.csv")).expect("removed");
    assert_eq!(caller.call("data_query", ask).await.raw["error"]["kind"], "not_found");
}

/// How many files the servers over `scratch` keep for later jobs.
fn kept(scratch: &Path) -> usize {
    snapshot(scratch).iter().filter(|(path, bytes)| path.contains("/cache-") && bytes.is_some()).count()
}

#[tokio::test]
async fn what_was_brought_once_is_kept_for_the_next_job() {
    let data = data();
    let scratch = tempfile::tempdir().expect("temporary folder");
    let scratch_flag = scratch.path().display().to_string();
    for (bytes, expected) in [("1MiB", 1), ("0", 0)] {
        let flags = ["--mount", &flag(data.path()), "--scratch", &scratch_flag, "--cache-bytes", bytes];
        let server = Server::start(&flags).await;
        let caller = server.caller();
        for _ in 0..3 {
            let sum = caller.call("data_query", json!({"sql": "select sum(amount) from sales", "fresh": true})).await;
            assert_eq!(sum.raw["rows"], json!([[3]]), "{}", sum.raw);
        }
        assert_eq!(kept(scratch.path()), expected, "{bytes}");
        // What the server has itself is shared with its jobs, and kept by nobody else.
        caller.put("own.csv", "a\n1\n").await;
        assert_eq!(caller.call("data_query", json!({"sql": "select a from own"})).await.raw["rows"], json!([[1]]));
        assert_eq!(kept(scratch.path()), expected, "{bytes}");
        std::fs::remove_dir_all(scratch.path()).expect("the next one begins anew");
    }
}

#[tokio::test]
async fn a_mount_hides_own_files_of_its_name_while_it_is_there() {
    let data = data();
    let server = Server::start(&[]).await;
    server.caller().put("data/own.csv", "a\n1\n").await;
    let folder = server.kill().await;
    let mounted = Server::start_in(Arc::clone(&folder), &["--mount", &flag(data.path())]).await;
    assert_eq!(mounted.caller().get("/files/data/own.csv").await.status(), 404);
    assert_eq!(mounted.caller().file("data/in/deep/more.csv").await, b"region,amount\nwest,4\n");
    let folder = mounted.kill().await;
    let again = Server::start_in(folder, &[]).await;
    assert_eq!(again.caller().file("data/own.csv").await, b"a\n1\n");
    assert_eq!(again.caller().get("/files/data/in/sales.csv").await.status(), 404);
}

#[tokio::test]
async fn a_mount_that_cannot_be_is_refused_at_the_start() {
    let data = data();
    let folder = Arc::new(tempfile::tempdir().expect("temporary folder"));
    let around = format!("all={}", store_url(folder.path()));
    let missing = format!("gone={}", store_url(&data.path().join("missing")));
    for (flag, said) in
        [(around.as_str(), "everyone's files"), (missing.as_str(), "no such folder"), ("x=y", "--mount")]
    {
        let refused = Server::try_start_in(Arc::clone(&folder), &["--mount", flag]).await.err().expect("refused");
        assert!(refused.status.code() == Some(2) && refused.stderr.contains(said), "{flag}: {}", refused.stderr);
    }
}

/// Somebody else's container, with `lake` in it to be mounted.
struct Lake {
    container: String,
    flag: String,
}

impl Lake {
    async fn new() -> Self {
        let container = azurite::shared().await.new_container();
        let store = azurite::store(&container).await;
        for (name, text) in [
            ("lake/in/sales.csv", "region,amount\nnorth,1\nsouth,2\n"),
            ("lake/in/deep/more.csv", "region,amount\nwest,4\n"),
            ("outside.csv", "a\n1\n"),
            ("lakes.csv", "a\n1\n"),
        ] {
            store.put(&Key::new(name), text.into(), Expect::Absent).await.expect("put");
        }
        let flag = format!("data={}", container.replacen('?', "/lake?", 1));
        Self { container, flag }
    }

    /// Puts a blob as others do, by any name.
    async fn put(&self, name: &str, body: impl Into<reqwest::Body>, headers: &[(&str, &str)]) {
        let url = self.container.replacen('?', &format!("/{name}?"), 1);
        let mut request = Caller::new(&url, None).request(reqwest::Method::PUT, "");
        for (name, value) in [&[("x-ms-blob-type", "BlockBlob")], headers].concat() {
            request = request.header(name, value);
        }
        let put = request.body(body).send().await.expect("an answer");
        assert_eq!(put.status(), 201, "{name}");
    }

    /// Every name in it, with its version.
    async fn snapshot(&self) -> Vec<(String, String)> {
        let page = azurite::store(&self.container).await.list("", None, 1000).await.expect("listed");
        page.entries.into_iter().map(|entry| (entry.key.to_string(), entry.meta.etag.0)).collect()
    }
}

#[tokio::test]
async fn a_container_is_read_in_every_way_and_never_written() {
    let lake = Lake::new().await;
    let (server, ada, bob) = two(&["--mount", &lake.flag, "--log-filter", "trace"]).await;
    let made = ada.call("data_query", json!({"sql": "select x from range(9) t(x)", "output": "parquet"})).await.raw;
    let table = ada.file(made["artifacts"][0]["path"].as_str().expect("a path")).await;
    lake.put("lake/t.parquet", table.clone(), &[]).await;
    ada.put("own.csv", "region,manager\nnorth,Ada\n").await;
    let before = lake.snapshot().await;
    let mounted = ["data/in/deep/more.csv", "data/in/sales.csv", "data/t.parquet"];
    for era in ERAS {
        let mcp = bob.connect(era).await;
        let listed = mcp.call("file_list", json!({})).await.raw;
        assert_eq!((names(&listed), &listed["mounts"]), (mounted.to_vec(), &json!(["data/"])));
        let some = mcp.call("file_list", json!({"pattern": "data/**/*.csv"})).await.raw;
        assert_eq!(names(&some), mounted[..2]);
        let sql = "select (select sum(amount) from sales), (select sum(x) from \"data/t.parquet\")";
        let sums = mcp.call("data_query", json!({"sql": sql})).await;
        assert_eq!(sums.raw["rows"], json!([[3, 36]]), "{}", sums.raw);
        let profile = mcp.call("data_profile", json!({"file": "data/t.parquet"})).await;
        assert!(!profile.is_error, "{}", profile.raw);
    }
    let joined = json!({"sql": "select manager, amount from own join sales using (region)"});
    assert_eq!(ada.call("data_query", joined).await.raw["rows"], json!([["Ada", 1]]));
    let part = bob.request(reqwest::Method::GET, "/files/data/t.parquet").header("Range", "bytes=4-11").send().await;
    assert_eq!(part.expect("an answer").bytes().await.expect("bytes"), table[4..12]);
    let linked = bob.call("file_list", json!({"pattern": "data/in/*.csv", "links": true})).await.raw;
    let url = linked["files"][0]["download_url"].as_str().expect("a link");
    let got = Caller::new(url, None).get("").await;
    assert_eq!((got.status().as_u16(), got.bytes().await.expect("bytes").len()), (200, 30), "by way of the server");
    for path in ["data/in/sales.csv", "data/new.csv"] {
        assert_eq!(kind_of(ada.try_put(path, "x").await).await, (400, "invalid_params".to_owned()), "{path}");
    }
    assert_eq!(kind_of(ada.delete("/files/data/in/sales.csv").await).await, (400, "invalid_params".to_owned()));
    assert_eq!(lake.snapshot().await, before, "it is as it was");

    let shown = run(&["config", "show", "--mount", &lake.flag]).await;
    assert!(said(&shown).contains("devstoreaccount1") && said(&shown).contains("/lake"), "{}", said(&shown));
    let signature = azurite::signature();
    let secret = signature.split("sig=").nth(1).expect("a signature");
    assert!(![server.log(), said(&shown), complained(&shown)].concat().contains(secret), "the signature is shown");
}

#[tokio::test]
async fn what_no_path_can_name_is_passed_over() {
    let lake = Lake::new().await;
    let server = Server::start(&["--mount", &lake.flag]).await;
    let caller = server.caller();
    lake.put("lake/in", "-", &[("x-ms-meta-hdi_isfolder", "true")]).await;
    for name in ["lake//twice.csv", "lake/a%5C/b.csv", "lake/z.csv"] {
        lake.put(name, "a\n1\n", &[]).await;
    }
    for number in 0..9 {
        lake.put(&format!("lake/in/e{number}.%20/x.csv"), "a\n1\n", &[]).await;
        lake.put(&format!("lake/in/f{number}.csv"), "a\n1\n", &[]).await;
    }
    let mut all = Vec::new();
    loop {
        let after = all.last().map(|last| format!("&after={last}")).unwrap_or_default();
        let (_, page) = caller.json(&format!("/files?prefix=data/&limit=3{after}")).await;
        all.extend(names(&page).into_iter().map(str::to_owned));
        if page["more"] != json!(true) {
            break;
        }
        assert_eq!(all.len() % 3, 0, "a part is full or the last: {page}");
    }
    let mut expected = vec!["data/in/deep/more.csv".to_owned()];
    expected.extend((0..9).map(|number| format!("data/in/f{number}.csv")));
    expected.extend(["data/in/sales.csv", "data/z.csv"].map(str::to_owned));
    assert_eq!(all, expected);
    let sum = caller.call("data_query", json!({"sql": "select sum(amount) from \"data/in/sales.csv\""})).await;
    assert_eq!(sum.raw["rows"], json!([[3]]), "{}", sum.raw);
}

#[tokio::test]
async fn a_container_that_cannot_be_mounted_is_refused_at_the_start() {
    let (site, lake) = (Site::new().await, Lake::new().await);
    let absent = azurite::shared().await.new_container();
    let inside = site.store.replacen('?', "/owners/local/files?", 1);
    let by_name = site.store.replacen("127.0.0.1", "localhost", 1);
    let wrong = lake.flag.replacen("sig=", "sig=x", 1);
    for (flag, code, said) in [
        (format!("all={}", site.store), 2, "everyone's files"),
        (format!("ours={inside}"), 2, "everyone's files"),
        (format!("again={by_name}"), 2, "everyone's files"),
        (format!("gone={absent}"), 1, "there is no such container"),
        (wrong, 1, "refused access"),
    ] {
        let flags = ["--store", &site.store, "--mount", &flag];
        let refused = Server::try_start_in(Arc::clone(&site.folder), &flags).await.err().expect("refused");
        assert!(refused.status.code() == Some(code) && refused.stderr.contains(said), "{flag}: {}", refused.stderr);
        assert!(!refused.stderr.contains("sig="), "{}", refused.stderr);
    }
    let there = format!("{absent}&restype=container");
    assert_eq!(Caller::new(&there, None).get("").await.status(), 404, "it was not made");
}
