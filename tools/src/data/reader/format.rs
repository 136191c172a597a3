//! What a file is: by its name, checked against its first bytes.

use std::fs::File;
use std::io::Read;

use flate2::read::MultiGzDecoder;

use crate::{Input, ToolError, WorkspacePath};

/// How much of a file's beginning is looked at.
pub(super) const HEAD: u64 = 256 * 1024;

/// What a table is stored as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Separated text; whether the name says that tabs separate it.
    Csv { tabs: bool },
    /// JSON: an array of records, one record, or records one after another.
    Json,
    /// JSON, a record a line.
    Lines,
    /// Parquet.
    Parquet,
    /// Arrow IPC with a footer.
    ArrowFile,
    /// Arrow IPC, a stream.
    ArrowStream,
}

impl Format {
    /// Whether it is JSON of either kind.
    pub(super) fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::Lines)
    }
}

/// A file's format, whether it is gzipped, and its beginning (not gzipped).
pub(super) struct Found {
    pub(super) format: Format,
    pub(super) gzip: bool,
    pub(super) head: Vec<u8>,
    /// Whether `head` is all of it.
    pub(super) whole: bool,
}

/// Finds out what `input` is.
///
/// # Errors
/// `BadInput` for an empty file and one that is not what its name says; `Unsupported` for what no reader reads.
pub(super) fn find(input: &Input) -> Result<Found, ToolError> {
    let name = input.path.as_str();
    let (gzip, head) = unpacked(input)?;
    let whole = (head.len() as u64) < HEAD;
    let format = judge(name, &input.path.extension(), &head)?;
    if gzip && !matches!(format, Format::Csv { .. } | Format::Json | Format::Lines) {
        return Err(ToolError::unsupported(format!("{name} is a gzipped binary table; store it without gzip")));
    }
    Ok(Found { format, gzip, head, whole })
}

/// The beginning of `input`, not gzipped, and whether it is all.
///
/// # Errors
/// `BadInput` for an empty or damaged file.
pub(super) fn beginning(input: &Input) -> Result<(Vec<u8>, bool), ToolError> {
    let (_, head) = unpacked(input)?;
    let whole = (head.len() as u64) < HEAD;
    Ok((head, whole))
}

fn unpacked(input: &Input) -> Result<(bool, Vec<u8>), ToolError> {
    let name = input.path.as_str();
    let raw = head(open(input)?, name)?;
    if raw.is_empty() {
        return Err(ToolError::bad_input(format!("{name} is empty (0 bytes); upload it again")));
    }
    let gzip = raw.starts_with(&[0x1f, 0x8b]);
    Ok((gzip, if gzip { head(MultiGzDecoder::new(open(input)?), name)? } else { raw }))
}

/// Whether the name of `path` is a table's.
#[must_use]
pub fn claims_table(path: &WorkspacePath) -> bool {
    claim(&path.extension()).is_some()
}

