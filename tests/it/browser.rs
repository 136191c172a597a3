//! The upload page in a real browser: Chromium, driven through its own driver.
//!
//! The page says when an upload is over, and a script that listens to it says so here: nothing waits for the clock.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use heavylift::links::{LinkKey, Links};
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::prelude::*;
use time::OffsetDateTime;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::harness::{Caller, Server};
use crate::principals::two;

/// Without a sandbox (tests run as root), a graphics card, or a word to anyone but us.
const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// Calls back once `count` uploads are over, with what their rows say.
const WHEN_OVER: &str = "
    const [count, done] = arguments;
    const list = document.getElementById('files');
    const rows = () => [...list.children].map(row => ({
        state: row.className,
        file: row.querySelector('.file').textContent,
        said: row.querySelector('.said').textContent,
        bar: row.querySelector('progress').value / row.querySelector('progress').max,
        button: row.querySelector('button').hidden ? null : row.querySelector('button').textContent,
    }));
    const look = () => {
        const over = rows().filter(row => ['done', 'failed'].includes(row.state));
        if (over.length < count || over.length < rows().length) return;
        observer.disconnect();
        done(rows());
    };
    const observer = new MutationObserver(look);
    observer.observe(list, { subtree: true, childList: true, attributes: true, characterData: true });
    look();";

/// Drops files, each a name and how many bytes of \"x\" it has, onto the page.
const DROP: &str = "
    const transfer = new DataTransfer();
    for (const [name, bytes] of arguments[0]) transfer.items.add(new File(['x'.repeat(bytes)], name));
    const at = document.getElementById('drop');
    for (const type of ['dragenter', 'dragover', 'drop']) {
        at.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }));
    }";

/// Drops files as above, and cancels the first as soon as the page shows it.
const DROP_AND_CANCEL: &str = "
    const done = arguments[1];
    const list = document.getElementById('files');
    const observer = new MutationObserver(() => {
        observer.disconnect();
        list.querySelector('button').click();
        done();
    });
    observer.observe(list, { childList: true });";

/// A browser with a profile of its own. Ended when it is dropped.
struct Browser {
    driver: WebDriver,
    /// Where the driver listens, for what its protocol has no word for.
    commands: Caller,
    process: Child,
    _profile: TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A test that failed has not ended it: without its driver nobody waits for an answer from it.
        let _ = self.process.start_kill();
    }
}

impl Browser {
    /// `None` where there is no Chromium. CI has one, and fails instead.
    async fn start() -> Option<Self> {
        let Some((process, port)) = start_driver().await else {
            assert!(option_env!("CI").is_none(), "CI must have Chromium and its driver");
            eprintln!("not checked: the upload page needs chromium and chromedriver");
            return None;
        };
        let profile = tempfile::tempdir().expect("temporary folder");
        let mut wanted = DesiredCapabilities::chrome();
        for flag in FLAGS {
            wanted.add_arg(flag).expect("a flag");
        }
        wanted.add_arg(&format!("--user-data-dir={}", profile.path().display())).expect("a flag");
        heavylift::cli::client::install_tls();
        let driver = WebDriver::new(format!("http://127.0.0.1:{port}"), wanted).await.expect("a browser");
        driver.set_script_timeout(Duration::from_mins(2)).await.expect("set");
        let commands = Caller::new(&format!("http://127.0.0.1:{port}/session/{}", driver.session_id()), None);
        Some(Self { driver, commands, process, _profile: profile })
    }

    async fn open(&self, url: &str) {
        self.driver.goto(url).await.expect("opened");
    }

    async fn run(&self, script: &str, arguments: Vec<Value>) -> Value {
        let answer = self.driver.execute(script, arguments).await;
        answer.unwrap_or_else(|error| panic!("{script}: {error}")).json().clone()
    }

    /// Drops files and waits until all that were ever given to the page are over.
    async fn drop_files(&self, files: Value, over: usize) -> Vec<Value> {
        self.run(DROP, vec![files]).await;
        self.over(over).await
    }

