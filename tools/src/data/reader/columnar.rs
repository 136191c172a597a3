//! A Parquet file of any input, for Polars: the input itself when it is one that Polars reads, else a copy in scratch that
//! DuckDB wrote. So Polars sees DuckDB's types.

use std::path::PathBuf;

use super::source::Kind;
use super::{Means, Sources, columns_of};
use crate::data::duck::{self, Fault, Phase, Watch, ident, text};
use crate::{Column, Input, ToolError};

/// A table as a Parquet file.
pub(in crate::data) struct Columnar {
    /// The file.
    pub(in crate::data) local: PathBuf,
    /// Its columns, with DuckDB's types of the input.
    pub(in crate::data) columns: Vec<Column>,
}

/// Gives the table of `input` as Parquet.
///
/// # Errors
/// `BadInput`, `Unsupported`, `TooLarge`, `NoSpace`, as reading and writing it goes; `Cancelled`.
pub(in crate::data) fn columnar(
    input: &Input,
    means: Means,
    watch: &Watch,
    phase: Phase,
) -> Result<Columnar, ToolError> {
    let mut sources = Sources::open(std::slice::from_ref(input), means)?;
    let copy = means.scratch.join("columnar.parquet");
    let connection = duck::open(means.limits, means.scratch, &sources.locals(), std::slice::from_ref(&copy))?;
    let name = ident(&input.name);
    let original = matches!(sources.list[0].kind, Kind::Parquet).then(|| sources.list[0].local.clone());
    let result = watch.during(&connection, phase, || {
        sources.attempt(&connection, |connection| {
            let columns = columns_of(connection, &name)?;
            if let Some(local) = original.clone().filter(|_| columns.iter().all(|column| is_plain(&column.dtype))) {
                return Ok(Columnar { local, columns });
            }
            let list: Vec<String> = columns.iter().map(projection).collect();
            let copy_to = text(&copy.to_string_lossy());
            let sql = format!("COPY (SELECT {} FROM {name}) TO {copy_to} (FORMAT parquet)", list.join(", "));
            connection.execute_batch(&sql)?;
            Ok(Columnar { local: copy.clone(), columns })
        })
    })?;
    result.map_err(|fault: Fault| {
        ToolError::bad_input(sources.hidden().scrub(&format!("{}: {}", input.path, fault.first_line())))
    })
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
    if dtype == "TIMESTAMP WITH TIME ZONE" {
        return format!("make_timestamp(epoch_us({name})) AS {name}"); // in UTC
    }
    if ["HUGEINT", "UHUGEINT", "BIGNUM"].contains(&dtype) {
        return format!("CAST({name} AS DOUBLE) AS {name}");
    }
    let nested = dtype.ends_with(']') || ["STRUCT(", "MAP(", "UNION("].iter().any(|start| dtype.starts_with(start));
    if nested { format!("to_json({name})::VARCHAR AS {name}") } else { format!("{name}::VARCHAR AS {name}") }
}