/// What first bytes show, for previews.
pub(super) enum Content {
    Table,
    Picture,
    Text,
    /// Something else, in words.
    Other(&'static str),
}

/// What `head` is the beginning of.
pub(super) fn content(head: &[u8]) -> Content {
    match magic(head) {
        Magic::Table(..) => Content::Table,
        Magic::Other(what) if what.contains("picture") || what.contains("WebP") => Content::Picture,
        Magic::Other(what) => Content::Other(what),
        Magic::Text if looks_like_json(head) => Content::Table,
        Magic::Text => Content::Text,
    }
}

/// Opens the local file of `input`.
pub(super) fn open(input: &Input) -> Result<File, ToolError> {
    File::open(&input.local).map_err(|error| ToolError::io(&format!("opening {}", input.path), &error))
}

fn head(reader: impl Read, name: &str) -> Result<Vec<u8>, ToolError> {
    let mut head = Vec::new();
    let read = reader.take(HEAD).read_to_end(&mut head);
    read.map_err(|_| ToolError::bad_input(format!("{name} is cut short or damaged; upload it again")))?;
    Ok(head)
}

/// What content says of itself by its first bytes.
enum Magic {
    Table(Format, &'static str),
    Other(&'static str),
    Text,
}

fn magic(head: &[u8]) -> Magic {
    const OTHERS: [(&[u8], &str); 12] = [
        (b"\x89PNG", "a PNG picture"),
        (b"\xff\xd8\xff", "a JPEG picture"),
        (b"GIF8", "a GIF picture"),
        (b"RIFF", "a RIFF file (WebP, WAV)"),
        (b"%PDF", "a PDF document"),
        (b"PK\x03\x04", "a ZIP archive (or an Excel or Word file)"),
        (b"\x28\xb5\x2f\xfd", "Zstandard-compressed data"),
        (b"BZh", "bzip2-compressed data"),
        (b"\xfd7zXZ", "xz-compressed data"),
        (b"SQLite format 3", "an SQLite database"),
        (b"\x7fELF", "a program"),
        (b"\xd0\xcf\x11\xe0", "an old Excel or Word file"),
    ];
    if head.starts_with(b"PAR1") {
        return Magic::Table(Format::Parquet, "Parquet");
    }
    if head.starts_with(b"ARROW1") {
        return Magic::Table(Format::ArrowFile, "Arrow IPC");
    }
    if head.starts_with(&[0xff, 0xff, 0xff, 0xff]) {
        return Magic::Table(Format::ArrowStream, "an Arrow IPC stream");
    }
    let other = OTHERS.iter().find(|(start, _)| head.starts_with(start));
    other.map_or(Magic::Text, |(_, what)| Magic::Other(what))
}

/// What a name claims.
fn claim(extension: &str) -> Option<(Format, &'static str)> {
    Some(match extension {
        "csv" | "psv" => (Format::Csv { tabs: false }, "CSV"),
        "tsv" | "tab" => (Format::Csv { tabs: true }, "TSV"),
        "json" => (Format::Json, "JSON"),
        "ndjson" | "jsonl" => (Format::Lines, "NDJSON"),
        "parquet" | "pq" => (Format::Parquet, "Parquet"),
        "arrow" | "ipc" | "feather" => (Format::ArrowFile, "Arrow IPC"),
        _ => return None,
    })
}

fn judge(name: &str, extension: &str, head: &[u8]) -> Result<Format, ToolError> {
    let not = |claimed: &str, held: &str, remedy: &str| {
        Err(ToolError::bad_input(format!("{name} is not {claimed} as its name says: it holds {held}; {remedy}")))
    };
    match (claim(extension), magic(head)) {
        (None, Magic::Table(format, _)) => Ok(format),
        (None, Magic::Other(what)) => Err(ToolError::unsupported(format!(
            "{name} is no table: it holds {what}; give CSV, TSV, JSON, NDJSON, Parquet or Arrow IPC (text also gzipped)"
        ))),
        (None, Magic::Text) => Ok(if looks_like_json(head) { Format::Json } else { Format::Csv { tabs: false } }),
        (Some((claimed, word)), Magic::Table(found, what)) => match (claimed, found) {
            (Format::ArrowFile, Format::ArrowStream) => Ok(found),
            _ if claimed == found => Ok(found),
            _ => not(word, what, "give it the ending of what it is"),
        },
        (Some((_, word)), Magic::Other(what)) => not(word, what, "replace it"),
        (Some((claimed, word)), Magic::Text) => match claimed {
            Format::Parquet | Format::ArrowFile => not(word, "something else", "replace it"),
            Format::Csv { .. } if looks_like_json(head) => not(word, "JSON", "give it the ending .json"),
            _ => Ok(claimed),
        },
    }
}

/// Whether text begins as JSON records do. A CSV header would have to begin with a brace or a bracket and a quote.
fn looks_like_json(head: &[u8]) -> bool {
    let text: Vec<u8> = head.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).take(6).collect();
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    text.starts_with(b"{\"") || text.starts_with(b"[{") || text.starts_with(b"[]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_contents_must_agree() {
        let is = |name: &str, head: &[u8]| judge(name, name.rsplit('.').next().unwrap_or(""), head);
        assert_eq!(is("a.csv", b"x,y"), Ok(Format::Csv { tabs: false }));
        assert_eq!(is("a", b"PAR1...."), Ok(Format::Parquet));
        assert_eq!(is("a.txt", b"\n [ {\"a\":1}]"), Ok(Format::Json));
        assert_eq!(is("a.arrow", b"\xff\xff\xff\xff"), Ok(Format::ArrowStream));
        let error = is("a.csv", b"PAR1....").expect_err("a Parquet file called .csv");
        assert_eq!(
            error.message,
            "a.csv is not CSV as its name says: it holds Parquet; give it the ending of what it is"
        );
        for (name, head) in [("a.parquet", &b"x,y"[..]), ("a.csv", b"[{\"a\": 1}]"), ("a.json", b"\x89PNG...")] {
            assert!(is(name, head).is_err(), "{name}");
        }
    }
}
