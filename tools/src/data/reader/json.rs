//! JSON: how DuckDB is told, and what its complaints mean in lines of the file.

use super::encoding;
use super::format::Found;
use crate::ToolError;
use crate::data::duck::Fault;

/// How a file is read.
pub(super) struct Options {
    /// Whether the name promises a record a line.
    lines: bool,
    pub(super) gzip: bool,
    /// Whether types come from all records even where only the first rows are asked for.
    all: bool,
}

/// Records that types are taken from where only the first rows are asked for.
const SAMPLE: usize = 20_480;

impl Options {
    /// Looks at the beginning of the file called `name`.
    ///
    /// # Errors
    /// `BadInput` for a file without records.
    pub(super) fn find(name: &str, found: &Found, lines: bool) -> Result<Self, ToolError> {
        let text = found.head.strip_prefix(encoding::MARK).unwrap_or(&found.head);
        if found.whole && text.iter().all(u8::is_ascii_whitespace) {
            return Err(ToolError::bad_input(format!("{name} holds no JSON at all; upload it again")));
        }
        Ok(Self { lines, gzip: found.gzip, all: false })
    }

    /// What stands after FROM where all of it is read, or but the beginning; `local` is an SQL literal.
    pub(super) fn relation(&self, local: &str, beginning: bool) -> String {
        format!(
            "read_json({local}, format = '{}', compression = '{}', sample_size = {})",
            if self.lines { "newline_delimited" } else { "auto" },
            if self.gzip { "gzip" } else { "none" },
            if beginning { SAMPLE.to_string() } else { "-1".to_owned() },
        )
    }

    /// Whether the first records will do for the types of `rows` rows.
    pub(super) fn is_beginning(&self, rows: usize) -> bool {
        rows < SAMPLE && !self.all
    }

    /// Takes types from all records after all; false where they were already.
    pub(super) fn widen(&mut self, rows: usize) -> bool {
        let widened = self.is_beginning(rows);
        self.all = true;
        widened
    }
}

/// `fault` in words that name the line.
pub(super) fn explain(name: &str, fault: &Fault) -> ToolError {
    let line = fault.first_line();
    let why = line.rsplit_once("\", ").map_or(line.as_str(), |(_, why)| why); // after: malformed JSON in file "…",
    ToolError::bad_input(format!("{name} is not valid JSON {}; mend it there", why.trim_end_matches(['.', ' '])))
}
