//! What DuckDB says went wrong, taken apart: the connection is set to give its errors as JSON.
//!
//! A fault becomes a query's error here, and an input's error in `reader`. Its text never leaves without `Hidden` having taken
//! the host's paths out of it.

use std::path::Path;

use serde_json::Value;

use crate::data::query::place;
use crate::suggest::did_you_mean;
use crate::{ToolError, ToolErrorKind};

/// Local paths and what to say instead of them.
#[derive(Clone, Default)]
pub(in crate::data) struct Hidden(Vec<(String, String)>);

impl Hidden {
    /// Says `name` for `path`.
    pub(in crate::data) fn add(&mut self, path: &Path, name: &str) {
        self.0.push((path.to_string_lossy().into_owned(), name.to_owned()));
        self.0.sort_by_key(|(path, _)| std::cmp::Reverse(path.len())); // a file before the folder it is in
    }

    /// `text` without the paths.
    pub(in crate::data) fn scrub(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (path, name)| text.replace(path.as_str(), name))
    }
}

/// A kind of name that is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Missing {
    #[default]
    Nothing,
    Column,
    Table,
    Function,
}

impl Missing {
    fn of(subtype: &str, entry: &str) -> Self {
        match (subtype, entry) {
            ("COLUMN_NOT_FOUND", _) => Self::Column,
            ("MISSING_ENTRY", "Table") => Self::Table,
            ("MISSING_ENTRY", entry) if entry.contains("Function") => Self::Function,
            _ => Self::Nothing,
        }
    }
}

/// An error of DuckDB.
#[derive(Debug, Default)]
pub(in crate::data) struct Fault {
    /// `Binder`, `Catalog`, `Conversion`, …
    pub(in crate::data) kind: String,
    /// The whole message.
    pub(in crate::data) message: String,
    /// What was not found, if that is it.
    missing: Missing,
    /// The name that was not found.
    name: String,
    /// Names near to it, by DuckDB.
    candidates: String,
    /// Byte offset in the statement.
    position: Option<usize>,
}

impl From<duckdb::Error> for Fault {
    fn from(error: duckdb::Error) -> Self {
        let text = match error {
            duckdb::Error::DuckDBFailure(_, Some(text)) => text,
            other => other.to_string(),
        };
        let json = text.find('{').and_then(|start| serde_json::from_str::<Value>(text[start..].trim_end()).ok());
        match json {
            Some(json) if json.get("exception_message").is_some() => Self::from_json(&json),
            _ => Self { message: text, ..Self::default() },
        }
    }
}

impl Fault {
    /// A fault that DuckDB does not know as one.
    pub(in crate::data) fn said(message: &str) -> Self {
        Self { message: message.to_owned(), ..Self::default() }
    }

