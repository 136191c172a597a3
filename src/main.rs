//! The program: reads the command line, does what it asks, ends with its exit code.

use std::process::ExitCode;

use heavylift::cli;

#[actix_web::main]
async fn main() -> ExitCode {
    cli::run(cli::parse()).await
}
