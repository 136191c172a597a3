//! `heavylift put`: local files into the workspace.

use std::path::{Path, PathBuf};

use clap::Args;
use tools::WorkspacePath;

use super::client::Server;
use super::{CliError, ui};
use crate::config::{ClientArgs, show_bytes};

/// `heavylift put`.
#[derive(Args, Debug)]
pub(super) struct PutCommand {
    /// The files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The path in the workspace for one file, or for many a folder that ends in /; by default the file's own name
    #[arg(long = "as", value_name = "PATH")]
    target: Option<String>,
    #[command(flatten)]
    client: ClientArgs,
}

pub(super) async fn run(command: PutCommand) -> Result<(), CliError> {
    let server = Server::from_args(&command.client)?;
    let targets = targets(&command.files, command.target.as_deref()).map_err(CliError::Usage)?;
    for (file, path) in command.files.iter().zip(targets) {
        let bytes = std::fs::metadata(file).map(|meta| meta.len()).ok();
        let bar = ui::byte_bar(path.as_str(), bytes);
        let counting = bar.clone();
        let uploaded = server.put_file(file, path.as_str(), move |piece| counting.inc(piece)).await;
        bar.finish_and_clear();
        let uploaded = uploaded?;
        ui::out(format!("{}  {}  sha256:{}", uploaded.path, show_bytes(uploaded.bytes), uploaded.sha256));
    }
    Ok(())
}

/// The workspace path of each file, checked before the first one is sent.
fn targets(files: &[PathBuf], target: Option<&str>) -> Result<Vec<WorkspacePath>, String> {
    if files.len() > 1 && target.is_some_and(|target| !target.ends_with('/')) {
        return Err("--as names one file, and there are several; end it in / for a folder".to_owned());
    }
    files.iter().map(|file| target_of(file, target)).collect()
}

fn target_of(file: &Path, target: Option<&str>) -> Result<WorkspacePath, String> {
    let name = file.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| format!("{} has no name to keep; give one with --as", file.display()));
    let path = match target {
        Some(folder) if folder.ends_with('/') => format!("{folder}{}", name?),
        Some(path) => path.to_owned(),
        None => name?.to_owned(),
    };
    path.parse().map_err(|error: tools::ToolError| error.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[&str], target: Option<&str>) -> Result<Vec<String>, String> {
        let files: Vec<_> = files.iter().map(PathBuf::from).collect();
        Ok(targets(&files, target)?.into_iter().map(String::from).collect())
    }

    #[test]
    fn files_keep_their_names_or_get_new_ones() {
        assert_eq!(of(&["/data/a.csv", "b.jpg"], None), Ok(vec!["a.csv".to_owned(), "b.jpg".to_owned()]));
        assert_eq!(of(&["/data/a.csv"], Some("in/b.csv")), Ok(vec!["in/b.csv".to_owned()]));
        assert_eq!(of(&["a.csv", "b.csv"], Some("in/")), Ok(vec!["in/a.csv".to_owned(), "in/b.csv".to_owned()]));
    }

    #[test]
    fn impossible_targets_are_refused_before_anything_is_sent() {
        assert!(of(&["a.csv", "b.csv"], Some("in")).is_err());
        assert!(of(&["a.csv"], Some("../x")).is_err());
        assert!(of(&["a.csv"], Some("/etc/passwd")).is_err());
        assert!(of(&["/"], None).is_err());
    }
}
