//! Polars, called with care: whole tables are scanned lazily, and its errors become ours.
//!
//! Polars runs on a thread pool of its own; `compute` admits the job, this only calls.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use polars::prelude::{
    AnyValue, DataFrame, Engine, Expr, LazyFrame, PlRefPath, PolarsError, ScanArgsParquet, UniqueKeepStrategy, len,
};

use crate::ToolError;

/// The table in the Parquet file `local`, not read yet.
///
/// # Errors
/// `Internal` when Polars cannot open what the reader checked.
pub(super) fn scan(local: &Path) -> Result<LazyFrame, ToolError> {
    let path = PlRefPath::from(local.to_string_lossy().as_ref());
    let options = ScanArgsParquet { glob: false, cache: false, ..ScanArgsParquet::default() };
    LazyFrame::scan_parquet(path, options).map_err(|error| failed(&error))
}

/// One row of aggregates over `frame`.
///
/// # Errors
/// `Internal`, or `ResourceExhausted` when memory ran out.
pub(super) fn ask(frame: &LazyFrame, questions: Vec<Expr>) -> Result<DataFrame, ToolError> {
    collect(frame.clone().select(questions))
}

/// How many rows `frame` has.
///
/// # Errors
/// See [`ask`].
pub(super) fn rows(frame: &LazyFrame) -> Result<u64, ToolError> {
    count(&ask(frame, vec![len().alias("rows")])?)
}

/// How many different rows `frame` has.
///
/// # Errors
/// See [`ask`].
pub(super) fn distinct_rows(frame: &LazyFrame) -> Result<u64, ToolError> {
    let distinct = frame.clone().unique(None, UniqueKeepStrategy::Any);
    count(&collect(distinct.select([len().alias("rows")]))?)
}

fn count(answer: &DataFrame) -> Result<u64, ToolError> {
    let value: Option<u64> = answer.get(0).and_then(|row| row.first().and_then(AnyValue::extract));
    value.ok_or_else(|| ToolError::internal("counting rows gave no number"))
}

fn collect(frame: LazyFrame) -> Result<DataFrame, ToolError> {
    let run = AssertUnwindSafe(|| Ok(frame.collect_with_engine(Engine::Streaming)?.unwrap_single()));
    let answer = catch_unwind(run).map_err(|_| ToolError::internal("profiling the table failed: Polars panicked"))?;
    answer.map_err(|error: PolarsError| failed(&error))
}

fn failed(error: &PolarsError) -> ToolError {
    ToolError::internal(format!("profiling the table failed: {}", first_words(&error.to_string())))
}

/// The message without what follows its first line, which may hold paths and plans.
fn first_words(message: &str) -> String {
    message.lines().next().unwrap_or_default().split('/').next().unwrap_or_default().trim().to_owned()
}
