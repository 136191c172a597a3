//! The MCP Inspector, as the README shows it: its very commands, against a real server.
//!
//! `tests/run.sh` puts the Inspector, and a Node that is new enough for it, below the target folder.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::harness::{Server, store_url};

const README: &str = include_str!("../../README.md");

fn target() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_heavylift")).ancestors().nth(2).expect("below the target folder")
}

/// Where clients from npm are installed.
pub(crate) fn clients() -> PathBuf {
    let clients = target().join("clients");
    assert!(clients.exists(), "the clients are not there: bash tests/run.sh puts them below the target folder");
    clients
}

/// A Node that is new enough for them.
pub(crate) fn node() -> PathBuf {
    let node = target().join("node/node_modules/.bin/node");
    assert!(node.exists(), "Node is not there: bash tests/run.sh puts it below the target folder");
    node
}

/// The README's commands that name the Inspector's command line.
fn commands() -> Vec<&'static str> {
    let commands = README.lines().filter_map(|line| line.strip_prefix("$ "));
    commands.filter(|command| command.starts_with("npx ") && command.contains(" --cli ")).collect()
}

/// A folder with an `npx` that finds the Inspector without a network, and a `heavylift` with a store of its own.
fn path() -> TempDir {
    let folder = tempfile::tempdir().expect("temporary folder");
    let inspector = clients().join("node_modules/.bin/inspector");
    let npx = format!(
        "#!/bin/sh\n[ \"$1 $2\" = '-y @modelcontextprotocol/inspector@2.12' ] || exit 99\nshift 2\nexec {} {} \"$@\"\n",
        node().display(),
        inspector.display()
    );
    let store = store_url(&folder.path().join("store"));
    let heavylift = format!("#!/bin/sh\nexec {} \"$@\" --store {store}\n", env!("CARGO_BIN_EXE_heavylift"));
    for (name, script) in [("npx", npx), ("heavylift", heavylift)] {
        let path = folder.path().join(name);
        fs::write(&path, script).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("made a program");
    }
    folder
}

/// What the Inspector shows when `command` is typed, as JSON.
async fn shown(command: &str, path: &TempDir) -> Value {
    let paths = format!("{}:/usr/bin:/bin", path.path().display());
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).env_clear().env("PATH", paths).env("HOME", path.path()).kill_on_drop(true);
    let ran = shell.output().await.expect("a shell");
    let complaint = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{command}: {}: {complaint}", ran.status);
    assert!(!complaint.contains("unknown format"), "{command}: {complaint}");
    serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{command}: {error}: {complaint}"))
}

/// Whether it is what the README's reader is to see.
fn check(command: &str, shown: &Value) {
    if command.contains("tools/list") {
        let tools = shown["tools"].as_array().unwrap_or_else(|| panic!("{command}: {shown}"));
        assert!(tools.iter().any(|tool| tool["name"] == "data_query"), "{command}: {shown}");
    } else {
        assert!(command.contains("tools/call"), "{command} is not checked");
        assert_eq!(shown["structuredContent"]["rows"], json!([[42]]), "{command}: {shown}");
        assert_eq!(shown["isError"], json!(false), "{command}: {shown}");
    }
}

#[tokio::test]
async fn the_inspector_shows_what_the_readme_says() {
    let server = Server::start(&[]).await;
    let path = path();
    let commands = commands();
    assert!(commands.len() >= 3, "the README shows how to list and call: {commands:?}");
    assert!(commands.iter().any(|command| command.contains("heavylift serve --stdio")), "{commands:?}");
    for command in commands {
        let here = command.replace("http://127.0.0.1:8000", &server.url);
        check(command, &shown(&here, &path).await);
    }
}

#[tokio::test]
async fn the_inspector_finds_no_fault_in_either_era_and_on_any_transport() {
    let server = Server::start(&["--legacy-sse"]).await;
    let path = path();
    let npx = "npx -y @modelcontextprotocol/inspector@2.12 --cli";
    // Its list of arguments takes all that follows it.
    let call = "--tool-arg sql='select 6 * 7' --method tools/call --tool-name data_query";
    for place in [format!("{}/mcp", server.url), "heavylift serve --stdio".to_owned()] {
        for era in ["legacy", "modern"] {
            let command = format!("{npx} --protocol-era {era} {call} {place}");
            check(&command, &shown(&command, &path).await);
        }
    }
    let old = format!("{npx} {call} {}/sse", server.url);
    check(&old, &shown(&old, &path).await);
    // Strict: it fails where a schema would keep some client from using a tool.
    let strict = format!("{npx} --strict --method tools/list {}/mcp", server.url);
    check(&strict, &shown(&strict, &path).await);
}
