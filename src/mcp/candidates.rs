//! What may stand where somebody types: files of a kind, patterns, jobs, columns. For prompts and resource templates.
//!
//! Everything begins with what was typed so far. Nothing here reads a file: columns are known from looks that were made.

use std::collections::BTreeSet;

use actors::model::{JobOutcome, JobRecord};
use actors::{Call, CoreError, FoundFile};
use rmcp::model::CompletionInfo;
use serde_json::json;
use tools::{Pattern, WorkspacePath};

use super::surface::Caller;
use crate::error::AppError;

/// How many files are looked through at a time, and how often.
const PAGE: usize = 1_000;
const PAGES: usize = 10;
/// How many jobs are looked through.
const JOBS: usize = 1_000;

/// Which files are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Any,
    Table,
    Picture,
}

impl Kind {
    fn has(self, path: &WorkspacePath) -> bool {
        match self {
            Self::Any => true,
            Self::Table => tools::data::claims_table(path),
            Self::Picture => {
                let mime = mime_guess::from_path(path.as_str()).first_or_octet_stream();
                mime.type_() == mime_guess::mime::IMAGE && mime.subtype() != mime_guess::mime::SVG
            }
        }
    }
}

/// The names of files of `kind`, in order of name.
///
/// # Errors
/// A store that does not answer.
pub(super) async fn files(caller: &Caller<'_>, typed: &str, kind: Kind) -> Result<Vec<String>, CoreError> {
    let found = below(caller, typed, kind, CompletionInfo::MAX_VALUES + 1).await?;
    Ok(found.into_iter().map(String::from).collect())
}

/// Patterns over files of `kind`, then the files themselves.
///
/// # Errors
/// A store that does not answer.
pub(super) async fn patterns(caller: &Caller<'_>, typed: &str, kind: Kind) -> Result<Vec<String>, CoreError> {
    let literal = typed.split(['*', '?', '[', '{']).next().unwrap_or_default();
    let files = below(caller, literal, kind, PAGE).await?;
    let mut values = patterns_of(&files);
    values.extend(files.iter().map(ToString::to_string));
    values.retain(|value| value.starts_with(typed));
    Ok(values)
}

/// The patterns that gather files with the same ending: all of them, and those of each folder.
fn patterns_of(files: &[WorkspacePath]) -> Vec<String> {
    let (mut all, mut folders) = (BTreeSet::new(), BTreeSet::new());
    for path in files {
        let Some((_, ending)) = path.file_name().rsplit_once('.').filter(|(stem, _)| !stem.is_empty()) else {
            continue;
        };
        match path.as_str().rsplit_once('/') {
            Some((folder, _)) => {
                folders.insert(format!("{folder}/*.{ending}"));
                all.insert(format!("**/*.{ending}"));
            }
            None => drop(folders.insert(format!("*.{ending}"))),
        }
    }
    folders.into_iter().chain(all).collect()
}

/// At most `most` files of `kind` whose names begin with `prefix`.
async fn below(caller: &Caller<'_>, prefix: &str, kind: Kind, most: usize) -> Result<Vec<WorkspacePath>, CoreError> {
    let (workspace, owner) = (&caller.app.core.workspace, &caller.principal.owner);
    let (mut found, mut after) = (Vec::new(), None);
    for _ in 0..PAGES {
        let (files, more): (Vec<FoundFile>, bool) = workspace.list(owner, prefix, after.as_ref(), PAGE).await?;
        after = files.last().map(|file| file.path.clone());
        found.extend(files.into_iter().map(|file| file.path).filter(|path| kind.has(path)));
        if !more || found.len() >= most {
            break;
        }
    }
    found.truncate(most);
    Ok(found)
}

/// The ids of jobs, newest first.
///
/// # Errors
/// A store that does not answer.
pub(super) async fn jobs(caller: &Caller<'_>, typed: &str) -> Result<Vec<String>, CoreError> {
    let ids = caller.app.core.records.ids(&caller.principal.owner, JOBS).await?;
    Ok(ids.iter().map(ToString::to_string).filter(|id| id.starts_with(typed)).collect())
}

/// The columns of the table at `path`, where somebody looked into this version of it before: reading it is work for a job.
///
/// # Errors
/// A store that does not answer.
pub(super) async fn columns(caller: &Caller<'_>, path: &str, typed: &str) -> Result<Vec<String>, AppError> {
    if path.parse::<WorkspacePath>().is_err() || Pattern::is_glob(path) {
        return Ok(Vec::new());
    }
    for tool in ["file_preview", "data_profile"] {
        let call = Call {
            tool: tool.to_owned(),
            params: json!({"file": path}),
            idempotency_key: None,
            fresh: false,
            id: None,
            trace: None,
        };
        match caller.app.core.kept(&caller.principal.owner, &call).await {
            Ok(Some(record)) => {
                let names = columns_of(&record);
                if !names.is_empty() {
                    return Ok(names.into_iter().filter(|name| name.starts_with(typed)).collect());
                }
            }
            Ok(None) => {}
            Err(CoreError::Call(_)) => return Ok(Vec::new()), // there is no such file
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Vec::new())
}

/// The columns that a finished look or profile tells of. A profile's own table has a row for each of them.
fn columns_of(record: &JobRecord) -> Vec<String> {
    let Some(JobOutcome::Succeeded { report, .. }) = &record.outcome else { return Vec::new() };
    match report.details["columns"].as_array() {
        Some(columns) if record.tool == "data_profile" => {
            columns.iter().filter_map(|column| column["name"].as_str()).map(str::to_owned).collect()
        }
        _ => report.columns.iter().map(|column| column.name.clone()).collect(),
    }
}

#[test]
fn patterns_gather_what_ends_alike() {
    let paths = ["a.jpg", "in/b.PNG", "in/c.PNG", "in/deep/d.jpg", "in/noending", ".hidden"];
    let files: Vec<WorkspacePath> = paths.iter().map(|path| path.parse().expect("a path")).collect();
    assert_eq!(patterns_of(&files), ["*.jpg", "in/*.PNG", "in/deep/*.jpg", "**/*.PNG", "**/*.jpg"]);
}

#[test]
fn kinds_are_told_by_names() {
    let is = |kind: Kind, path: &str| kind.has(&path.parse().expect("a path"));
    assert!(is(Kind::Table, "a.csv.gz") && is(Kind::Table, "a.PARQUET") && !is(Kind::Table, "a.jpg"));
    assert!(is(Kind::Picture, "a.JPG") && is(Kind::Picture, "a.webp") && !is(Kind::Picture, "a.svg"));
    assert!(is(Kind::Any, "x") && !is(Kind::Picture, "x"));
}
