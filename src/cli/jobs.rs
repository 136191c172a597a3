//! `heavylift jobs`: see, await and cancel jobs.

use clap::{Args, Subcommand};

use super::call::{self, RECONNECTS};
use super::client::{CallRequest, Envelope, Server};
use super::{CliError, ui};
use crate::config::ClientArgs;

/// `heavylift jobs`.
#[derive(Args, Debug)]
pub(super) struct JobsCommand {
    #[command(subcommand)]
    action: Option<Action>,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// The newest jobs
    List {
        /// How many
        #[arg(long, default_value_t = 20, value_name = "NUMBER")]
        limit: usize,
    },
    /// One job, with its result where it has one
    Show {
        /// The job's id
        id: String,
    },
    /// Cancel a job
    Cancel {
        /// The job's id
        id: String,
    },
    /// Wait until a job has ended; Ctrl-C leaves it running
    Wait {
        /// The job's id
        id: String,
        /// Seconds that the server keeps one request open
        #[arg(long, value_name = "SECONDS")]
        wait: Option<u64>,
    },
}

pub(super) async fn run(command: JobsCommand) -> Result<(), CliError> {
    let server = Server::from_args(&command.client)?;
    let json = command.json;
    match command.action.unwrap_or(Action::List { limit: 20 }) {
        Action::List { limit } => list(&server, limit, json).await,
        Action::Show { id } => {
            show(&server.job(&checked(&id)?).await?, json);
            Ok(())
        }
        Action::Cancel { id } => {
            server.cancel_job(&checked(&id)?).await?;
            ui::note(format!("{id} is being cancelled"));
            Ok(())
        }
        Action::Wait { id, wait } => {
            let request = CallRequest { wait_seconds: wait, reconnects: RECONNECTS, ..CallRequest::default() };
            Box::pin(call::wait(&server, &checked(&id)?, request, json)).await
        }
    }
}

fn checked(id: &str) -> Result<String, CliError> {
    let id: Result<actors::model::JobId, _> = id.parse();
    id.map(String::from).map_err(|error| CliError::Usage(error.to_string()))
}

async fn list(server: &Server, limit: usize, json: bool) -> Result<(), CliError> {
    let page = server.jobs(limit).await?;
    if json {
        ui::out(serde_json::to_string_pretty(&page.jobs).expect("plain data is JSON"));
        return Ok(());
    }
    let mut table = ui::table(["job", "tool", "status", "progress", "submitted"]);
    for job in &page.jobs {
        let texts = [&job.job_id, &job.tool, &job.status, &Some(progress(job)), &job.submitted_at];
        table.add_row(texts.map(|text| ui::plain(text.as_deref().unwrap_or_default())));
    }
    ui::out(table);
    if page.more {
        ui::out(format!("there are more than these {}; say --limit", page.jobs.len()));
    }
    Ok(())
}

fn progress(job: &Envelope) -> String {
    let Some(progress) = &job.progress else {
        return String::new();
    };
    match progress.total.filter(|total| *total > 0.0) {
        Some(total) => format!("{:.0}% {}", (progress.done / total * 100.0).clamp(0.0, 100.0), progress.message),
        None => progress.message.clone(),
    }
}

fn show(job: &Envelope, json: bool) {
    if json {
        ui::out(serde_json::to_string_pretty(job).expect("plain data is JSON"));
    } else {
        ui::show_envelope(job);
    }
}
