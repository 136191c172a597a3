//! Records and fields of separated text, counted byte by byte: to find the separator, and the line where a file is ragged.
//!
//! DuckDB reads the data; this only counts, so that a message can name the line.

/// One record: the line it begins in (from 1) and its number of fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) line: u64,
    pub(super) fields: usize,
    /// Whether text follows a closing quote.
    pub(super) stray: bool,
}

/// Where in a field the count stands.
#[derive(Clone, Copy, PartialEq)]
enum At {
    Start,
    Plain,
    Quoted,
    /// After a quote inside a quoted field: its end, or the first half of a doubled one.
    Quote,
    /// After its end and spaces.
    Closed,
}

/// Counts records while text is fed to it.
pub(super) struct Counter {
    separator: u8,
    line: u64,
    start: u64,
    fields: usize,
    stray: bool,
    at: At,
    /// Whether the current record has no byte yet.
    blank: bool,
    after_return: bool,
}

impl Counter {
    pub(super) fn new(separator: u8) -> Self {
        Self { separator, line: 1, start: 1, fields: 1, stray: false, at: At::Start, blank: true, after_return: false }
    }

    /// Counts `bytes`; `found` hears of every record that ended, blank lines left out.
    pub(super) fn feed(&mut self, bytes: &[u8], mut found: impl FnMut(Record)) {
        for byte in bytes {
            let line_end = *byte == b'\r' || *byte == b'\n' && !self.after_return;
            let second_half = *byte == b'\n' && self.after_return;
            self.after_return = *byte == b'\r';
            self.line += u64::from(line_end);
            if self.at == At::Quoted {
                if *byte == b'"' {
                    self.at = At::Quote;
                }
            } else if line_end {
                self.end(&mut found);
            } else if !second_half {
                self.step(*byte);
            }
        }
    }

    fn step(&mut self, byte: u8) {
        self.blank = false;
        if byte == self.separator {
            self.fields += 1;
            self.at = At::Start;
            return;
        }
        self.at = match (self.at, byte) {
            (At::Start | At::Quote, b'"') => At::Quoted,
            (At::Quote | At::Closed, b' ') => At::Closed,
            (At::Quote | At::Closed, _) => {
                self.stray = true;
                At::Plain
            }
            _ => At::Plain,
        };
    }

    /// The text has ended: the last record may lack its line end.
    ///
    /// # Errors
    /// The line in which a quoted field began that never ended.
    pub(super) fn finish(mut self, mut found: impl FnMut(Record)) -> Result<(), u64> {
        if self.at == At::Quoted {
            return Err(self.start);
        }
        self.end(&mut found);
        Ok(())
    }

    fn end(&mut self, found: &mut impl FnMut(Record)) {
        if !self.blank {
            found(Record { line: self.start, fields: self.fields, stray: self.stray });
        }
        (self.start, self.fields, self.stray, self.at, self.blank) = (self.line, 1, false, At::Start, true);
    }
}

#[cfg(test)]
mod tests;
