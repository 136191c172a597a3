//! What is said about a batch once it is over.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Column, Limits, Report, ToolError, ToolErrorKind};

const PREVIEW_ROWS: usize = 50;
const LISTED_FAILURES: usize = 100;
const REASONS: usize = 3;

/// How a batch went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Details {
    /// Pictures that were made.
    pub processed: u64,
    /// Pictures that could not be made.
    pub failed: u64,
    /// The first 100 of those, and why.
    pub failures: Vec<Failure>,
}

/// A picture that could not be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// The input's workspace path.
    pub file: String,
    /// What is wrong with it.
    pub error: String,
}

/// How one picture went.
pub(super) struct Entry {
    /// Its place among the call's inputs.
    pub(super) position: usize,
    /// The input's workspace path.
    pub(super) file: String,
    /// What was made of it.
    pub(super) outcome: Result<Made, ToolError>,
}

/// A picture that was made.
pub(super) struct Made {
    pub(super) artifact: String,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) bytes: u64,
}

/// The report on `entries`; `quality_ignored` when the caller gave a quality that no format written knows.
///
/// # Errors
/// When not one picture was made: with the kind that fits all of them, and the first reasons.
pub(super) fn summarise(mut entries: Vec<Entry>, quality_ignored: bool, limits: &Limits) -> Result<Report, ToolError> {
    entries.sort_by_key(|entry| entry.position);
    let details = details(&entries);
    if details.processed == 0 {
        return Err(all_failed(&entries));
    }
    let shown = PREVIEW_ROWS.min(limits.max_preview_rows);
    Ok(Report {
        summary: headline(&details),
        columns: columns(),
        rows: entries.iter().take(shown).map(row).collect(),
        row_count: Some(entries.len() as u64),
        truncated: entries.len() > shown,
        guidance: guidance(&details, quality_ignored),
        details: serde_json::to_value(&details).expect("strings and numbers are JSON"),
    })
}

fn details(entries: &[Entry]) -> Details {
    let mut details = Details::default();
    for entry in entries {
        let Err(error) = &entry.outcome else {
            details.processed += 1;
            continue;
        };
        details.failed += 1;
        if details.failures.len() < LISTED_FAILURES {
            details.failures.push(Failure { file: entry.file.clone(), error: error.message.clone() });
        }
    }
    details
}

fn headline(details: &Details) -> String {
    let noun = if details.processed == 1 { "picture" } else { "pictures" };
    let failed = if details.failed > 0 { format!(", {} failed", details.failed) } else { String::new() };
    format!("{} {noun} processed{failed}", details.processed)
}

fn guidance(details: &Details, quality_ignored: bool) -> Vec<String> {
    let mut guidance = Vec::new();
    if details.failed > 0 {
        guidance.push("details.failures says what is wrong with each picture that failed; the others are done".into());
    }
    if quality_ignored {
        guidance.push("quality had no effect: only JPEG knows it, and no picture was written as JPEG".into());
    }
    guidance
}

fn columns() -> Vec<Column> {
    let column = |(name, dtype): (&str, &str)| Column { name: name.into(), dtype: dtype.into() };
    let text = "VARCHAR";
    [("file", text), ("status", text), ("width", "UINTEGER"), ("height", "UINTEGER")]
        .into_iter()
        .chain([("bytes", "UBIGINT"), ("artifact", text), ("error", text)])
        .map(column)
        .collect()
}

fn row(entry: &Entry) -> Vec<Value> {
    let file = json!(entry.file);
    match &entry.outcome {
        Ok(made) => vec![
            file,
            json!("processed"),
            json!(made.width),
            json!(made.height),
            json!(made.bytes),
            json!(made.artifact),
            Value::Null,
        ],
        Err(error) => {
            vec![file, json!("failed"), Value::Null, Value::Null, Value::Null, Value::Null, json!(error.message)]
        }
    }
}

fn all_failed(entries: &[Entry]) -> ToolError {
    let errors: Vec<&ToolError> = entries.iter().filter_map(|entry| entry.outcome.as_ref().err()).collect();
    let first = errors.first().map_or(ToolErrorKind::BadInput, |error| error.kind);
    let kind = if errors.iter().all(|error| error.kind == first) { first } else { ToolErrorKind::BadInput };
    let reasons: Vec<&str> = errors.iter().take(REASONS).map(|error| error.message.as_str()).collect();
    let reasons = reasons.join("; ");
    match errors.len() {
        1 => ToolError::new(kind, reasons),
        count if count > REASONS => {
            let more = count - REASONS;
            ToolError::new(kind, format!("none of the {count} pictures could be processed: {reasons}; and {more} more"))
        }
        count => ToolError::new(kind, format!("none of the {count} pictures could be processed: {reasons}")),
    }
}