    /// Drags files and folders from the desktop onto the page.
    async fn drag_in(&self, paths: &[&Path]) {
        let middle = "const box = drop.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]";
        let middle = self.run(middle, vec![]).await;
        for step in ["dragEnter", "dragOver", "drop"] {
            let data = json!({"items": [], "files": paths, "dragOperationsMask": 1});
            let event = json!({"type": step, "x": middle[0], "y": middle[1], "data": data});
            let command = json!({"cmd": "Input.dispatchDragEvent", "params": event});
            let request = self.commands.request(reqwest::Method::POST, "/goog/cdp/execute").json(&command);
            assert_eq!(request.send().await.expect("an answer").status(), 200, "{step}");
        }
    }

    async fn over(&self, count: usize) -> Vec<Value> {
        let rows = self.driver.execute_async(WHEN_OVER, vec![json!(count)]).await.expect("they end");
        rows.json().as_array().expect("rows").clone()
    }

    /// Waits until the page says something that begins with `words`.
    async fn said(&self, words: &str) -> bool {
        let script = "
            const [words, done] = arguments;
            const all = document.getElementById('all');
            const look = () => all.textContent.startsWith(words) && (observer.disconnect(), done(true));
            const observer = new MutationObserver(look);
            observer.observe(all, { childList: true, characterData: true, subtree: true });
            look();";
        self.driver.execute_async(script, vec![json!(words)]).await.expect("it says so").json() == true
    }

    async fn text(&self, css: &str) -> String {
        self.driver.find(By::Css(css)).await.expect("an element").text().await.expect("text")
    }

    /// Chooses a file on disk, as a click and the system's own dialogue would.
    async fn choose(&self, file: &Path) {
        let input = self.driver.find(By::Id("input")).await.expect("the input");
        input.send_keys(file.display().to_string()).await.expect("chosen");
    }

    async fn end(self) {
        self.driver.clone().quit().await.expect("it ends");
    }
}

