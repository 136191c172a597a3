//! `heavylift demo`: a server, real inputs, real jobs, and a crash in the middle.
//!
//! Everything is as a user would have it: the server is this program's own `serve` in a process of its own, the client speaks
//! MCP over HTTP, and the crash is a SIGKILL.

mod inputs;
mod server;

use std::path::{Path, PathBuf};

use clap::Args;
use rmcp::model::JsonObject;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::CliError;
use super::client::{Answer, CallEvent, CallRequest, Server, call, wait_for_job};
use super::ui::{self, JobBar};
use crate::config::show_bytes;
use crate::config::snippets::Snippets;
use server::ServerProcess;

/// After this many pictures the demo pulls the plug.
const PICTURES_BEFORE_THE_CRASH: f64 = 8.0;

const QUERY: &str = "SELECT region, product, count(*) AS orders, sum(quantity) AS units, \
    round(sum(quantity * price), 2) AS revenue FROM orders GROUP BY ALL ORDER BY revenue DESC LIMIT 8";

/// `heavylift demo`.
#[derive(Args, Debug)]
pub(super) struct DemoCommand {
    /// Where to work; by default a new temporary folder
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

pub(super) async fn run(command: DemoCommand) -> Result<(), CliError> {
    let folder = folder(command.folder).map_err(|error| failed("making the demo's folder", &error))?;
    title("1. A server, on a free port, with a store of its own");
    let mut process = ServerProcess::start(&folder, "127.0.0.1:0").await?;
    ui::out(format!("   {} (process {})", process.url(), process.id()));
    let server = Server::new(process.url(), None)?;

    title("2. Two real inputs: an orders table and a folder of photographs");
    put_inputs(&server, &folder).await?;

    title("3. data_query: the whole table, aggregated on the server");
    let params = object(json!({"sql": QUERY}));
    ui::out(format!("   {QUERY}\n"));
    let answer = watched("data_query", &server, params).await?;
    ui::show_envelope(&answer.envelope);

    title("4. image_process: every photograph to 512 pixels; in the middle of it the plug is pulled");
    let job = begin_and_cut(&server).await?;
    ui::out("   connection cut");
    let (id, address) = (process.id(), process.address());
    process.kill().await?;
    ui::out(format!("   server process {id} killed with SIGKILL; nothing listens on {address} any more"));
    process = ServerProcess::start(&folder, &address).await?;
    ui::out(format!(
        "   started again on the same store (process {}), connected anew, asking for job {job}",
        process.id()
    ));
    let mut answer = picked_up(&server, &job).await?;
    answer.envelope.rows.truncate(4);
    ui::show_envelope(&answer.envelope);

    report(&folder, &answer, process.url());
    process.kill().await
}

fn folder(wanted: Option<PathBuf>) -> std::io::Result<PathBuf> {
    match wanted {
        Some(folder) => std::fs::create_dir_all(&folder).and_then(|()| folder.canonicalize()),
        None => Ok(tempfile::Builder::new().prefix("heavylift-demo-").tempdir()?.keep()),
    }
}

fn title(text: &str) {
    ui::out(format!("\n{text}"));
}

async fn put_inputs(server: &Server, folder: &Path) -> Result<(), CliError> {
    let made = folder.join("inputs");
    let at = made.clone();
    let files = tokio::task::spawn_blocking(move || inputs::make(&at)).await;
    let files = files.map_err(|error| CliError::Failed(format!("making the inputs: {error}")))?;
    let files = files.map_err(|error| failed("making the inputs", &error))?;
    let total: u64 = files.iter().map(|file| file.bytes).sum();
    let bar = ui::byte_bar("   uploading", Some(total));
    for file in &files {
        let counting = bar.clone();
        server.put_file(&made.join(&file.path), &file.path, move |piece| counting.inc(piece)).await?;
    }
    bar.finish_and_clear();
    let table = &files[0];
    ui::out(format!("   {}: {} rows, {}", table.path, inputs::ROWS, show_bytes(table.bytes)));
    let (width, height) = inputs::PICTURE;
    ui::out(format!(
        "   photos/: {} JPEGs of {width} × {height} pixels, {}",
        files.len() - 1,
        show_bytes(total - table.bytes)
    ));
    Ok(())
}

/// Calls `tool` and shows its bar until the end.
async fn watched(tool: &str, server: &Server, arguments: JsonObject) -> Result<Answer, CliError> {
    let mut bar = JobBar::new(tool);
    let request = CallRequest { tool: tool.to_owned(), arguments, ..CallRequest::default() };
    let mut show = |event| {
        if let CallEvent::Progress(progress) = event {
            bar.show(&progress);
        }
    };
    let answer = call(server, request, &CancellationToken::new(), &mut show).await;
    bar.finish();
    succeeded(answer?)
}

fn succeeded(answer: Answer) -> Result<Answer, CliError> {
    if answer.is_error {
        return Err(CliError::Failed(format!("the job failed: {}", answer.text)));
    }
    Ok(answer)
}

/// Begins the picture job and drops the connection when a third of it is done; gives the job's id.
async fn begin_and_cut(server: &Server) -> Result<String, CliError> {
    let operations = json!([{"op": "resize", "width": 512, "height": 512, "fit": "inside"}]);
    let arguments =
        object(json!({"files": ["photos/*.jpg"], "operations": operations, "format": "jpeg", "quality": 85}));
    let request = CallRequest { tool: "image_process".to_owned(), arguments, ..CallRequest::default() };
    let mut bar = JobBar::new("image_process");
    let (mut job, cut) = (None, CancellationToken::new());
    let reached = cut.clone();
    let mut listen = |event| match event {
        CallEvent::Job(id) => job = Some(id),
        CallEvent::Progress(progress) => {
            bar.show(&progress);
            if progress.done >= PICTURES_BEFORE_THE_CRASH {
                reached.cancel();
            }
        }
        CallEvent::StillRunning(_) | CallEvent::Lost { .. } => {}
    };
    let stay = CancellationToken::new();
    tokio::select! {
        // The call is dropped with its connection: to the server the client is simply gone.
        () = cut.cancelled() => {}
        answer = call(server, request, &stay, &mut listen) => {
            let _: Answer = succeeded(answer?)?;
            return Err(CliError::Failed("the job ended before the plug could be pulled".to_owned()));
        }
    }
    bar.finish();
    job.ok_or_else(|| CliError::Failed("the server told no job id".to_owned()))
}

/// A new client comes back for the job, knowing nothing but its id.
async fn picked_up(server: &Server, job: &str) -> Result<Answer, CliError> {
    let mut bar = JobBar::new("image_process");
    let mut show = |event| {
        if let CallEvent::Progress(progress) = event {
            bar.show(&progress);
        }
    };
    let answer = wait_for_job(server, job, CallRequest::default(), &CancellationToken::new(), &mut show).await;
    bar.finish();
    succeeded(answer?)
}

fn report(folder: &Path, answer: &Answer, url: &str) {
    let job = answer.envelope.job_id.as_deref().unwrap_or_default();
    let attempt = answer.raw["attempt"].as_u64().unwrap_or_default();
    let store = folder.join("store");
    title("What happened");
    ui::out(format!(
        "   The accepted job was on disk before the client heard of it. The new process found it there, ran it again\n   \
         (attempt {attempt}), and handed the result to a client that knew nothing but its id."
    ));
    title("Where things lie");
    ui::out(format!("   artifacts    {}", store.join("jobs").join(job).join(format!("attempt-{attempt}")).display()));
    ui::out(format!("   store        {}", store.display()));
    ui::out(format!("   server log   {}", folder.join("server.log").display()));
    title("Go on from here");
    ui::out(format!(
        "   heavylift serve --addr {} --store file://{}\n",
        url.trim_start_matches("http://"),
        store.display()
    ));
    ui::out(Snippets::new(url, false).page());
}

fn object(value: Value) -> JsonObject {
    match value {
        Value::Object(object) => object,
        _ => JsonObject::new(),
    }
}

fn failed(what: &str, error: &std::io::Error) -> CliError {
    CliError::Failed(format!("{what}: {error}"))
}
