//! `heavylift call`: a real MCP client that stays with its job.

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::client::{Answer, CallEvent, CallRequest, ClientError, Era, Server, call};
use super::ui::{self, JobBar};
use super::{CliError, arguments, signals};
use crate::config::ClientArgs;

/// About 20 seconds of a server that is gone: long enough for a restart.
pub(super) const RECONNECTS: u32 = 10;

/// `heavylift call`.
#[derive(Args, Debug)]
pub(super) struct CallCommand {
    /// The tool; "doctor" lists those of a running server
    tool: String,
    /// A parameter: text, or JSON where it parses as a number, list, object, true, false or null
    #[arg(long = "arg", value_name = "NAME=VALUE")]
    single: Vec<String>,
    /// All parameters as a JSON object, or @FILE that holds one
    #[arg(long = "args", value_name = "JSON")]
    whole: Option<String>,
    /// Show how far the job is
    #[arg(long)]
    watch: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// Seconds that the server keeps one request open
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
    /// Run it again even if an identical call has a result
    #[arg(long)]
    fresh: bool,
    /// A key under which the job is found again
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    client: ClientArgs,
}

pub(super) async fn run(command: CallCommand) -> Result<(), CliError> {
    let server = Server::from_args(&command.client)?;
    let arguments = arguments::collect(command.whole.as_deref(), &command.single).map_err(CliError::Usage)?;
    let request = CallRequest {
        tool: command.tool.clone(),
        arguments,
        wait_seconds: command.wait,
        fresh: command.fresh,
        idempotency_key: command.idempotency_key,
        era: Era::Newest,
        reconnects: RECONNECTS,
    };
    let mut watch = Watch::new(command.watch.then(|| JobBar::new(&command.tool)));
    let answer = call(&server, request, &signals::stop_on_ctrl_c(), &mut |event| watch.hear(event)).await;
    finish(answer, &mut watch, command.json)
}

/// Shows the answer; a failed job is exit code 1.
pub(super) fn finish(answer: Result<Answer, ClientError>, watch: &mut Watch, json: bool) -> Result<(), CliError> {
    watch.finish();
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return Err(watch.explain(error)),
    };
    if json {
        ui::out(format!("{:#}", answer.raw));
    } else {
        ui::show_answer(&answer);
    }
    let failed = answer.is_error || answer.envelope.has_failed();
    if failed { Err(CliError::Failed(String::new())) } else { Ok(()) }
}

/// Waits for the job `id`; Ctrl-C leaves it running.
pub(super) async fn wait(server: &Server, id: &str, request: CallRequest, json: bool) -> Result<(), CliError> {
    let mut watch = Watch::new(Some(JobBar::new(id)));
    let never = CancellationToken::new();
    let mut hear = |event| watch.hear(event);
    let answer = tokio::select! {
        answer = super::client::wait_for_job(server, id, request, &never, &mut hear) => Some(answer),
        _ = tokio::signal::ctrl_c() => None,
    };
    match answer {
        Some(answer) => finish(answer, &mut watch, json),
        None => Err(CliError::Failed(format!("left; the job {id} goes on"))),
    }
}

/// Shows a call's events.
pub(super) struct Watch {
    bar: Option<JobBar>,
    job: Option<String>,
}

impl Watch {
    fn new(bar: Option<JobBar>) -> Self {
        Self { bar, job: None }
    }

    fn hear(&mut self, event: CallEvent) {
        match event {
            CallEvent::Job(id) => self.job = Some(id),
            CallEvent::Lost { attempt, why } => {
                self.say(&format!("{why}; connecting again ({attempt} of {RECONNECTS})"));
            }
            CallEvent::Progress(progress) => self.show(&progress),
            CallEvent::StillRunning(envelope) => {
                if let Some(progress) = &envelope.progress {
                    self.show(progress);
                }
            }
        }
    }

    fn show(&mut self, progress: &super::client::ProgressView) {
        if let Some(bar) = &mut self.bar {
            bar.show(progress);
        }
    }

    fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.say(text),
            None => ui::note(text),
        }
    }

    fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish();
        }
    }

    /// A lost connection is not a lost job: says how to find it again.
    fn explain(&self, error: ClientError) -> CliError {
        match (&self.job, CliError::from(error)) {
            (Some(id), CliError::Unreachable(text)) => {
                CliError::Unreachable(format!("{text}\nthe job goes on; find it again with: heavylift jobs wait {id}"))
            }
            (_, error) => error,
        }
    }
}
