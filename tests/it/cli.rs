//! The commands as a user runs them: exit codes, output, and what Ctrl-C does.

use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::harness::{Caller, ENDLESS, Server, complained, keys, program, run, said, signal, store_url};

/// An address at which nobody answers.
async fn nowhere() -> String {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    format!("http://{}", taken.local_addr().expect("an address"))
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("written");
    path.display().to_string()
}

#[tokio::test]
async fn files_go_there_and_back() {
    let server = Server::start(&[]).await;
    let folder = tempfile::tempdir().expect("temporary folder");
    let (a, b) = (write(folder.path(), "a.csv", "x\n1\n"), write(folder.path(), "b.csv", "x\n2\n"));
    let put = run(&["put", &a, &b, "--as", "in/", "--url", &server.url]).await;
    assert!(put.status.success() && said(&put).contains("in/a.csv"), "{}", complained(&put));
    let ls = run(&["ls", "--json", "--url", &server.url]).await;
    let files: Value = serde_json::from_str(&said(&ls)).expect("JSON");
    let paths: Vec<&Value> = files.as_array().expect("files").iter().map(|file| &file["path"]).collect();
    assert_eq!(paths, [&json!("in/a.csv"), &json!("in/b.csv")]);
    let table = said(&run(&["ls", "in/*.csv", "--url", &server.url]).await);
    assert!(table.contains("in/a.csv") && table.contains("2 files"), "{table}");

    let to = folder.path().join("got.csv").display().to_string();
    let get = run(&["get", "in/b.csv", "-o", &to, "--url", &server.url]).await;
    assert!(get.status.success(), "{}", complained(&get));
    assert_eq!(std::fs::read_to_string(&to).expect("the file"), "x\n2\n");
    let out = run(&["get", "in/a.csv", "-o", "-", "--url", &server.url]).await;
    assert_eq!(out.stdout, b"x\n1\n");
}

#[tokio::test]
async fn a_broken_download_goes_on_where_it_was() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    caller.put("digits", "0123456789").await;
    let etag = caller.get("/files/digits").await.headers()["etag"].to_str().expect("text").to_owned();
    let folder = tempfile::tempdir().expect("temporary folder");
    let to = folder.path().join("digits").display().to_string();
    let get = || async {
        let got = run(&["get", "digits", "-o", &to, "--url", &server.url]).await;
        assert!(got.status.success(), "{}", complained(&got));
        assert!(!folder.path().join("digits.part").exists() && !folder.path().join("digits.part.etag").exists());
        std::fs::read_to_string(&to).expect("the file")
    };
    // The beginning is marked, to see that it was not fetched again.
    write(folder.path(), "digits.part", "abc");
    write(folder.path(), "digits.part.etag", &etag);
    assert_eq!(get().await, "abc3456789");
    // A part of another version is begun again.
    write(folder.path(), "digits.part", "abc");
    write(folder.path(), "digits.part.etag", "\"another\"");
    assert_eq!(get().await, "0123456789");
}

#[tokio::test]
async fn a_call_shows_its_result() {
    let server = Server::start(&[]).await;
    server.caller().put("sales.csv", "region,amount\nnorth,10\nsouth,20\n").await;
    let sql = "sql=select sum(amount) as total from sales";
    let json = run(&["call", "data_query", "--arg", sql, "--json", "--url", &server.url]).await;
    let answer: Value = serde_json::from_str(&said(&json)).expect("JSON");
    assert_eq!((&answer["status"], &answer["rows"]), (&json!("succeeded"), &json!([[30]])), "{answer}");
    let shown = run(&["call", "data_query", "--arg", sql, "--watch", "--url", &server.url]).await;
    assert!(
        shown.status.success() && said(&shown).contains("total") && said(&shown).contains("30"),
        "{}",
        said(&shown)
    );
    let id = answer["job_id"].as_str().expect("an id");
    let list = run(&["jobs", "--url", &server.url]).await;
    assert!(said(&list).contains(id), "{}", said(&list));
    let show = run(&["jobs", "show", id, "--json", "--url", &server.url]).await;
    let view: Value = serde_json::from_str(&said(&show)).expect("JSON");
    assert_eq!(view["rows"], json!([[30]]), "{view}");
    let wait = run(&["jobs", "wait", id, "--url", &server.url]).await;
    assert!(wait.status.success() && said(&wait).contains("30"), "{}", complained(&wait));
}

