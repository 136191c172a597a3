//! Separated text: which separator, how DuckDB is told, and what its complaints mean in lines of the file.

use std::path::Path;

use super::Means;
use super::encoding::{self, fill};
use super::format::Found;
use super::records::{Counter, Record};
use super::text;
use crate::data::duck::Fault;
use crate::{ToolError, ToolErrorKind};

/// The separators that are looked for; of equally good ones the first wins.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// What DuckDB says when a cell does not fit its column's type.
const CONVERTING: &str = "Error when converting column";

/// How a file is read.
pub(super) struct Options {
    separator: u8,
    pub(super) gzip: bool,
    /// Whether small sins against the standard (mixed line ends) are faults.
    strict: bool,
}

impl Options {
    /// Finds the separator in the beginning of the file called `name`.
    ///
    /// # Errors
    /// `BadInput` for a file without a header.
    pub(super) fn find(name: &str, found: &Found, tabs: bool) -> Result<Self, ToolError> {
        let text = found.head.strip_prefix(encoding::MARK).unwrap_or(&found.head);
        if found.whole && text.iter().all(u8::is_ascii_whitespace) {
            return Err(ToolError::bad_input(format!("{name} has no header and no rows; upload it again")));
        }
        let separator = if tabs && text.contains(&b'\t') { b'\t' } else { separator(text, found.whole) };
        Ok(Self { separator, gzip: found.gzip, strict: true })
    }

    /// What DuckDB is told of the file before it looks.
    pub(super) fn given(&self) -> String {
        let separator = if self.separator == b'\t' { "\\t".to_owned() } else { char::from(self.separator).to_string() };
        format!(
            "delim = '{separator}', quote = '\"', escape = '\"', comment = '', skip = 0, compression = '{}', \
             strict_mode = {}",
            if self.gzip { "gzip" } else { "none" },
            self.strict,
        )
    }

    /// Chooses another way of reading after `fault`; false when there is none.
    ///
    /// # Errors
    /// `BadInput` when a look at the file shows what is wrong with it.
    pub(super) fn relax(&mut self, name: &str, local: &Path, fault: &Fault, means: Means) -> Result<bool, ToolError> {
        if fault.message.contains(CONVERTING) || !self.strict {
            return Ok(false);
        }
        self.look_for_ragged(name, local, means)?;
        self.strict = false;
        Ok(true)
    }

    /// `fault` in words that name the line.
    pub(super) fn explain(&self, name: &str, local: &Path, fault: &Fault, means: Means) -> ToolError {
        if fault.message.contains(CONVERTING) {
            return cast_error(name, fault);
        }
        if let Err(error) = self.look_for_ragged(name, local, means) {
            return error;
        }
        let mut lines = fault.message.lines();
        let line = lines.find_map(|line| line.strip_prefix("CSV Error on Line: "));
        let why =
            fault.message.lines().find(|line| !line.starts_with("CSV Error") && !line.starts_with("Original Line"));
        let why = why.unwrap_or("it cannot be read as separated text").replace(local.to_string_lossy().as_ref(), name);
        match line {
            Some(line) => ToolError::bad_input(format!("{name}, line {line}: {why}; mend that line")),
            None => {
                ToolError::bad_input(format!("{name} cannot be read as CSV: {why}; check its separator and quotes"))
            }
        }
    }

    /// Counts the fields of every row.
    ///
    /// # Errors
    /// `BadInput` naming the first line whose number of fields is not the header's, whose quotes never close, or where text
    /// follows a closing quote: read leniently, that text would be lost.
    fn look_for_ragged(&self, name: &str, local: &Path, means: Means) -> Result<(), ToolError> {
        let mut text = text::open(local, name, self.gzip)?;
        let mut counter = Counter::new(self.separator);
        let mut buffer = vec![0; 256 * 1024];
        let mut rows = Rows::default();
        loop {
            means.cancel().check()?;
            let read = fill(name, &mut text, &mut buffer)?;
            counter.feed(&buffer[..read], |record| rows.see(record));
            if let Some(ragged) = rows.ragged {
                return Err(ragged_error(name, ragged, rows.header));
            }
            if read == 0 {
                break;
            }
        }
        let ended = counter.finish(|record| rows.see(record));
        if let Err(line) = ended {
            return Err(ToolError::bad_input(format!(
                "{name}, line {line}: a quoted field is never closed; add its quote"
            )));
        }
        match (rows.ragged, rows.stray) {
            (Some(ragged), _) => Err(ragged_error(name, ragged, rows.header)),
            (None, Some(line)) => Err(stray_error(name, line)),
            (None, None) => Ok(()),
        }
    }
}

/// The rows seen so far: how many fields the first has, the first that has another number, and the line of the first with text
/// behind a closing quote.
#[derive(Default)]
struct Rows {
    header: usize,
    ragged: Option<Record>,
    stray: Option<u64>,
}

impl Rows {
    fn see(&mut self, record: Record) {
        if record.stray {
            self.stray.get_or_insert(record.line);
        }
        if self.header == 0 {
            self.header = record.fields;
        } else if record.fields != self.header && self.ragged.is_none() {
            self.ragged = Some(record);
        }
    }
}

/// The types fit all rows, so it was the query that asked for another: DuckDB has its readers do casts.
fn cast_error(name: &str, fault: &Fault) -> ToolError {
    let after = |start: &str| fault.message.lines().find_map(|line| line.strip_prefix(start));
    let line = after("CSV Error on Line: ").unwrap_or("?");
    let what = after(CONVERTING).unwrap_or_default().trim().trim_end_matches('.');
    let message = format!("{name}, line {line}: cannot convert column {what}; TRY_CAST gives NULL there");
    ToolError::bad_query(message.replace(". Could", ": could"))
}

fn ragged_error(name: &str, row: Record, header: usize) -> ToolError {
    let fields = |number: usize| format!("{number} {}", if number == 1 { "field" } else { "fields" });
    let message = format!(
        "{name}, line {}: {} where the first row has {}; mend that row, or quote a field that holds the separator",
        row.line,
        fields(row.fields),
        header
    );
    ToolError::new(ToolErrorKind::BadInput, message)
}

fn stray_error(name: &str, line: u64) -> ToolError {
    ToolError::bad_input(format!(
        "{name}, line {line}: text follows a closing quote; write a quote inside a quoted field twice, or mend that field"
    ))
}

/// The separator that gives most rows the first row's number of fields.
fn separator(text: &[u8], whole: bool) -> u8 {
    let mut best = (b',', 0, 0);
    for candidate in SEPARATORS {
        let mut fields = Vec::new();
        let mut counter = Counter::new(candidate);
        counter.feed(text, |record| fields.push(record.fields));
        if whole {
            let _ = counter.finish(|record| fields.push(record.fields)); // an open quote shows up when it is read
        }
        let first = fields.first().copied().unwrap_or(1);
        if first < 2 {
            continue;
        }
        let agreeing = fields.iter().filter(|number| **number == first).count() * 100 / fields.len();
        if (agreeing, first) > (best.1, best.2) {
            best = (candidate, agreeing, first);
        }
    }
    best.0
}

#[test]
fn the_separator_that_fits_most_rows_wins() {
    assert_eq!(separator(b"a;b\n1,5;2\n2,5;3\n", true), b';');
    assert_eq!(separator(b"a,b\n\"x;y;z\",1\n2,3\n", true), b',');
    assert_eq!(separator(b"a|b|c\n1|2|3\n", true), b'|');
    assert_eq!(separator(b"name\nAnn\nBob\n", true), b',');
    assert_eq!(separator(b"a,b,c\n1,2,3\n4,5\n", true), b',');
}
