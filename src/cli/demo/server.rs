//! The demo's server: this very program, in a process that can be killed.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::cli::CliError;

/// What `serve` says first once it listens.
const LISTENS: &str = "Heavylift listens on ";

/// A running server process. Dropped, it is killed.
pub(super) struct ServerProcess {
    child: Child,
    url: String,
}

impl ServerProcess {
    /// Starts `heavylift serve` on `address` over the store in `folder`, and waits until it listens.
    pub(super) async fn start(folder: &Path, address: &str) -> Result<Self, CliError> {
        let failed = |error: std::io::Error| CliError::Failed(format!("starting the server: {error}"));
        let log = std::fs::File::options().create(true).append(true).open(folder.join("server.log")).map_err(failed)?;
        let mut child = Command::new(program().map_err(failed)?)
            .args(["serve", "--addr", address, "--store"])
            .arg(format!("file://{}", folder.join("store").display()))
            // The demo is the same whatever is set where it runs.
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut lines = BufReader::new(stdout).lines();
        while let Some(line) = lines.next_line().await.map_err(failed)? {
            if let Some(url) = line.strip_prefix(LISTENS) {
                let url = url.to_owned();
                // Whoever reads no more would stop the server at its next word.
                tokio::spawn(async move { while lines.next_line().await.is_ok_and(|line| line.is_some()) {} });
                return Ok(Self { child, url });
            }
        }
        let log = folder.join("server.log");
        Err(CliError::Failed(format!("the server did not start; {} says why", log.display())))
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// `IP:PORT`, to be started on again.
    pub(super) fn address(&self) -> String {
        self.url.trim_start_matches("http://").to_owned()
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// SIGKILL: the process gets no chance to tidy up.
    pub(super) async fn kill(mut self) -> Result<(), CliError> {
        self.child.kill().await.map_err(|error| CliError::Failed(format!("killing the server: {error}")))
    }
}

fn program() -> std::io::Result<PathBuf> {
    std::env::current_exe()
}
