//! The program: reads the command line, does what it asks, ends with its exit code.

use std::process::ExitCode;

use clap::ArgMatches;
use heavylift::{cli, lane};
use tools::Catalogue;

fn main() -> ExitCode {
    let command = cli::parse();
    // Before there are threads: what a lane is shut in holds for those that come after.
    if lane::child::is_asked() { lane::child::main(&Catalogue::standard()) } else { run(command) }
}

#[actix_web::main]
async fn run(command: (cli::Cli, ArgMatches)) -> ExitCode {
    cli::run(command).await
}
