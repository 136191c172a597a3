//! The programs beside the one under test: what cargo builds with the tests, and what `tests/run.sh` installs for them.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::harness::command;
use crate::inspector::{clients, node};

/// The program under test.
fn heavylift() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_heavylift"))
}

/// One of the workspace's examples.
pub(crate) fn example(name: &str) -> PathBuf {
    let example = heavylift().with_file_name("examples").join(name);
    assert!(example.exists(), "{} is not there: cargo test --workspace builds it", example.display());
    example
}

/// A program of `tests/clients`.
fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name)
}

/// rmcp's client.
pub(crate) fn rmcp_client() -> Command {
    command(&example("rmcp_client"))
}

/// The official TypeScript client.
pub(crate) fn typescript_client() -> Command {
    let mut node = Command::new(node());
    node.arg(source("typescript.js")).env("NODE_PATH", clients().join("node_modules"));
    node
}

/// The official Python client.
pub(crate) fn python_client() -> Command {
    let mut python = Command::new("python3");
    // What the environment says of proxies is for the world outside.
    python.arg(source("python.py")).env("PYTHONPATH", clients().join("python")).env("NO_PROXY", "*");
    python
}
