//! The server that the tests of lanes ask: the product itself, with tools that misbehave.
//!
//! `tests/it` starts it with the flags of `heavylift serve` and reads from its first line where it listens. It serves until it
//! is killed.

mod engines;
mod lies;
mod misbehave;

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use heavylift::config::ServeConfig;
use heavylift::mcp::surface::Surface;
use heavylift::{app, lane, telemetry};
use tools::Catalogue;

fn main() -> ExitCode {
    if lane::child::is_asked() { lane::child::main(&catalogue()) } else { run() }
}

/// The product's tools and those that misbehave.
fn catalogue() -> Catalogue {
    Catalogue::standard().with(misbehave::Misbehave).with(lies::Lie).with(engines::Bare)
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
    let running = app::start(config, catalogue(), Surface::standard()).await?;
    writeln!(std::io::stdout(), "{}", running.app.base_url)?;
    running.serve_until(std::future::pending()).await
}
