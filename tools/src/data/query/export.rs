//! The whole result as a file: which formats there are, and what becomes of types that a format has no room for.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use arrow::ipc::writer::FileWriter;
use duckdb::Connection;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::data::duck::{Fault, ident, text};
use crate::data::finite::finite;
use crate::{Cancel, Column, ToolError};

/// The format of a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Output {
    /// Parquet: small, typed, the fastest to query again.
    #[default]
    Parquet,
    /// CSV with a header.
    Csv,
    /// A JSON array of objects.
    Json,
    /// Arrow IPC (Feather).
    Arrow,
}

/// Decides the types of the file. Sums of whole numbers are 128 bits wide, which files would round to doubles: they become
/// the smallest exact type that holds them.
///
/// # Errors
/// DuckDB's.
pub(super) fn plan(connection: &Connection, result: &str, columns: Vec<Column>) -> Result<Vec<Column>, Fault> {
    let narrow = |column: Column| -> Result<Column, Fault> {
        let dtype = match column.dtype.as_str() {
            "HUGEINT" | "UHUGEINT" => narrowest(connection, result, &column.name)?,
            "\"NULL\"" => "INTEGER".to_owned(),
            _ => column.dtype,
        };
        Ok(Column { name: column.name, dtype })
    };
    columns.into_iter().map(narrow).collect()
}

fn narrowest(connection: &Connection, result: &str, column: &str) -> Result<String, Fault> {
    let name = ident(column);
    let fits = |dtype: &str| format!("count({name}) = count(TRY_CAST({name} AS {dtype}))");
    let sql = format!("SELECT {}, {} FROM {result}", fits("BIGINT"), fits("DECIMAL(38,0)"));
    let (big, decimal): (bool, bool) = connection.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(if big {
        "BIGINT"
    } else if decimal {
        "DECIMAL(38,0)"
    } else {
        "VARCHAR"
    }
    .to_owned())
}

impl Output {
    /// The artifact's name.
    pub(super) fn file_name(self) -> &'static str {
        match self {
            Self::Parquet => "result.parquet",
            Self::Csv => "result.csv",
            Self::Json => "result.json",
            Self::Arrow => "result.arrow",
        }
    }

    /// The artifact's media type.
    pub(super) fn mime(self) -> &'static str {
        match self {
            Self::Parquet => "application/vnd.apache.parquet",
            Self::Csv => "text/csv",
            Self::Json => "application/json",
            Self::Arrow => "application/vnd.apache.arrow.file",
        }
    }

    /// Writes `columns` of `result` to `target`.
    ///
    /// # Errors
    /// `NoSpace` when the disk is full, `Cancelled`, or `Internal`.
    pub(super) fn write(
        self,
        connection: &Connection,
        result: &str,
        columns: &[Column],
        target: &Path,
        cancel: &Cancel,
    ) -> Result<(), ToolError> {
        let cells: Vec<String> = columns.iter().map(|column| self.cell(connection, result, column)).collect();
        let select = format!("SELECT {} FROM {result}", cells.join(", "));
        let options = match self {
            Self::Parquet => "FORMAT parquet",
            Self::Csv => "FORMAT csv, HEADER true",
            Self::Json => "FORMAT json, ARRAY true",
            Self::Arrow => return write_arrow(connection, &select, target, cancel),
        };
        let sql = format!("COPY ({select}) TO {} ({options})", text(&target.to_string_lossy()));
        connection.execute_batch(&sql).map_err(failed)
    }

    fn cell(self, connection: &Connection, result: &str, column: &Column) -> String {
        if self == Self::Json
            && let Some(value) = finite(connection, result, column)
        {
            return format!("{value} AS {}", ident(&column.name));
        }
        let name = ident(&column.name);
        let bare = column.dtype.split('(').next().unwrap_or_default();
        let textual =
            matches!(bare, "ENUM" | "BIT" | "INTERVAL" | "BIGNUM" | "VARIANT" | "UNION" | "TIME WITH TIME ZONE");
        match (self, column.dtype.as_str()) {
            (_, "BIGINT" | "DECIMAL(38,0)") => format!("CAST({name} AS {}) AS {name}", column.dtype),
            (Self::Arrow, _) if textual => format!("CAST({name} AS VARCHAR) AS {name}"),
            (_, "VARCHAR") => format!("CAST({name} AS VARCHAR) AS {name}"),
            _ => name,
        }
    }
}

fn failed(error: duckdb::Error) -> ToolError {
    Fault::from(error).into_internal("writing the result")
}

fn write_arrow(connection: &Connection, select: &str, target: &Path, cancel: &Cancel) -> Result<(), ToolError> {
    let mut statement = connection.prepare(select).map_err(failed)?;
    let stream = statement.stream_arrow([]).map_err(failed)?;
    let file = File::create(target).map_err(|error| ToolError::io("writing the result", &error))?;
    let mut writer = FileWriter::try_new(BufWriter::new(file), &stream.get_schema()).map_err(|error| arrow(&error))?;
    for batch in stream {
        cancel.check()?;
        writer.write(&batch.map_err(failed)?).map_err(|error| arrow(&error))?;
    }
    writer.finish().map_err(|error| arrow(&error))
}

fn arrow(error: &arrow::error::ArrowError) -> ToolError {
    match error {
        arrow::error::ArrowError::IoError(_, cause) => ToolError::io("writing the result", cause),
        other => ToolError::internal(format!("writing the result as Arrow failed: {other}")),
    }
}
