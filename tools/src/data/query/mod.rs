//! `data_query`: one SELECT over workspace tables, on DuckDB.
//!
//! `guard` says which tables a query reads before the job exists; `run` puts each before DuckDB as a view of that very name,
//! keeps the whole result as a table of its own, shows its first rows and writes it out.

mod ast;
mod export;
mod functions;
mod guard;
mod nesting;
mod place;

use std::collections::BTreeMap;

use duckdb::Connection;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(in crate::data) use place::place;

use self::export::Output;
use super::cells::{columns_left_out, heads, preview};
use super::duck::{self, Fault, Hidden, Phase, Watch, ident};
use super::reader::{Means, Sources, columns_of};
use crate::{Column, Context, InputSpec, Limits, Report, Tool, ToolError, WorkspacePath};

/// The whole result, as a table. No file can be called so: workspace paths hold no control characters.
const RESULT: &str = "\u{1}result";

/// Columns of a result. Many more are slow in the engine, where no stop is heard, and of no use to a reader.
const MAX_COLUMNS: usize = 4_096;

const OPEN: Phase = Phase { message: "opening the inputs", from: 0.0, to: 5.0 };
const READ: Phase = Phase { message: "running the query", from: 5.0, to: 85.0 };
const SHOW: Phase = Phase { message: "reading the first rows", from: 85.0, to: 87.0 };
const WRITE: Phase = Phase { message: "writing the result", from: 87.0, to: 99.0 };

/// The tool.
pub struct Query;

/// What a query is called with.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// One SELECT (or WITH … SELECT) in DuckDB's SQL. Name a table by its file without the ending (`FROM sales` for
    /// sales.csv), by its quoted path (`FROM "in/sales.csv"`, `FROM "jobs/<job_id>/result.parquet"`), or by an alias from
    /// `files`.
    pub sql: String,
    /// Aliases: name in the SQL → path in the workspace. Only needed where two files share a name.
    #[serde(default)]
    pub files: BTreeMap<String, WorkspacePath>,
    /// The format of the artifact that holds the whole result.
    #[serde(default)]
    pub output: Output,
    /// How many rows to show in the answer (default 50, at most 1,000). The artifact always holds all.
    #[serde(default)]
    pub preview_rows: Option<usize>,
}

/// The query's own part of its report.
#[derive(Serialize, JsonSchema)]
pub struct Details {
    /// The artifact with the whole result.
    pub artifact: String,
    /// The tables that were read: name in the SQL → path in the workspace.
    pub tables: BTreeMap<String, WorkspacePath>,
}

impl Tool for Query {
    type Params = Params;
    type Details = Details;

    const NAME: &'static str = "data_query";
    const TITLE: &'static str = "Query tables with SQL";
    const DESCRIPTION: &'static str = "Runs one SQL SELECT (DuckDB dialect: joins, windows, CTEs, PIVOT … IN, JSON and list \
        functions) over tables of the workspace: CSV and TSV (also gzipped, any common separator and encoding), JSON, NDJSON, \
        Parquet, Arrow IPC. Times with a zone are read as TIMESTAMP in UTC. Use it to filter, join, aggregate or reshape tables of any size. Returns the first rows and keeps \
        the whole result as an artifact (Parquet, CSV, JSON or Arrow) that the next query can read by its path. \
        Use data_profile first when the columns are unknown.";

    fn inputs(&self, params: &Params) -> Result<Vec<InputSpec>, ToolError> {
        let limits = Limits::default();
        check_aliases(&params.files, &limits)?;
        let tables = guard::located(&params.sql, &aliases(params), &limits)?;
        let named = params.files.iter().map(|(name, path)| InputSpec::Path { name: name.clone(), path: path.clone() });
        let is_alias = |table: &String| params.files.keys().any(|alias| alias.to_lowercase() == table.to_lowercase());
        let others = tables.into_iter().filter(|(_, name)| !is_alias(name));
        let others = others.map(|(at, name)| InputSpec::Table { name, place: at.map(|at| place(&params.sql, at)) });
        Ok(named.chain(others).collect())
    }

    fn run(&self, params: Params, ctx: &mut Context) -> Result<Report, ToolError> {
        let tables = guard::tables_of(&params.sql, &aliases(&params), ctx.limits())?;
        let target = ctx.output(params.output.file_name(), params.output.mime())?;
        let watch = Watch::new(ctx);
        watch.say(OPEN.from, OPEN.message);
        let mut sources = Sources::open(ctx.inputs(), Means::of(ctx, &watch, OPEN))?;
        let connection = duck::open(ctx.limits(), ctx.scratch(), &sources.locals(), std::slice::from_ref(&target))?;

        let made =
            watch.during(&connection, READ, || sources.attempt(&connection, |on| materialise(on, &params.sql)))?;
        let mut hidden = sources.hidden();
        hidden.add(&target, params.output.file_name());
        made.map_err(|fault| {
            let columns = sources.columns(&connection);
            fault.into_query_error(&params.sql, &tables, &columns, &hidden)
        })??;

        let shown = watch.during(&connection, SHOW, || {
            Shown::of(&connection, &params, ctx.limits())
                .map_err(|fault| internal(fault, &hidden, "reading the result"))
        })?;
        watch.during(&connection, WRITE, || {
            let written = params.output.write(&connection, &ident(RESULT), &shown.exports, &target, ctx.cancel());
            written.map_err(|error| ToolError::new(error.kind, hidden.scrub(&error.message)))
        })?;
        watch.say(100.0, "done");
        Ok(shown.into_report(&params, ctx, sources.notes()))
    }
}

