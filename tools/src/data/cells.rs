//! The first rows of a table as JSON, small enough to be read: how each type is written, and where a preview ends.
//!
//! Every cell comes from DuckDB as text and is read by its column's type, so that no value passes through a type that would
//! round it.

use duckdb::Connection;
use serde_json::{Number, Value};

use super::duck::{Fault, ident};
use super::finite::finite;
use crate::{Column, Limits};

/// Whole numbers beyond this are not exact in JavaScript, nor in most clients.
const EXACT: i64 = 1 << 53;

/// The first rows.
pub(super) struct Preview {
    /// One JSON value a cell.
    pub(super) rows: Vec<Vec<Value>>,
    /// How many of the columns are shown, from the first on.
    pub(super) columns: usize,
    /// Whether a cell was cut, or rows or columns were left out for their length.
    pub(super) cut: bool,
}

/// The first `rows` rows of `relation`, whose columns are `columns`. Names, types and cells together keep to the limit; of very
/// many columns the first are shown.
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
    let mut fit = fitting(columns, limits);
    let kinds: Vec<Kind> = columns[..fit].iter().map(|column| Kind::of(&column.dtype)).collect();
    let cells = columns.iter().zip(&kinds).map(|(column, kind)| match kind {
        Kind::Nested => Kind::Nested.as_text(&value(connection, relation, column), limits),
        kind => kind.as_text(&ident(&column.name), limits),
    });
    let sql = format!("SELECT {} FROM {relation} LIMIT {rows}", cells.collect::<Vec<_>>().join(", "));
    let mut statement = connection.prepare(&sql)?;
    let mut found = statement.query([])?;
    let mut preview = Preview { rows: Vec::new(), columns: fit, cut: fit < columns.len() };
    let mut chars: usize = columns[..fit].iter().map(|column| head_chars(column, limits)).sum();
    while let Some(row) = found.next()? {
        let mut cells = Vec::with_capacity(fit);
        for (index, kind) in kinds[..fit].iter().enumerate() {
            let (cell, cut) = kind.read(row.get(index)?, limits.max_cell_chars);
            preview.cut |= cut;
            cells.push(cell);
        }
        if preview.rows.is_empty() {
            fit = within(&cells, limits.max_preview_chars.saturating_sub(chars));
            preview.cut |= fit < cells.len();
            cells.truncate(fit);
            preview.columns = fit;
        }
        chars += cells.iter().map(cell_chars).sum::<usize>();
        if chars > limits.max_preview_chars {
            preview.cut = true;
            break;
        }
        preview.rows.push(cells);
    }
    Ok(preview)
}

fn value(connection: &Connection, relation: &str, column: &Column) -> String {
    finite(connection, relation, column).unwrap_or_else(|| ident(&column.name))
}

/// `columns` as they are shown: a name or a type may be as long as a whole page.
pub(super) fn heads(columns: impl IntoIterator<Item = Column>, limits: &Limits) -> Vec<Column> {
    let short = |text: String| match text.char_indices().nth(limits.max_cell_chars) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    };
    columns.into_iter().map(|Column { name, dtype }| Column { name: short(name), dtype: short(dtype) }).collect()
}

/// How many of the first `columns` have names and types that leave most of the room to cells; at least one.
fn fitting(columns: &[Column], limits: &Limits) -> usize {
    let mut chars = 0;
    let fits = columns.iter().take_while(|column| {
        chars += head_chars(column, limits);
        chars <= limits.max_preview_chars / 4
    });
    fits.count().max(1).min(columns.len())
}

/// How many of the first `cells` have `room`; at least one.
fn within(cells: &[Value], room: usize) -> usize {
    let mut chars = 0;
    let fits = cells.iter().take_while(|cell| {
        chars += cell_chars(cell);
        chars <= room
    });
    fits.count().max(1).min(cells.len())
}

fn head_chars(column: &Column, limits: &Limits) -> usize {
    const AROUND: usize = 24; // what JSON writes around a name and a type
    let chars = |text: &str| text.chars().count().min(limits.max_cell_chars + 1);
    chars(&column.name) + chars(&column.dtype) + AROUND
}

fn cell_chars(cell: &Value) -> usize {
    cell.to_string().chars().count() + 1
}

/// What to tell where only `shown` of `all` columns are.
pub(super) fn columns_left_out(shown: usize, all: usize) -> Option<String> {
    (shown < all).then(|| format!("only the first {shown} of {all} columns are shown; select those you need by name"))
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

    /// The column or expression `name` as text in SQL, one character longer than a cell may be, so that a cut shows.
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
        Err(_) => (Value::String(text), false),
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
