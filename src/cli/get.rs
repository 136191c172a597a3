//! `heavylift get`: a file out of the workspace.

use std::path::PathBuf;

use clap::Args;
use tools::WorkspacePath;

use super::client::Server;
use super::{CliError, ui};
use crate::config::{ClientArgs, show_bytes};

/// `heavylift get`.
#[derive(Args, Debug)]
pub(super) struct GetCommand {
    /// The path in the workspace, like sales.csv or jobs/JOB/result.parquet
    path: String,
    /// Where to put it: a file, a folder, or - for standard output; by default its own name, here
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    client: ClientArgs,
}

pub(super) async fn run(command: GetCommand) -> Result<(), CliError> {
    let server = Server::from_args(&command.client)?;
    let path: WorkspacePath = command.path.parse().map_err(|error: tools::ToolError| CliError::Usage(error.message))?;
    let to = match command.output {
        Some(output) if output.as_os_str() == "-" => {
            server.get_to(path.as_str(), &mut std::io::stdout()).await?;
            return Ok(());
        }
        Some(folder) if folder.is_dir() => folder.join(path.file_name()),
        Some(output) => output,
        None => PathBuf::from(path.file_name()),
    };
    let bar = ui::byte_bar(path.as_str(), None);
    let shown = |download: super::client::Download| {
        if let Some(total) = download.total {
            bar.set_length(total);
        }
        bar.set_position(download.done);
    };
    let bytes = server.get_file(path.as_str(), &to, shown).await;
    bar.finish_and_clear();
    ui::note(format!("{}  {}", to.display(), show_bytes(bytes?)));
    Ok(())
}
