//! The first rows of a table as JSON, small enough to be read: how each type is written, and where a preview ends.
//!
//! Every cell comes from DuckDB as text and is read by its column's type, so that no value passes through a type that would
//! round it.

use duckdb::Connection;
use serde_json::{Number, Value};

use super::duck::{Fault, ident};
use crate::{Column, Limits};

/// Whole numbers beyond this are not exact in JavaScript, nor in most clients.
const EXACT: i64 = 1 << 53;

/// The first rows.
pub(super) struct Preview {
    /// One JSON value a cell.
    pub(super) rows: Vec<Vec<Value>>,
    /// Whether a cell was cut or rows were left out for their length.
    pub(super) cut: bool,
}

/// The first `rows` rows of `relation`, whose columns are `columns`.
///
/// # Errors
/// DuckDB's.
pub(super) fn preview(
    connection: &Connection,
    relation: &str,
    columns: &[Column],
    rows: usize,
    limits: &Limits,
) -> Result<Preview, Fault> {
    let kinds: Vec<Kind> = columns.iter().map(|column| Kind::of(&column.dtype)).collect();
    let cells = columns.iter().zip(&kinds).map(|(column, kind)| kind.as_text(&ident(&column.name), limits));
    let sql = format!("SELECT {} FROM {relation} LIMIT {rows}", cells.collect::<Vec<_>>().join(", "));
    let mut statement = connection.prepare(&sql)?;
    let mut found = statement.query([])?;
    let mut preview = Preview { rows: Vec::new(), cut: false };
    let mut chars = 0;
    while let Some(row) = found.next()? {
        let mut cells = Vec::with_capacity(kinds.len());
        for (index, kind) in kinds.iter().enumerate() {
            let (cell, cut) = kind.read(row.get(index)?, limits.max_cell_chars);
            preview.cut |= cut;
            cells.push(cell);
        }
        chars += cells.iter().map(|cell| cell.to_string().chars().count() + 1).sum::<usize>();
        if chars > limits.max_preview_chars {
            preview.cut = true;
            break;
        }
        preview.rows.push(cells);
    }
    Ok(preview)
}

/// How a type is written in JSON.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Boolean,
    Whole,
    Real,
    Decimal,
    Moment,
    Bytes,
    Nested,
    Text,
}

impl Kind {
    fn of(dtype: &str) -> Self {
        if dtype.ends_with(']') || ["STRUCT(", "MAP(", "UNION("].iter().any(|start| dtype.starts_with(start)) {
            return Self::Nested;
        }
        if dtype.starts_with("DECIMAL(") {
            return Self::Decimal;
        }
        if dtype.starts_with("TIMESTAMP") {
            return Self::Moment;
        }
        match dtype {
            "BOOLEAN" => Self::Boolean,
            "TINYINT" | "SMALLINT" | "INTEGER" | "BIGINT" | "HUGEINT" | "UTINYINT" | "USMALLINT" | "UINTEGER"
            | "UBIGINT" | "UHUGEINT" | "BIGNUM" => Self::Whole,
            "FLOAT" | "DOUBLE" => Self::Real,
            "BLOB" => Self::Bytes,
            "JSON" | "VARIANT" => Self::Nested,
            _ => Self::Text,
        }
    }

    /// The column `name` as text in SQL, one character longer than a cell may be, so that a cut shows.
    fn as_text(self, name: &str, limits: &Limits) -> String {
        let most = limits.max_cell_chars + 1;
        match self {
            Self::Boolean | Self::Whole | Self::Real | Self::Decimal => format!("CAST({name} AS VARCHAR)"),
            Self::Moment => format!("replace(CAST({name} AS VARCHAR), ' ', 'T')"),
            Self::Bytes => format!("left(lower(hex({name})), {most})"),
            Self::Nested => format!("left(CAST(to_json({name}) AS VARCHAR), {most})"),
            Self::Text => format!("left(CAST({name} AS VARCHAR), {most})"),
        }
    }

    /// The cell, and whether it was cut.
    fn read(self, text: Option<String>, most: usize) -> (Value, bool) {
        let Some(text) = text else {
            return (Value::Null, false);
        };
        let value = match self {
            Self::Boolean => Value::Bool(text == "true"),
            Self::Whole => whole(text),
            Self::Real => real(text),
            Self::Decimal => decimal(text),
            Self::Moment | Self::Bytes | Self::Text => return cut(text, most),
            Self::Nested => return nested(text, most),
        };
        (value, false)
    }
}

fn whole(text: String) -> Value {
    match text.parse::<i64>() {
        Ok(number) if (-EXACT..=EXACT).contains(&number) => Value::from(number),
        _ => Value::String(text),
    }
}

fn real(text: String) -> Value {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Number::from_f64(number).map_or(Value::String(text), Value::Number),
        Ok(number) if number.is_nan() => Value::from("NaN"),
        Ok(number) => Value::from(if number > 0.0 { "Infinity" } else { "-Infinity" }),
        Err(_) => Value::String(text),
    }
}

/// A number where a double has room for every digit, else text.
fn decimal(text: String) -> Value {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    if digits <= 15 { real(text) } else { Value::String(text) }
}

fn nested(text: String, most: usize) -> (Value, bool) {
    if text.chars().count() > most {
        return cut(text, most);
    }
    match serde_json::from_str(&text) {
        Ok(value) => (exact(value), false),
        Err(_) => (Value::String(text), false), // NaN and infinity are no JSON
    }
}

/// `value` with its whole numbers beyond [`EXACT`] as texts.
fn exact(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_i64() || number.is_u64() => whole(number.to_string()),
        Value::Array(items) => items.into_iter().map(exact).collect(),
        Value::Object(fields) => fields.into_iter().map(|(key, value)| (key, exact(value))).collect(),
        other => other,
    }
}

/// `text` at most `most` characters long, and whether it was cut.
pub(super) fn cut(text: String, most: usize) -> (Value, bool) {
    match text.char_indices().nth(most) {
        None => (Value::String(text), false),
        Some((end, _)) => (Value::String(format!("{}…", &text[..end])), true),
    }
}

#[test]
fn cells_keep_every_digit() {
    let read = |dtype: &str, text: &str| Kind::of(dtype).read(Some(text.to_owned()), 5).0;
    assert_eq!(read("BIGINT", "9007199254740992"), Value::from(EXACT));
    assert_eq!(read("BIGINT", "9007199254740993"), Value::from("9007199254740993"));
    assert_eq!(read("DECIMAL(10,2)", "12.50"), Value::from(12.5));
    assert_eq!(read("DECIMAL(38,2)", "12345678901234567.89"), Value::from("12345678901234567.89"));
    assert_eq!(read("DOUBLE", "nan"), Value::from("NaN"));
    assert_eq!(read("DOUBLE", "-inf"), Value::from("-Infinity"));
    assert_eq!(read("FLOAT", "0.1"), Value::from(0.1));
    assert_eq!(read("VARCHAR", "grüße!"), Value::from("grüße…"));
    assert_eq!(read("INTEGER[]", "[1,2]"), serde_json::json!([1, 2]));
}
