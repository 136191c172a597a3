//! Text files brought to what engines read: UTF-8, gzipped or not.

use std::fs::File;
use std::io::{BufWriter, Read};
use std::path::Path;

use encoding_rs::{Encoding, UTF_8};
use flate2::read::MultiGzDecoder;

use super::Means;
use super::encoding::{self, Verdict};
use super::format::{self, Found};
use super::meter::Meter;
use crate::{Input, ToolError};

/// Opens the text of `local` (a file that messages call `name`).
///
/// # Errors
/// `Internal` when it cannot be opened.
pub(super) fn open(local: &Path, name: &str, gzip: bool) -> Result<Box<dyn Read>, ToolError> {
    let file = File::open(local).map_err(|error| ToolError::io(&format!("opening {name}"), &error))?;
    Ok(unpacked(file, gzip))
}

fn unpacked<'a>(file: impl Read + 'a, gzip: bool) -> Box<dyn Read + 'a> {
    if gzip { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) }
}

/// Writes the text to `copy` as plain UTF-8 if its beginning is anything else, and looks at that instead; false when the file
/// can stay as it is.
///
/// # Errors
/// `BadInput` for what is no text.
pub(super) fn normalise(input: &Input, found: &mut Found, copy: &Path, means: Means) -> Result<bool, ToolError> {
    let name = input.path.as_str();
    let marked = found.head.starts_with(encoding::MARK);
    let rewritten = match encoding::judge(name, &found.head)? {
        Verdict::Utf8 if marked && found.format.is_json() => convert(input, found.gzip, UTF_8, copy, means)?, // DuckDB stumbles
        Verdict::Utf8 => false,
        Verdict::Is(encoding) => convert(input, found.gzip, encoding, copy, means)?,
        Verdict::LookAtAll => rewrite(input, found.gzip, copy, means)?,
    };
    if rewritten {
        let mut head = Vec::new();
        let read = open(copy, name, false)?.take(format::HEAD).read_to_end(&mut head);
        read.map_err(|error| ToolError::io(&format!("reading {name}"), &error))?;
        (found.whole, found.head, found.gzip) = ((head.len() as u64) < format::HEAD, head, false);
    }
    Ok(rewritten)
}

/// Finds the encoding of the whole text and writes it to `copy` as UTF-8; false when it is UTF-8 already.
///
/// # Errors
/// `BadInput` for a text in no one encoding.
pub(super) fn rewrite(input: &Input, gzip: bool, copy: &Path, means: Means) -> Result<bool, ToolError> {
    let name = input.path.as_str();
    let text = unpacked(Meter::open(input, means)?, gzip);
    match encoding::guess(name, text, means.cancel())? {
        None => Ok(false),
        Some(encoding) => convert(input, gzip, encoding, copy, means),
    }
}

fn convert(
    input: &Input,
    gzip: bool,
    encoding: &'static Encoding,
    copy: &Path,
    means: Means,
) -> Result<bool, ToolError> {
    let name = input.path.as_str();
    let out = File::create(copy).map_err(|error| ToolError::io(&format!("converting {name} to UTF-8"), &error))?;
    let text = unpacked(Meter::open(input, means)?, gzip);
    encoding::transcode(name, text, encoding, BufWriter::new(out), means.limits.max_output_bytes, means.cancel())?;
    Ok(true)
}
