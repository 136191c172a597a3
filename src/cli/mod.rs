//! The command line: what can be asked, and the exit code of the answer.
//!
//! `main` calls [`parse`] and [`run`]. One file a command; [`client`] is what they share, and what the demo and the tests use too.
//! Exit codes: 0 done, 1 the job failed, 2 usage, 3 could not reach the server.

mod arguments;
mod call;
pub mod client;
mod config;
mod demo;
mod doctor;
mod get;
mod jobs;
mod ls;
mod put;
mod serve;
mod signals;
#[cfg(test)]
mod tests;
pub mod ui;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::cli::client::ClientError;

/// Takes the heavy work off a laptop: an MCP server for big tables and many pictures.
#[derive(Parser, Debug)]
#[command(name = "heavylift", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Start the server
    Serve(serve::ServeCommand),
    /// See it all at work: a server, real inputs, real jobs, and a crash in the middle
    Demo(demo::DemoCommand),
    /// Call a tool and stay until its job has ended
    Call(call::CallCommand),
    /// Put local files into the workspace
    Put(put::PutCommand),
    /// Get a file out of the workspace
    Get(get::GetCommand),
    /// List the workspace
    Ls(ls::LsCommand),
    /// See, await and cancel jobs
    Jobs(jobs::JobsCommand),
    /// Show the settings, make API keys
    Config(config::ConfigCommand),
    /// Check this machine, the settings and a running server
    Doctor(doctor::DoctorCommand),
    /// Run the jobs of the server that starts it
    #[command(hide = true)]
    Worker,
}

/// What ends a command early.
#[derive(Debug)]
pub(crate) enum CliError {
    /// What was asked for cannot be done as it was asked.
    Usage(String),
    /// The job, or whatever else was asked for, failed. An empty text was told already.
    Failed(String),
    /// The server did not answer.
    Unreachable(String),
}

impl From<ClientError> for CliError {
    fn from(error: ClientError) -> Self {
        let text = error.to_string();
        match error {
            ClientError::Unreachable(_) => Self::Unreachable(text),
            ClientError::Usage(_) => Self::Usage(text),
            ClientError::Refused { .. } | ClientError::Cancelled | ClientError::Local(_) => Self::Failed(text),
        }
    }
}

impl CliError {
    fn code(&self) -> u8 {
        match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::Unreachable(_) => 3,
        }
    }
}

/// The command line, read; ends the process with 2 where it cannot be.
pub fn parse() -> (Cli, clap::ArgMatches) {
    let matches = Cli::command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    (cli, matches)
}

/// Does what the command line asks for.
pub async fn run((cli, matches): (Cli, clap::ArgMatches)) -> ExitCode {
    client::install_tls();
    let done = match cli.command {
        Command::Serve(command) => Box::pin(serve::run(&command)).await,
        Command::Call(command) => Box::pin(call::run(command)).await,
        Command::Put(command) => Box::pin(put::run(command)).await,
        Command::Get(command) => Box::pin(get::run(command)).await,
        Command::Ls(command) => Box::pin(ls::run(command)).await,
        Command::Jobs(command) => Box::pin(jobs::run(command)).await,
        Command::Config(command) => config::run(command, &matches),
        Command::Doctor(command) => Box::pin(doctor::run(command)).await,
        Command::Demo(command) => Box::pin(demo::run(command)).await,
        Command::Worker => Err(CliError::Usage("worker is started by the server; see heavylift serve".to_owned())),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let (CliError::Usage(text) | CliError::Failed(text) | CliError::Unreachable(text)) = &error;
            if !text.is_empty() {
                ui::note(format!("heavylift: {text}"));
            }
            error.code().into()
        }
    }
}
