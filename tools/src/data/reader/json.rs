//! JSON: how DuckDB is told, and what its complaints mean in lines of the file.

use super::format::Found;
use crate::ToolError;
use crate::data::duck::Fault;

/// How a file is read.
pub(super) struct Options {
    /// Whether the name promises a record a line.
    lines: bool,
    pub(super) gzip: bool,
}

impl Options {
    /// Looks at the beginning of the file called `name`.
    ///
    /// # Errors
    /// `BadInput` for a file without records.
    pub(super) fn find(name: &str, found: &Found, lines: bool) -> Result<Self, ToolError> {
        let text = found.head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&found.head);
        if found.whole && text.iter().all(u8::is_ascii_whitespace) {
            return Err(ToolError::bad_input(format!("{name} holds no JSON at all; upload it again")));
        }
        Ok(Self { lines, gzip: found.gzip })
    }

    /// What stands after FROM; `local` is an SQL literal.
    pub(super) fn relation(&self, local: &str) -> String {
        // Types come from all records: those of the first ones alone would round what a later one holds, and miss its keys.
        format!(
            "read_json({local}, format = '{}', compression = '{}', sample_size = -1)",
            if self.lines { "newline_delimited" } else { "auto" },
            if self.gzip { "gzip" } else { "none" },
        )
    }
}

/// `fault` in words that name the line.
pub(super) fn explain(name: &str, fault: &Fault) -> ToolError {
    let line = fault.first_line();
    let why = line.rsplit_once("\", ").map_or(line.as_str(), |(_, why)| why); // after: malformed JSON in file "…",
    ToolError::bad_input(format!("{name} is not valid JSON {}; mend it there", why.trim_end_matches(['.', ' '])))
}
