//! The types of a large CSV file, guessed from its beginning and proved on all of it.
//!
//! DuckDB's look at all rows takes one thread, and for every cell a try of every type; the proof tries the one type that was
//! guessed, on all threads. The guess holds where a look at all rows would have found the same: more rows only rule types out, so
//! what was best among the types of the beginning is best as long as it fits. Where it does not, or nobody can say, all rows are
//! looked at.

use duckdb::Connection;

use super::dialect::Dialect;
use crate::Column;
use crate::data::duck::{Fault, ident, text};

/// How many rows are looked at.
const SAMPLE: u32 = 20_480;

/// The dialect that a look at all rows of `local` (an SQL literal) would find, where the beginning tells it.
///
/// # Errors
/// DuckDB's, for a file that it cannot read as `given` says.
pub(super) fn guess(connection: &Connection, local: &str, given: &str) -> Result<Option<Dialect>, Fault> {
    let dialect = Dialect::sniff(connection, local, given, &SAMPLE.to_string())?;
    let typed = dialect.columns.iter().filter(|column| column.dtype != "VARCHAR");
    let Some(misfits) = typed.map(|column| misfit(column, &dialect)).collect::<Option<Vec<_>>>() else {
        return Ok(None);
    };
    let relation = format!("read_csv({local}, {given}, {})", dialect.options_as_text());
    if !is_known(connection, &relation, &dialect.columns)? {
        return Ok(None);
    }
    if misfits.is_empty() {
        return Ok(Some(dialect));
    }
    let sql = format!("SELECT coalesce(bool_and(NOT ({})), true) FROM {relation}", misfits.join(" OR "));
    let fits: bool = connection.query_row(&sql, [], |row| row.get(0))?;
    Ok(fits.then_some(dialect))
}

/// Whether the beginning has a value for each column of text: where it has none, text is no finding.
fn is_known(connection: &Connection, relation: &str, columns: &[Column]) -> Result<bool, Fault> {
    let texts = columns.iter().filter(|column| column.dtype == "VARCHAR");
    let seen: Vec<String> = texts.map(|column| format!("count({}) > 0", ident(&column.name))).collect();
    if seen.is_empty() {
        return Ok(true);
    }
    // Half of the rows that were looked at: surely some of those.
    let sql = format!("SELECT {} FROM (SELECT * FROM {relation} LIMIT {})", seen.join(" AND "), SAMPLE / 2);
    Ok(connection.query_row(&sql, [], |row| row.get(0))?)
}

/// The condition under which a cell's text does not fit its column's guessed type; nothing for types of which that cannot be
/// told.
fn misfit(column: &Column, dialect: &Dialect) -> Option<String> {
    let cell = ident(&column.name);
    let condition = match (column.dtype.as_str(), &dialect.dates, &dialect.moments) {
        // Written back it is the same: a fraction would have been rounded away.
        ("BIGINT", ..) => format!("TRY_CAST({cell} AS BIGINT)::VARCHAR IS DISTINCT FROM {cell}"),
        ("DOUBLE", ..) => format!("TRY_CAST({cell} AS DOUBLE) IS NULL OR contains({cell}, '_')"),
        ("BOOLEAN", ..) => format!("lower({cell}) NOT IN ('true', 'false')"),
        ("DATE", Some(format), _) | ("TIMESTAMP", _, Some(format)) => {
            format!("try_strptime({cell}, {}) IS NULL", text(format))
        }
        // Longer ones have a time or a zone behind them, which would be cut.
        ("TIME", ..) => format!("TRY_CAST({cell} AS TIME) IS NULL OR length({cell}) > 15"),
        ("DATE", None, _) => format!("TRY_CAST({cell} AS DATE) IS NULL OR length({cell}) > 10"),
        ("TIMESTAMP", _, None) => {
            format!(
                "TRY_CAST({cell} AS TIMESTAMP) IS NULL OR regexp_matches({cell}, '[0-9] *([Zz+]|-[0-9]+:?[0-9]*$)')"
            )
        }
        _ => return None,
    };
    Some(format!("({cell} IS NOT NULL AND ({condition}))"))
}

#[cfg(test)]
mod tests;
