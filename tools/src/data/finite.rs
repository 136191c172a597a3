//! JSON knows no NaN and no infinity, and DuckDB writes them all the same, as bare words. Here a column's value is put together
//! anew with `"NaN"`, `"Infinity"` and `"-Infinity"` in their place, however deep they lie.
//!
//! Used for the JSON artifact and for the rows shown, so that both say the same.

use arrow::datatypes::{DataType, FieldRef, SchemaRef};
use duckdb::Connection;

use super::duck::{ident, text};
use crate::Column;

/// The expression that gives `column` of `relation` so; `None` where it holds no floating-point numbers.
pub(super) fn finite(connection: &Connection, relation: &str, column: &Column) -> Option<String> {
    let floats = ["FLOAT", "DOUBLE"].iter().any(|float| column.dtype.contains(float));
    let name = ident(&column.name);
    let schema = if floats { schema_of(connection, &format!("SELECT {name} FROM {relation} LIMIT 0")) } else { None };
    rebuilt(&name, schema?.fields().first()?.data_type(), 0)
}

fn schema_of(connection: &Connection, select: &str) -> Option<SchemaRef> {
    let mut statement = connection.prepare(select).ok()?;
    let stream = statement.stream_arrow([]).ok()?;
    Some(stream.get_schema())
}

/// `value`, of type `dtype` and below `depth` lambdas.
fn rebuilt(value: &str, dtype: &DataType, depth: usize) -> Option<String> {
    match dtype {
        DataType::Float16 | DataType::Float32 | DataType::Float64 => Some(number(value)),
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            let each = format!("item{depth}");
            let inner = rebuilt(&each, item.data_type(), depth + 1)?;
            Some(format!("list_transform({value}, lambda {each}: {inner})"))
        }
        DataType::Struct(fields) => {
            let whole = record(value, fields.iter(), depth)?;
            Some(format!("CASE WHEN {value} IS NOT NULL THEN {whole} END"))
        }
        DataType::Map(entries, _) => map(value, entries, depth),
        DataType::Union(members, _) => union(value, members.iter().map(|(_, member)| member), depth),
        _ => None,
    }
}

fn number(value: &str) -> String {
    format!(
        "CASE WHEN isfinite({value}) THEN to_json({value}) WHEN isnan({value}) THEN to_json('NaN') \
         WHEN {value} > 0 THEN to_json('Infinity') WHEN {value} < 0 THEN to_json('-Infinity') END"
    )
}

fn record<'a>(value: &str, fields: impl Iterator<Item = &'a FieldRef>, depth: usize) -> Option<String> {
    let mut changed = false;
    let mut parts = Vec::new();
    for field in fields {
        let part = format!("struct_extract({value}, {})", text(field.name()));
        let new = rebuilt(&part, field.data_type(), depth);
        changed |= new.is_some();
        parts.push(format!("{} := {}", ident(field.name()), new.unwrap_or(part)));
    }
    changed.then(|| format!("struct_pack({})", parts.join(", ")))
}

fn map(value: &str, entries: &FieldRef, depth: usize) -> Option<String> {
    let DataType::Struct(fields) = entries.data_type() else { return None };
    let each = format!("entry{depth}");
    let inner = rebuilt(&format!("{each}.value"), fields.get(1)?.data_type(), depth + 1)?;
    let entries = format!(
        "list_transform(map_entries({value}), lambda {each}: struct_pack(key := {each}.key, value := {inner}))"
    );
    Some(format!("CASE WHEN {value} IS NOT NULL THEN map_from_entries({entries}) END"))
}

/// DuckDB writes a union as a record of the member that it holds.
fn union<'a>(value: &str, members: impl Iterator<Item = &'a FieldRef>, depth: usize) -> Option<String> {
    let mut changed = false;
    let mut cases = String::new();
    for member in members {
        let name = text(member.name());
        let part = format!("union_extract({value}, {name})");
        let new = rebuilt(&part, member.data_type(), depth);
        changed |= new.is_some();
        let record = format!("struct_pack({} := {})", ident(member.name()), new.unwrap_or(part));
        cases = format!("{cases} WHEN {name} THEN to_json({record})");
    }
    changed.then(|| format!("CASE CAST(union_tag({value}) AS VARCHAR){cases} END"))
}