fn check_aliases(files: &BTreeMap<String, WorkspacePath>, limits: &Limits) -> Result<(), ToolError> {
    if files.len() > limits.max_files {
        let most = limits.max_files;
        return Err(ToolError::too_large(format!("files names {} files; at most {most} are allowed", files.len())));
    }
    for alias in files.keys() {
        if alias.trim().is_empty() || alias.chars().count() > 200 || alias.chars().any(char::is_control) {
            let message = format!("files: {alias:?} is no table name; use letters, digits and _, like \"sales\"");
            return Err(ToolError::invalid(message));
        }
    }
    let mut folded: Vec<String> = files.keys().map(|alias| alias.to_lowercase()).collect();
    folded.sort();
    if let Some([twice, _]) = folded.windows(2).find(|pair| pair[0] == pair[1]) {
        let message =
            format!("files: {twice:?} is there twice but for case, which SQL does not tell apart; rename one");
        return Err(ToolError::invalid(message));
    }
    Ok(())
}

fn aliases(params: &Params) -> Vec<&str> {
    params.files.keys().map(String::as_str).collect()
}

fn internal(fault: Fault, hidden: &Hidden, what: &str) -> ToolError {
    let error = fault.into_internal(what);
    ToolError::new(error.kind, hidden.scrub(&error.message))
}

/// Runs `sql` into the result table. It is prepared alone first, so that a fault in it is told in its own lines.
fn materialise(connection: &Connection, sql: &str) -> Result<Result<(), ToolError>, Fault> {
    let columns = connection.prepare(sql)?.column_count();
    if columns > MAX_COLUMNS {
        let message =
            format!("the result has {columns} columns; at most {MAX_COLUMNS} are allowed, select those you need");
        return Ok(Err(ToolError::too_large(message)));
    }
    let ahead = format!("CREATE OR REPLACE TEMP TABLE {} AS\n", ident(RESULT));
    let made = connection.execute_batch(&format!("{ahead}{sql}"));
    made.map(Ok).map_err(|error| Fault::from(error).behind(ahead.len()))
}

/// The result, looked at.
struct Shown {
    /// The columns, with their types in the artifact.
    exports: Vec<Column>,
    rows: Vec<Vec<serde_json::Value>>,
    /// How many of the columns are shown.
    columns: usize,
    row_count: u64,
    truncated: bool,
}

impl Shown {
    fn of(connection: &Connection, params: &Params, limits: &Limits) -> Result<Self, Fault> {
        let result = ident(RESULT);
        let columns = columns_of(connection, &result)?;
        let count = format!("SELECT count(*) FROM {result}");
        let row_count: u64 = connection.query_row(&count, [], |row| row.get(0))?;
        let most = params.preview_rows.unwrap_or(50).min(limits.max_preview_rows);
        let preview = preview(connection, &result, &columns, most, limits)?;
        let truncated = preview.cut || (preview.rows.len() as u64) < row_count;
        let exports = export::plan(connection, &result, columns)?;
        Ok(Self { exports, rows: preview.rows, columns: preview.columns, row_count, truncated })
    }

    fn into_report(self, params: &Params, ctx: &Context, notes: Vec<String>) -> Report {
        let artifact = params.output.file_name();
        let (rows, columns) = (self.row_count, self.exports.len());
        let plural = |number: u64| if number == 1 { "" } else { "s" };
        let guidance = self.truncated.then(|| {
            format!(
                "the rows shown are {} of {rows}; the whole result is the artifact {artifact}: read it in a next query as \
                 FROM \"jobs/<job_id>/{artifact}\", or aggregate further",
                self.rows.len()
            )
        });
        let left_out = columns_left_out(self.columns, columns);
        let shown = self.exports.into_iter().take(self.columns);
        let tables = ctx.inputs().iter().map(|input| (input.name.clone(), input.path.clone())).collect();
        let details = Details { artifact: artifact.to_owned(), tables };
        Report {
            summary: format!("{rows} row{} × {columns} column{} in {artifact}", plural(rows), plural(columns as u64)),
            columns: heads(shown, ctx.limits()),
            rows: self.rows,
            row_count: Some(rows),
            truncated: self.truncated,
            guidance: left_out.into_iter().chain(guidance).chain(notes).collect(),
            details: serde_json::to_value(details).expect("details are plain data"),
        }
    }
}

#[cfg(test)]
mod tests;
