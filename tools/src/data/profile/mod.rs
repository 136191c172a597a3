//! `data_profile`: what is in each column of one table, on Polars.
//!
//! The reader gives the table as Parquet; `column` asks Polars about one column at a time, so that a stop is heard and
//! progress moves between columns.

mod column;
mod engine;

use std::fs;

use polars::prelude::LazyFrame;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::column::ColumnProfile;
use super::duck::{Phase, Watch};
use super::reader::{Columnar, Means, columnar};
use crate::{Column, Context, InputSpec, Limits, Report, Tool, ToolError, ToolErrorKind, WorkspacePath};

const OPEN: Phase = Phase { message: "opening the table", from: 0.0, to: 10.0 };
const READ: Phase = Phase { message: "reading the table", from: 10.0, to: 40.0 };
/// Tables of up to this many cells are looked through for rows that occur twice.
const DISTINCT_CELLS: u64 = 20_000_000;

/// The tool.
pub struct Profile;

/// What a profile is asked with.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The table's path in the workspace: CSV, TSV, JSON, NDJSON, Parquet or Arrow IPC.
    pub file: WorkspacePath,
}

/// The profile's own part of its report, and the artifact `profile.json`, which has all columns where the report has not.
#[derive(Serialize, JsonSchema)]
pub struct Details {
    /// The table's path.
    pub file: WorkspacePath,
    /// Rows of the table.
    pub rows: u64,
    /// Rows that repeat an earlier row; absent when the table is too large to tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicate_rows: Option<u64>,
    /// One profile a column, in the table's order.
    pub columns: Vec<ColumnProfile>,
}

impl Tool for Profile {
    type Params = Params;
    type Details = Details;

    const NAME: &'static str = "data_profile";
    const TITLE: &'static str = "Profile a table";
    const DESCRIPTION: &'static str = "Describes every column of one table: name, type, values, nulls, distinct values, least \
        and greatest, mean and quartiles of numbers; and how many rows there are and repeat. Use it before data_query to \
        learn what a file holds. Returns one row per column and the artifact profile.json.";

    fn inputs(&self, params: &Params) -> Result<Vec<InputSpec>, ToolError> {
        Ok(vec![InputSpec::Path { name: params.file.to_string(), path: params.file.clone() }])
    }

    fn run(&self, params: Params, ctx: &mut Context) -> Result<Report, ToolError> {
        let artifact = ctx.output("profile.json", "application/json")?;
        let input = ctx.input(params.file.as_str())?;
        let watch = Watch::new(ctx);
        let table = columnar(input, Means::of(ctx, &watch, OPEN), READ, false)?;
        let (table, details) = match describe(&params.file, &table, &watch) {
            // What Polars stumbles over, DuckDB either reads and writes anew or calls damaged.
            Err(error) if error.kind == ToolErrorKind::Internal && !table.is_copy => {
                let copy = columnar(input, Means::of(ctx, &watch, OPEN), READ, true)?;
                let details = describe(&params.file, &copy, &watch)?;
                (copy, details)
            }
            details => (table, details?),
        };
        let json = serde_json::to_vec_pretty(&details).expect("details are plain data");
        fs::write(artifact, json).map_err(|error| ToolError::io("writing profile.json", &error))?;
        watch.say(100.0, "done");
        Ok(report(details, table.notes, ctx.limits()))
    }
}

fn describe(file: &WorkspacePath, table: &Columnar, watch: &Watch) -> Result<Details, ToolError> {
    let frame = engine::scan(&table.local)?;
    let rows = engine::rows(&frame)?;
    let columns = profile_columns(&frame, table, rows, watch)?;
    let duplicate_rows = duplicates(&frame, rows, columns.len(), watch)?;
    Ok(Details { file: file.clone(), rows, duplicate_rows, columns })
}

fn profile_columns(
    frame: &LazyFrame,
    table: &Columnar,
    rows: u64,
    watch: &Watch,
) -> Result<Vec<ColumnProfile>, ToolError> {
    let count = table.columns.len();
    let mut profiles = Vec::with_capacity(count);
    for (index, column) in table.columns.iter().enumerate() {
        watch.cancel().check()?;
        let done = READ.to + (95.0 - READ.to) * index as f64 / count as f64;
        watch.say(done, &format!("column {} of {count}", index + 1));
        profiles.push(column::profile(frame, column, rows)?);
    }
    Ok(profiles)
}

fn duplicates(frame: &LazyFrame, rows: u64, columns: usize, watch: &Watch) -> Result<Option<u64>, ToolError> {
    if columns == 0 || rows.saturating_mul(columns as u64) > DISTINCT_CELLS {
        return Ok(None);
    }
    watch.cancel().check()?;
    watch.say(95.0, "looking for repeated rows");
    Ok(Some(rows - engine::distinct_rows(frame)?))
}

fn report(mut details: Details, notes: Vec<String>, limits: &Limits) -> Report {
    let names = ["column", "type", "count", "nulls", "unique", "min", "max", "mean", "p25", "p50", "p75"];
    let repeated = match details.duplicate_rows {
        Some(0) => ", no row twice".to_owned(),
        Some(number) => format!(", {number} rows repeat an earlier one"),
        None => String::new(),
    };
    let count = details.columns.len();
    let summary = format!("{}: {} rows × {count} columns{repeated}", details.file, details.rows);
    let approximate = approximate(&details);
    details.columns.truncate(fitting(&details.columns, limits));
    let shown = details.columns.len();
    Report {
        summary,
        columns: names.map(|name| Column { name: name.to_owned(), dtype: column::dtype_of(name).to_owned() }).to_vec(),
        rows: details.columns.iter().map(ColumnProfile::row).collect(),
        row_count: Some(count as u64),
        truncated: shown < count,
        guidance: left_out(shown, count).into_iter().chain(approximate).chain(notes).collect(),
        details: serde_json::to_value(details).expect("details are plain data"),
    }
}

/// How many of the first profiles are shown: each twice, as a row and among the details.
fn fitting(profiles: &[ColumnProfile], limits: &Limits) -> usize {
    let mut chars = 0;
    let fits = profiles.iter().take(limits.max_preview_rows).take_while(|profile| {
        let details = serde_json::to_string(profile).expect("a profile is plain data");
        chars += details.chars().count() + Value::from(profile.row()).to_string().chars().count();
        chars <= limits.max_preview_chars
    });
    fits.count()
}

fn left_out(shown: usize, count: usize) -> Option<String> {
    (shown < count).then(|| {
        format!("only the first {shown} of {count} columns are shown; profile.json has all, and data_query selects columns by name")
    })
}

fn approximate(details: &Details) -> Option<String> {
    let approximate = details.columns.iter().any(|column| !column.unique_is_exact);
    let note = "the distinct values of columns this long are estimated, within about 2 %; count(DISTINCT …) in data_query is exact";
    approximate.then(|| note.to_owned())
}

#[cfg(test)]
mod tests;
