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
use crate::{Column, Context, InputSpec, Report, Tool, ToolError, WorkspacePath};

const READ: Phase = Phase { message: "reading the table", from: 0.0, to: 40.0 };
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

/// The profile's own part of its report, and the artifact `profile.json`.
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
        let table = columnar(input, Means::of(ctx), &watch, READ)?;
        let frame = engine::scan(&table.local)?;
        let rows = engine::rows(&frame)?;
        let columns = profile_columns(&frame, &table, rows, &watch)?;
        let duplicate_rows = duplicates(&frame, rows, columns.len(), &watch)?;
        let details = Details { file: params.file, rows, duplicate_rows, columns };
        let json = serde_json::to_vec_pretty(&details).expect("details are plain data");
        fs::write(artifact, json).map_err(|error| ToolError::io("writing profile.json", &error))?;
        watch.say(100.0, "done");
        Ok(report(&details, ctx.limits().max_preview_rows))
    }
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

fn report(details: &Details, most: usize) -> Report {
    let names = ["column", "type", "count", "nulls", "unique", "min", "max", "mean", "p25", "p50", "p75"];
    let repeated = match details.duplicate_rows {
        Some(0) => ", no row twice".to_owned(),
        Some(number) => format!(", {number} rows repeat an earlier one"),
        None => String::new(),
    };
    let count = details.columns.len();
    Report {
        summary: format!("{}: {} rows × {count} columns{repeated}", details.file, details.rows),
        columns: names.map(|name| Column { name: name.to_owned(), dtype: column::dtype_of(name).to_owned() }).to_vec(),
        rows: details.columns.iter().take(most).map(ColumnProfile::row).collect(),
        row_count: Some(count as u64),
        truncated: count > most,
        guidance: guidance(details),
        details: serde_json::to_value(details).unwrap_or(Value::Null),
    }
}

fn guidance(details: &Details) -> Vec<String> {
    let approximate = details.columns.iter().any(|column| !column.unique_is_exact);
    let note = "the distinct values of columns this long are estimated, within about 2 %; count(DISTINCT …) in data_query is exact";
    if approximate { vec![note.to_owned()] } else { Vec::new() }
}

#[cfg(test)]
mod tests;
