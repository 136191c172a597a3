//! The server that the official conformance suite asks: the product itself, with the tools, prompts and resources that the
//! suite calls by name.
//!
//! `tests/conformance/run.sh` starts it, with the flags of `heavylift serve`, and reads from its first line where it listens. It
//! serves until it is killed.

mod changes;
mod content;
mod input;
mod jobs;
mod notes;
mod offer;
mod peer;
mod prompts;
mod questions;
mod resources;
mod rounds;
mod schemas;
mod seal;
mod tasks;
mod tool;

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use heavylift::config::ServeConfig;
use heavylift::{app, lane, telemetry};

fn main() -> ExitCode {
    if lane::child::is_asked() { lane::child::main(&offer::catalogue()) } else { run() }
}

#[actix_web::main]
async fn run() -> ExitCode {
    let flags: Vec<String> = std::env::args().skip(1).collect();
    match serve(&flags).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(std::io::stderr(), "{error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn serve(flags: &[String]) -> anyhow::Result<()> {
    let config = ServeConfig::from_flags(flags.iter().map(String::as_str)).map_err(anyhow::Error::msg)?;
    telemetry::init(config.log, &config.log_filter).context("starting the log")?;
    let running = app::start(config, offer::catalogue(), offer::surface()).await?;
    tokio::spawn(changes::tell(Arc::clone(&running.app)));
    writeln!(std::io::stdout(), "{}", running.app.base_url)?;
    running.serve_until(std::future::pending()).await
}