#[tokio::test]
async fn exit_codes_say_what_to_do() {
    let server = Server::start(&[]).await;
    let nowhere = nowhere().await;
    let (url, none) = (server.url.as_str(), nowhere.as_str());
    for (args, code, named) in [
        (vec!["call", "data_query", "--arg", "sql=select 1", "--url", url], 0, ""),
        (vec!["call", "data_query", "--arg", "sql=select nope", "--url", url], 1, "nope"),
        (vec!["call", "no_such_tool", "--url", url], 1, "no_such_tool"),
        (vec!["get", "nothing.csv", "--url", url], 1, "nothing.csv"),
        (vec!["put", "/no/such/file", "--url", url], 1, "/no/such/file"),
        (vec!["jobs", "show", "0000000000000000000000000z", "--url", url], 1, "0000z"),
        (vec!["call", "data_query", "--arg", "sql", "--url", url], 2, "sql"),
        (vec!["call"], 2, "TOOL"),
        (vec!["nonsense"], 2, "nonsense"),
        (vec!["get", "../x", "--url", url], 2, "../x"),
        (vec!["jobs", "show", "x", "--url", url], 2, "x"),
        (vec!["serve", "--workers", "none", "--lease", "soon"], 2, "--lease"),
        (vec!["config", "new-key", "Not A Name"], 2, "Not A Name"),
        (vec!["call", "data_query", "--arg", "sql=select 1", "--url", none], 3, "reach"),
        (vec!["ls", "--url", none], 3, "reach"),
        (vec!["jobs", "--url", none], 3, "reach"),
    ] {
        let output = run(&args).await;
        let text = [complained(&output), said(&output)].concat();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
        assert!(text.contains(named), "{args:?} does not name {named}: {text}");
    }
    assert!(!Path::new("nothing.csv.part").exists(), "a file that is not there leaves no part of it");
}

#[tokio::test]
async fn ctrl_c_cancels_the_job() {
    let server = Server::start(&["--workers", "1", "--orphan-grace", "0s"]).await;
    let caller = server.caller();
    let sql = format!("sql={ENDLESS}");
    let args = ["call", "data_query", "--arg", &sql, "--json", "--url", &server.url];
    let mut child = program(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let pid = child.id().expect("it runs");
    let job = first_job(&caller).await;
    caller.until_running(&job).await;
    signal("INT", pid);
    let mut stderr = BufReader::new(child.stderr.take().expect("stderr")).lines();
    let first = stderr.next_line().await.expect("a line").unwrap_or_default();
    assert!(first.contains("cancelling"), "{first}");
    let ended = child.wait_with_output().await.expect("its end");
    assert_eq!(ended.status.code(), Some(1));
    // The only worker is free again.
    let next = caller.submit("select 42").await;
    assert_eq!(caller.end_of(&next).await["rows"], json!([[42]]));
    assert_eq!(caller.end_of(&job).await["status"], "cancelled");
}

/// Asks until there is a job.
async fn first_job(caller: &Caller) -> String {
    loop {
        if let Some(job) = caller.jobs().await.first() {
            return job["job_id"].as_str().expect("an id").to_owned();
        }
    }
}

#[tokio::test]
async fn the_doctor_sees_what_is_there() {
    let server = Server::start(&[]).await;
    let store = store_url(server.folder.path());
    let well = run(&["doctor", "--store", &store, "--url", &server.url]).await;
    assert_eq!(well.status.code(), Some(0), "{}", said(&well));
    for word in ["is alive", "store and queue answer", "data_query"] {
        assert!(said(&well).contains(word), "{}", said(&well));
    }
    let alone = run(&["doctor", "--store", &store, "--url", &nowhere().await]).await;
    assert!(alone.status.success() && said(&alone).contains("no server answers"), "{}", said(&alone));
    let ill = run(&["doctor", "--store", "ftp://x", "--workers", "0", "--url", &server.url]).await;
    assert_eq!(ill.status.code(), Some(1));
    assert!(said(&ill).contains("--store") && said(&ill).contains("--workers"), "all faults: {}", said(&ill));
}

#[tokio::test]
async fn settings_are_shown_with_their_source() {
    let show = program(&["config", "show", "--workers", "3", "--store", "file:///tmp/x"])
        .env("HEAVYLIFT_LEASE", "90s")
        .output()
        .await
        .expect("it runs");
    let text = said(&show);
    let line = |flag: &str| text.lines().find(|line| line.contains(flag)).unwrap_or_default().to_owned();
    assert!(line("--lease").contains("90s") && line("--lease").contains("HEAVYLIFT_LEASE"), "{text}");
    assert!(line("--workers").contains('3') && line("--max-waiting").contains("default"), "{text}");
    let folder = tempfile::tempdir().expect("temporary folder");
    let (file, secrets) = keys(folder.path(), &["ada"]).await;
    assert!(secrets[0].starts_with("hl_"));
    assert!(!std::fs::read_to_string(file).expect("the file").contains(&secrets[0]));
}
