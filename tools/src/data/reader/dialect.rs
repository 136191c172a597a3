//! What one look at all of a CSV file finds: header, line ends, formats of dates, columns with types that fit every row.
//!
//! It is said to DuckDB again with every statement, so that a file is looked at once, however many statements are bound on it.

use duckdb::{Connection, Row};

use crate::Column;
use crate::data::duck::{Fault, text};

/// What was found.
pub(super) struct Dialect {
    /// Whether the first row was taken as the header.
    pub(super) header: bool,
    /// As DuckDB writes it: `\n`, `\r\n`, `\r`.
    line_end: String,
    dates: Option<String>,
    moments: Option<String>,
    pub(super) columns: Vec<Column>,
}

impl Dialect {
    /// Looks at all rows of `local` (an SQL literal), read as `given` says.
    ///
    /// # Errors
    /// DuckDB's, for a file that it cannot read that way.
    pub(super) fn find(connection: &Connection, local: &str, given: &str) -> Result<Self, Fault> {
        // Types come from all rows: one found in the first rows alone would round or cut what a later row holds.
        let mut statement = connection.prepare(&format!(
            "SELECT HasHeader, NewLineDelimiter, DateFormat, TimestampFormat, found.name, found.type \
             FROM (SELECT *, unnest(Columns) AS found FROM sniff_csv({local}, {given}, sample_size = -1))"
        ))?;
        let found: Vec<Self> = statement.query_map([], Self::of)?.collect::<duckdb::Result<_>>()?;
        let mut rows = found.into_iter();
        let first = rows.next().ok_or_else(|| Fault::said("it has no columns"))?;
        Ok(rows.fold(first, Self::and))
    }

    /// The dialect as one row tells it, with one column.
    fn of(row: &Row<'_>) -> duckdb::Result<Self> {
        let columns = vec![Column { name: row.get(4)?, dtype: row.get(5)? }];
        Ok(Self { header: row.get(0)?, line_end: row.get(1)?, dates: row.get(2)?, moments: row.get(3)?, columns })
    }

    fn and(mut self, next: Self) -> Self {
        self.columns.extend(next.columns);
        self
    }

    /// The options of `read_csv` that spare it the look.
    pub(super) fn options(&self) -> String {
        let columns = self.columns.iter().map(|column| format!("{}: {}", text(&column.name), text(&column.dtype)));
        let columns = columns.collect::<Vec<_>>().join(", ");
        let line_end = self.line_end.starts_with('\\').then(|| format!("new_line = '{}'", self.line_end));
        let format = |option: &str, format: &Option<String>| Some(format!("{option} = {}", text(format.as_ref()?)));
        let found = [line_end, format("dateformat", &self.dates), format("timestampformat", &self.moments)];
        let mut options = vec![format!("auto_detect = false, header = {}, columns = {{{columns}}}", self.header)];
        options.extend(found.into_iter().flatten());
        options.join(", ")
    }

    /// What to tell of a header that had to be guessed.
    pub(super) fn note(&self, name: &str) -> Option<String> {
        if !self.header {
            let first = self.columns.first().map_or("column0", |column| column.name.as_str());
            return Some(format!(
                "{name} seems to have no header: its first row is read as data, and the columns are called {first} and so on"
            ));
        }
        let all_text = self.columns.iter().all(|column| column.dtype == "VARCHAR");
        all_text.then(|| format!("the first row of {name} is taken for its header, a guess where all columns are text"))
    }
}
