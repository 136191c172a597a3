//! The program: reads the command line, does what it asks, ends with its exit code.

use std::process::ExitCode;

use clap::ArgMatches;
use heavylift::{cli, lane};
use tools::Catalogue;

fn main() -> ExitCode {
    // Before there are threads: what a lane is shut in holds for those that come after. It has no command line to read.
    if lane::child::is_asked() { lane::child::main(&Catalogue::standard()) } else { run(cli::parse()) }
}

#[actix_web::main]
async fn run(command: (cli::Cli, ArgMatches)) -> ExitCode {
    cli::run(command).await
}