    fn from_json(json: &Value) -> Self {
        let text = |key: &str| json.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            kind: text("exception_type"),
            message: text("exception_message"),
            missing: Missing::of(&text("error_subtype"), &text("type")),
            name: text("name"),
            candidates: text("candidates"),
            position: text("position").parse().ok(),
        }
    }

    /// The fault of a statement that begins `ahead` bytes before the caller's text.
    pub(in crate::data) fn behind(mut self, ahead: usize) -> Self {
        self.position = self.position.and_then(|at| at.checked_sub(ahead));
        self
    }

    /// Our own statement failed.
    pub(in crate::data) fn into_internal(self, what: &str) -> ToolError {
        self.resources().unwrap_or_else(|| ToolError::internal(format!("{what} failed: {}", self.first_line())))
    }

    /// A caller's `sql` over `tables` failed; `columns` are all of theirs.
    pub(in crate::data) fn into_query_error(
        self,
        sql: &str,
        tables: &[String],
        columns: &[String],
        hidden: &Hidden,
    ) -> ToolError {
        if let Some(error) = self.resources() {
            return error;
        }
        if self.kind == "Interrupt" {
            return ToolError::cancelled();
        }
        let what = reworded(&self.first_line()).unwrap_or_else(|| self.describe(tables, columns));
        let place = self.position.map_or_else(String::new, |at| format!(" ({})", place(sql, at)));
        ToolError::bad_query(hidden.scrub(&format!("{what}{place}")))
    }

    /// The error when memory or disk ran out.
    pub(in crate::data) fn resources(&self) -> Option<ToolError> {
        let text = self.message.as_str();
        let full = text.contains("No space left") || text.contains("max_temp_directory_size");
        if full {
            let message =
                "no room on the server's disk for the job's intermediate data; try again later or ask for less";
            return Some(ToolError::new(ToolErrorKind::NoSpace, message));
        }
        let memory = self.kind.contains("Out of Memory") || text.contains("failed to allocate");
        memory.then(|| {
            ToolError::exhausted(
                "the job needs more memory than it may use; read fewer columns or rows, aggregate earlier, or have \
                 the limit raised (--job-memory, or your quota)",
            )
        })
    }

    /// Whether a damaged file may be behind it though it names none: neither the SQL's nor the job's fault by its kind.
    pub(in crate::data) fn may_be_damage(&self) -> bool {
        const OTHERS: [&str; 8] =
            ["Binder", "Catalog", "Conversion", "Interrupt", "Not implemented", "Parser", "Permission", "Syntax"];
        !OTHERS.contains(&self.kind.as_str()) && self.resources().is_none()
    }

    fn describe(&self, tables: &[String], columns: &[String]) -> String {
        let of_table = match tables {
            [one] => format!(" in {one}"),
            _ => String::new(),
        };
        if self.missing == Missing::Column && !self.name.is_empty() {
            let hint = did_you_mean(&self.name, columns.iter().map(String::as_str));
            return format!("column \"{}\" not found{of_table}{hint}", self.name);
        }
        if let Some((table, column)) = self.table_without_column() {
            let hint = did_you_mean(column, columns.iter().map(String::as_str));
            return format!("column \"{column}\" not found in {table}{hint}");
        }
        if self.missing == Missing::Table {
            let hint = did_you_mean(&self.name, tables.iter().map(String::as_str));
            return format!("table \"{}\" not found{hint}", self.name);
        }
        if self.missing == Missing::Function {
            return format!(
                "there is no function {}(){}",
                self.name,
                did_you_mean(&self.name, self.candidates.split(',').map(str::trim))
            );
        }
        self.first_line()
    }

    /// `Table "s" does not have a column named "prise"`.
    fn table_without_column(&self) -> Option<(&str, &str)> {
        if !self.message.contains("does not have a column named") {
            return None;
        }
        let mut quoted = self.message.split('"').skip(1).step_by(2);
        Some((quoted.next()?, quoted.next()?))
    }

    /// The message's first line, begun in lower case, without a final period.
    pub(in crate::data) fn first_line(&self) -> String {
        let line = self.message.lines().find(|line| !line.trim().is_empty()).unwrap_or("the engine gave no reason");
        let line = line.trim().trim_end_matches(['.', '!']);
        let mut chars = line.chars();
        let (first, rest) = (chars.next(), chars.as_str());
        let shouts = rest.chars().next().is_some_and(char::is_uppercase); // CSV, JSON stay as they are
        first.map_or_else(String::new, |c| {
            if shouts { line.to_owned() } else { c.to_lowercase().chain(rest.chars()).collect() }
        })
    }
}

/// Ours for those of DuckDB's messages whose remedy is none here.
pub(in crate::data) fn reworded(line: &str) -> Option<String> {
    const ZONES: &str = "times with a zone can only be read, compared and turned to UTC here: CAST(x AS TIMESTAMP) gives UTC, as \
        columns of files already are; add an INTERVAL for another zone";
    if line.to_ascii_lowercase().contains("max expression depth") {
        let depth = line.split(|c: char| !c.is_ascii_digit()).find(|digits| !digits.is_empty()).unwrap_or("so many");
        return Some(format!(
            "the SQL nests expressions more than {depth} deep; split long chains, as with x IN (…) for many ORs, or a WITH"
        ));
    }
    if line.contains("in the icu extension") || line.contains("extension 'icu") {
        let name = line.split('"').nth(1).unwrap_or("what it does with a time");
        return Some(format!("{name} needs a database of time zones, which is not built in; {ZONES}"));
    }
    let unknown = line.starts_with("no function matches")
        || line.contains("Unimplemented type for cast")
        || line.starts_with("unimplemented type for cast");
    (unknown && line.contains("TIMESTAMP WITH TIME ZONE"))
        .then(|| format!("{}; {ZONES}", line.split(". ").next().unwrap_or(line)))
}
