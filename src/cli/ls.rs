//! `heavylift ls`: the workspace's files.

use clap::Args;
use comfy_table::{Cell, CellAlignment};
use globset::{GlobBuilder, GlobMatcher};

use super::client::{FileView, Server};
use super::{CliError, ui};
use crate::config::{ClientArgs, show_bytes};

const PAGE: usize = 1000;

/// `heavylift ls`.
#[derive(Args, Debug)]
pub(super) struct LsCommand {
    /// What paths begin with, or a glob like photos/**/*.jpg; all files by default
    #[arg(default_value = "", value_name = "PREFIX|GLOB")]
    pattern: String,
    /// Print the list as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: ClientArgs,
}

pub(super) async fn run(command: LsCommand) -> Result<(), CliError> {
    let server = Server::from_args(&command.client)?;
    let pattern = Pattern::parse(&command.pattern).map_err(CliError::Usage)?;
    let files = list(&server, &pattern).await?;
    if command.json {
        let text = serde_json::to_string_pretty(&files).expect("plain data is JSON");
        ui::out(text);
        return Ok(());
    }
    let mut table = ui::table(["path", "size", "modified"]);
    for file in &files {
        let size = Cell::new(show_bytes(file.bytes)).set_alignment(CellAlignment::Right);
        table.add_row([Cell::new(ui::plain(&file.path)), size, Cell::new(ui::plain(&file.modified))]);
    }
    ui::out(table);
    let bytes = files.iter().map(|file| file.bytes).sum();
    ui::out(format!("{} files, {}", files.len(), show_bytes(bytes)));
    Ok(())
}

async fn list(server: &Server, pattern: &Pattern) -> Result<Vec<FileView>, CliError> {
    let mut files: Vec<FileView> = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = server.files(&pattern.prefix, after.as_deref(), PAGE).await?;
        after = page.files.last().map(|file| file.path.clone());
        files.extend(page.files.into_iter().filter(|file| pattern.matches(&file.path)));
        if !page.more || after.is_none() {
            return Ok(files);
        }
    }
}

/// What to list: the server narrows by prefix, the glob decides here.
struct Pattern {
    prefix: String,
    glob: Option<GlobMatcher>,
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, String> {
        let Some(first) = text.find(['*', '?', '[', '{']) else {
            return Ok(Self { prefix: text.to_owned(), glob: None });
        };
        let glob = GlobBuilder::new(text).literal_separator(true).build();
        let glob = glob.map_err(|error| format!("{text:?} is not a glob: {}", error.kind()))?.compile_matcher();
        Ok(Self { prefix: text[..first].to_owned(), glob: Some(glob) })
    }

    fn matches(&self, path: &str) -> bool {
        self.glob.as_ref().is_none_or(|glob| glob.is_match(path))
    }
}

#[test]
fn a_glob_asks_for_its_fixed_beginning() {
    let pattern = Pattern::parse("photos/2024*/**/*.jpg").expect("a glob");
    assert_eq!(pattern.prefix, "photos/2024");
    assert!(pattern.matches("photos/2024-05/trip/a.jpg") && !pattern.matches("photos/2024-05/a.png"));
    let prefix = Pattern::parse("photos/").expect("a prefix");
    assert!(prefix.matches("photos/a.png"));
    assert!(Pattern::parse("a[").is_err());
}
