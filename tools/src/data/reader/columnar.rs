//! A Parquet file of any input, for Polars: the input itself when it is one that Polars reads, else a copy in scratch that
//! DuckDB wrote. So Polars sees DuckDB's types.

use std::path::{Path, PathBuf};

use super::source::{Kind, Source};
use super::view::Settled;
use super::{Means, Sources, columns_of, parquet};
use crate::data::duck::{self, Fault, Phase, ident, text};
use crate::{Column, Input, ToolError};

/// A table as a Parquet file.
pub(in crate::data) struct Columnar {
    /// The file.
    pub(in crate::data) local: PathBuf,
    /// Its columns, with DuckDB's types of the input.
    pub(in crate::data) columns: Vec<Column>,
    /// Whether it is DuckDB's copy.
    pub(in crate::data) is_copy: bool,
    /// What the caller should know of how the input is read.
    pub(in crate::data) notes: Vec<String>,
}

/// Gives the table of `input` as Parquet: a copy where `anew` is asked for, or where Polars would not see DuckDB's columns.
///
/// # Errors
/// `BadInput`, `Unsupported`, `TooLarge`, `NoSpace`, as reading and writing it goes; `Cancelled`.
pub(in crate::data) fn columnar(input: &Input, means: Means, phase: Phase, anew: bool) -> Result<Columnar, ToolError> {
    let mut sources = Sources::open(std::slice::from_ref(input), means)?;
    let copy = means.scratch.join("columnar.parquet");
    let connection = duck::open(means.limits, means.scratch, &sources.locals(), std::slice::from_ref(&copy))?;
    let name = ident(&input.name);
    let columns = means
        .watch
        .during(&connection, phase, || sources.attempt(&connection, |connection| columns_of(connection, &name)))?;
    let columns = columns.map_err(|fault| fault_of(input, &sources, &fault))?;
    if !anew && is_for_polars(&sources.list[0], &columns) {
        let local = sources.list[0].local.clone();
        return Ok(Columnar { local, columns, is_copy: false, notes: sources.notes() });
    }
    let copied = means.watch.during(&connection, phase, || {
        sources.attempt(&connection, |connection| {
            let columns = columns_of(connection, &name)?; // again: the file may have been opened another way
            connection.execute_batch(&copying(&name, &columns, &copy))?;
            Ok(columns)
        })
    })?;
    let columns = copied.map_err(|fault| fault_of(input, &sources, &fault))?;
    Ok(Columnar { local: copy, columns, is_copy: true, notes: sources.notes() })
}

fn copying(table: &str, columns: &[Column], copy: &Path) -> String {
    let list = columns.iter().map(projection).collect::<Vec<_>>().join(", ");
    format!("COPY (SELECT {list} FROM {table}) TO {} (FORMAT parquet)", text(&copy.to_string_lossy()))
}

fn fault_of(input: &Input, sources: &Sources, fault: &Fault) -> ToolError {
    let bad = || ToolError::bad_input(sources.hidden().scrub(&format!("{}: {}", input.path, fault.first_line())));
    fault.resources().unwrap_or_else(bad)
}

/// Whether Polars sees the `columns` in the file as it stands: of that type, and by that name, for DuckDB renames columns whose
/// names differ only in case.
fn is_for_polars(source: &Source, columns: &[Column]) -> bool {
    let zoned = source.settled.as_ref().is_some_and(Settled::is_zoned);
    let plain = matches!(source.kind, Kind::Parquet) && !zoned && columns.iter().all(|column| is_plain(&column.dtype));
    plain
        && parquet::names(&source.local).is_some_and(|names| names.iter().eq(columns.iter().map(|column| &column.name)))
}

/// Whether Polars, as it is built here, reads the type from Parquet and means the same by it.
fn is_plain(dtype: &str) -> bool {
    const PLAIN: [&str; 19] = [
        "BOOLEAN",
        "TINYINT",
        "SMALLINT",
        "INTEGER",
        "BIGINT",
        "UTINYINT",
        "USMALLINT",
        "UINTEGER",
        "UBIGINT",
        "FLOAT",
        "DOUBLE",
        "VARCHAR",
        "BLOB",
        "DATE",
        "TIME",
        "TIMESTAMP",
        "TIMESTAMP_NS",
        "TIMESTAMP_MS",
        "JSON",
    ];
    PLAIN.contains(&dtype) || dtype.starts_with("DECIMAL(")
}

/// The column as Polars can read it: whole numbers beyond 64 bits as doubles, nested values as JSON text, the rest of what it
/// does not know as text.
fn projection(column: &Column) -> String {
    let name = ident(&column.name);
    let dtype = column.dtype.as_str();
    if is_plain(dtype) && dtype != "JSON" {
        return name;
    }
    if ["HUGEINT", "UHUGEINT", "BIGNUM"].contains(&dtype) {
        return format!("CAST({name} AS DOUBLE) AS {name}");
    }
    let nested = dtype.ends_with(']') || ["STRUCT(", "MAP(", "UNION("].iter().any(|start| dtype.starts_with(start));
    if nested { format!("to_json({name})::VARCHAR AS {name}") } else { format!("{name}::VARCHAR AS {name}") }
}