/// The driver and the port that it took.
async fn start_driver() -> Option<(Child, u16)> {
    let mut process = Command::new("chromedriver")
        .arg("--port=0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .ok()?;
    let mut lines = BufReader::new(process.stdout.take().expect("stdout is piped")).lines();
    while let Some(line) = lines.next_line().await.expect("the driver speaks") {
        let port = line.split("successfully on port ").nth(1).and_then(|rest| rest.trim_end_matches('.').parse().ok());
        if let Some(port) = port {
            // Read on for as long as it lives: a driver whose reader has gone fails at its next word.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Some((process, port));
        }
    }
    None
}

async fn page_url(caller: &Caller, arguments: Value) -> String {
    let answer = caller.call("file_upload_link", arguments).await;
    answer.raw["page_url"].as_str().unwrap_or_else(|| panic!("{}", answer.raw)).to_owned()
}

#[tokio::test]
async fn files_go_up_by_choice_and_by_drop() {
    let Some(browser) = Browser::start().await else { return };
    let (server, ada, _) = two(&[]).await;
    browser.open(&page_url(&ada, json!({"path": "in/"})).await).await;
    assert_eq!(browser.text("h1").await, "Upload to in/");
    // The page's own style and script run, and it is used by keyboard alone.
    let look =
        "return [getComputedStyle(document.querySelector('main')).borderTopStyle, getComputedStyle(drop).cursor]";
    assert_eq!(browser.run(look, vec![]).await, json!(["solid", "pointer"]));
    browser.driver.action_chain().send_keys(Key::Tab).perform().await.expect("pressed");
    assert_eq!(browser.run("return document.activeElement.id", vec![]).await, "input");

    let chosen = server.folder.path().join("größer.csv");
    let content = format!("a\n{}", "12345\n".repeat(500_000));
    std::fs::write(&chosen, &content).expect("written");
    browser.choose(&chosen).await;
    let rows = browser.over(1).await;
    assert_eq!(
        (&rows[0]["state"], &rows[0]["bar"], &rows[0]["button"]),
        (&json!("done"), &json!(1), &Value::Null),
        "{rows:?}"
    );
    assert!(rows[0]["said"].as_str().is_some_and(|said| said.contains("in/größer.csv")), "{rows:?}");
    // A folder and a file, dragged in as from the desktop: what is in the folder keeps its place there.
    let photos = server.folder.path().join("photos");
    std::fs::create_dir_all(photos.join("2024")).expect("made");
    std::fs::write(photos.join("2024/b & <i>c.txt"), "xyz").expect("written");
    let empty = server.folder.path().join("empty.txt");
    std::fs::write(&empty, "").expect("written");
    browser.drag_in(&[&photos, &empty]).await;
    let rows = browser.over(3).await;
    assert!(rows.iter().all(|row| row["state"] == "done" && row["bar"] == 1), "{rows:?}");
    assert!(rows.iter().any(|row| row["file"] == "photos/2024/b & <i>c.txt"), "{rows:?}");
    assert_eq!(browser.text("#all").await, "3 files uploaded. You can close this page.");

    let listed = ada.call("file_list", json!({})).await.raw;
    let files = listed["files"].as_array().expect("files").iter();
    let sizes: Vec<_> = files.map(|file| (file["path"].as_str().expect("a path"), file["bytes"].as_u64())).collect();
    let expected = [("in/empty.txt", 0), ("in/größer.csv", content.len() as u64), ("in/photos/2024/b & <i>c.txt", 3)];
    assert_eq!(sizes, expected.map(|(path, bytes)| (path, Some(bytes))));
    let sum = ada.call("data_query", json!({"sql": "select count(*) from größer"})).await;
    assert_eq!(sum.raw["rows"], json!([[500_000]]), "{}", sum.raw);
    browser.end().await;
}

#[tokio::test]
async fn what_cannot_be_kept_is_said_in_plain_words() {
    let Some(browser) = Browser::start().await else { return };
    let (_server, ada, _) = two(&[]).await;
    browser.open(&page_url(&ada, json!({"path": "in/", "max_bytes": 1000})).await).await;
    let rows = browser.drop_files(json!([["big.bin", 1001], ["bad.", 1], ["good", 1000]]), 3).await;
    let states: Vec<_> = rows.iter().map(|row| &row["state"]).collect();
    assert_eq!(states, ["failed", "failed", "done"], "{rows:?}");
    let said = |row: usize| rows[row]["said"].as_str().expect("text");
    assert!(said(0).starts_with("Too large: it has 1001 B"), "{rows:?}");
    assert!(said(1).ends_with("ends in a dot or a space."), "what the server says of it: {rows:?}");
    assert_eq!(
        (rows[1]["button"].as_str(), browser.text("#all").await.as_str()),
        (Some("Try again"), "1 file uploaded; 2 files not.")
    );

    // One file under one name, and what was cancelled can be sent again.
    browser.open(&page_url(&ada, json!({"path": "one.csv"})).await).await;
    assert_eq!(browser.text("h1").await, "Upload one.csv");
    browser.run(DROP, vec![json!([["x.csv", 1], ["y.csv", 1]])]).await;
    assert!(browser.said("This page takes one file").await);
    let cancel = format!("{DROP_AND_CANCEL}{DROP}");
    browser.driver.execute_async(cancel, vec![json!([["x.csv", 5_000_000]])]).await.expect("cancelled");
    let rows = browser.over(1).await;
    assert!(
        rows[0]["state"] == "failed" && rows[0]["said"].as_str().is_some_and(|said| said.starts_with("Cancelled")),
        "{rows:?}"
    );
    assert_eq!(ada.get("/files/one.csv").await.status(), 404);
    browser.run("document.querySelector('li button').click()", vec![]).await;
    let rows = browser.over(1).await;
    assert_eq!((&rows[0]["state"], &rows[0]["bar"]), (&json!("done"), &json!(1)), "{rows:?}");
    assert_eq!(ada.file("one.csv").await.len(), 5_000_000);
    browser.end().await;
}

#[tokio::test]
async fn a_link_that_is_over_is_a_page_that_says_so() {
    let Some(browser) = Browser::start().await else { return };
    let server = Server::start(&[]).await;
    let key = std::fs::read(server.store().join("server/link-key")).expect("the key of links");
    let then = OffsetDateTime::now_utc() - Duration::from_hours(3);
    let clock = Arc::new(actors::ports::memory::ManualClock::new(then));
    let links = Links::new(LinkKey::new(&key), server.url.clone(), true, Duration::from_hours(1), clock);
    let link =
        links.upload(&"local".parse().expect("a name"), &"in/".parse().expect("a folder"), Duration::from_hours(1), 1);
    browser.open(&link.url).await;
    let said = browser.text("main").await;
    assert!(said.contains("This link worked until") && said.contains("ask for a new one"), "{said}");
    browser.open(&format!("{}x", link.url.replace("local", "other"))).await;
    assert!(browser.text("main").await.contains("There is nothing behind this link"));
    browser.end().await;
}
