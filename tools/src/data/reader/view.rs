//! How an opened input stands after FROM: looked at once, then said to DuckDB in full, as often as statements are bound on it.

use duckdb::Connection;

use super::columns_of;
use super::dialect::Dialect;
use super::source::{Kind, Source};
use crate::Column;
use crate::data::duck::{Fault, ident, text};

/// What the look found.
pub(super) struct Settled {
    /// What stands after FROM.
    relation: String,
    /// Its columns.
    pub(super) columns: Vec<Column>,
    /// What the caller should know of how the file is read.
    pub(super) note: Option<String>,
}

impl Settled {
    /// Looks at `source`, of which `rows` rows will be asked for.
    ///
    /// # Errors
    /// DuckDB's.
    pub(super) fn of(source: &Source, connection: &Connection, rows: usize) -> Result<Self, Fault> {
        let local = text(&source.local.to_string_lossy());
        let (relation, note) = match &source.kind {
            Kind::Csv(options) => {
                let given = options.given();
                let dialect = Dialect::find(connection, &local, &given)?;
                let note = dialect.note(&source.path);
                let relation = format!("read_csv({local}, {given}, {})", dialect.options());
                return Ok(Self { relation, columns: dialect.columns, note });
            }
            Kind::Json(options) if options.is_beginning(rows) => (options.relation(&local, true), None),
            Kind::Json(options) => (load(connection, source, &options.relation(&local, false))?, None),
            Kind::Parquet => (format!("read_parquet({local})"), None),
        };
        let columns = columns_of(connection, &relation)?;
        Ok(Self { relation, columns, note })
    }

    /// The statement that makes the view `name`. Times with a zone become times in UTC: without a database of zones, which is
    /// not built in, DuckDB can do nothing with them.
    pub(super) fn view(&self, name: &str) -> String {
        let zoned =
            self.columns.iter().filter_map(|column| Some(format!("{} AS {}", in_utc(column)?, ident(&column.name))));
        let zoned = zoned.collect::<Vec<_>>().join(", ");
        let replaced = if zoned.is_empty() { String::new() } else { format!(" REPLACE ({zoned})") };
        format!("CREATE OR REPLACE TEMP VIEW {} AS SELECT *{replaced} FROM {}", ident(name), self.relation)
    }

    /// Whether a time with a zone is among the columns.
    pub(super) fn is_zoned(&self) -> bool {
        self.columns.iter().any(|column| in_utc(column).is_some())
    }
}

/// Reads all records into a table of DuckDB's own, which spills to scratch. JSON cannot be told its types as CSV can: each of its
/// columns has a format of dates of its own, and keys that differ only in case were renamed.
fn load(connection: &Connection, source: &Source, relation: &str) -> Result<String, Fault> {
    let table = ident(&format!("\u{1}input {}", source.number));
    connection.execute_batch(&format!("CREATE OR REPLACE TEMP TABLE {table} AS SELECT * FROM {relation}"))?;
    Ok(table)
}

/// The expression for a column that is a time with a zone. No cast: DuckDB would have the CSV reader do it, on the text, where the
/// zone is cut off.
fn in_utc(column: &Column) -> Option<String> {
    let name = ident(&column.name);
    match column.dtype.as_str() {
        "TIMESTAMP WITH TIME ZONE" => Some(format!(
            "CASE WHEN isfinite({name}) THEN make_timestamp(epoch_us({name})) ELSE CAST({name} AS TIMESTAMP) END"
        )),
        "TIMESTAMPTZ_NS" => Some(format!("CAST({name} AS TIMESTAMP_NS)")),
        _ => None,
    }
}
