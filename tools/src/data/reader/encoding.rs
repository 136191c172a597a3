//! Text in other encodings than UTF-8: found out, and written anew as UTF-8 in scratch, in a stream.

use std::io::{Read, Write};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};

use crate::{Cancel, ToolError};

const CHUNK: usize = 256 * 1024;
/// What a text in UTF-8 may begin with.
pub(super) const MARK: &[u8] = b"\xef\xbb\xbf";

/// What a text's beginning says about its encoding.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// UTF-8 so far as seen (or with its mark).
    Utf8,
    /// Certainly this one.
    Is(&'static Encoding),
    /// Not UTF-8: the whole text must be looked at.
    LookAtAll,
}

/// Judges a text by its first bytes.
///
/// # Errors
/// `BadInput` for what is no text.
pub(super) fn judge(name: &str, head: &[u8]) -> Result<Verdict, ToolError> {
    if let Some((encoding, _)) = Encoding::for_bom(head) {
        return Ok(if encoding == UTF_8 { Verdict::Utf8 } else { Verdict::Is(encoding) });
    }
    if head.contains(&0) {
        let found = utf16_without_mark(head).map(Verdict::Is);
        return found
            .ok_or_else(|| ToolError::bad_input(format!("{name} is not text: it holds NUL bytes; replace it")));
    }
    match std::str::from_utf8(head) {
        Ok(_) => Ok(Verdict::Utf8),
        Err(error) if error.error_len().is_none() => Ok(Verdict::Utf8), // cut in the middle of a character
        Err(_) => Ok(Verdict::LookAtAll),
    }
}

/// Western text in UTF-16 has a NUL in every other byte.
fn utf16_without_mark(head: &[u8]) -> Option<&'static Encoding> {
    let zeros = |from: usize| head.iter().skip(from).step_by(2).filter(|byte| **byte == 0).count() * 10;
    let (even, odd, pairs) = (zeros(0), zeros(1), head.len() / 2);
    if odd > pairs * 7 && even < pairs {
        return Some(UTF_16LE);
    }
    (even > pairs * 7 && odd < pairs).then_some(UTF_16BE)
}

/// Reads all of a text and says what it is; `None` when it is UTF-8 throughout.
///
/// # Errors
/// `BadInput` for UTF-8 with a few broken bytes: read as anything else, all its other characters would turn to garbage.
pub(super) fn guess(name: &str, mut text: impl Read, cancel: &Cancel) -> Result<Option<&'static Encoding>, ToolError> {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    let mut tally = Tally { line: 1, ..Tally::default() };
    let mut buffer = vec![0; CHUNK];
    let mut kept = 0;
    loop {
        cancel.check()?;
        let read = fill(name, &mut text, &mut buffer[kept..])?;
        let last = read == 0;
        detector.feed(&buffer[kept..kept + read], last);
        let used = tally.count(&buffer[..kept + read], last);
        buffer.copy_within(used..kept + read, 0);
        kept = kept + read - used;
        if last {
            break;
        }
    }
    match tally.first_broken {
        None => Ok(None),
        Some(line) if tally.characters >= tally.places => Err(ToolError::bad_input(format!(
            "{name} is UTF-8 but for {} bytes, the first in line {line}; save it as UTF-8 throughout",
            tally.broken
        ))),
        Some(_) => Ok(Some(detector.guess(None, Utf8Detection::Deny))),
    }
}

/// Counts what is and what is not UTF-8.
#[derive(Default)]
struct Tally {
    /// Characters of more than one byte.
    characters: u64,
    /// Bytes that are none.
    broken: u64,
    /// How often there are such.
    places: u64,
    first_broken: Option<u64>,
    line: u64,
}

impl Tally {
    /// Counts `bytes` and gives how many are done with: a character may go on in the next chunk.
    fn count(&mut self, bytes: &[u8], last: bool) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            let (good, bad) = match std::str::from_utf8(&bytes[at..]) {
                Ok(_) => (bytes.len() - at, 0),
                Err(error) => match error.error_len() {
                    None if !last => (error.valid_up_to(), 0),
                    None => (error.valid_up_to(), bytes.len() - at - error.valid_up_to()),
                    Some(length) => (error.valid_up_to(), length),
                },
            };
            let text = &bytes[at..at + good];
            self.characters += text.iter().filter(|byte| **byte >= 0xc0).count() as u64;
            self.line += line_ends(text);
            if bad > 0 {
                self.broken += bad as u64;
                self.places += 1;
                self.first_broken.get_or_insert(self.line);
            }
            at += good + bad;
            if bad == 0 {
                break;
            }
        }
        at
    }
}

/// Writes `text`, which is in `encoding`, to `out` as UTF-8.
///
/// # Errors
/// `BadInput`, naming the line, for bytes that are none of `encoding`; `TooLarge` beyond `most` bytes.
pub(super) fn transcode(
    name: &str,
    mut text: impl Read,
    encoding: &'static Encoding,
    mut out: impl Write,
    most: u64,
    cancel: &Cancel,
) -> Result<(), ToolError> {
    let mut decoder = encoding.new_decoder();
    let (mut bytes, mut utf8) = (vec![0; CHUNK], vec![0; CHUNK * 3 + 16]);
    let (mut line, mut written) = (1_u64, 0);
    loop {
        cancel.check()?;
        let read = fill(name, &mut text, &mut bytes)?;
        let (result, used, made) = decoder.decode_to_utf8_without_replacement(&bytes[..read], &mut utf8, read == 0);
        line += line_ends(&utf8[..made]);
        written += made as u64;
        if matches!(result, DecoderResult::Malformed(..)) {
            let word = encoding.name();
            return Err(ToolError::bad_input(format!("{name} is not valid {word} at line {line}; save it as UTF-8")));
        }
        debug_assert_eq!(used, read, "the buffer holds whatever a chunk can become");
        if written > most {
            return Err(ToolError::too_large(format!("{name} has more than {most} bytes of text")));
        }
        let wrote = out.write_all(&utf8[..made]);
        wrote.map_err(|error| ToolError::io(&format!("converting {name} to UTF-8"), &error))?;
        if read == 0 {
            return out.flush().map_err(|error| ToolError::io(&format!("converting {name} to UTF-8"), &error));
        }
    }
}

#[expect(clippy::naive_bytecount, reason = "decoding beside it takes many times as long")]
fn line_ends(text: &[u8]) -> u64 {
    text.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// Reads until `buffer` is full or the text ends.
pub(super) fn fill(name: &str, text: &mut impl Read, buffer: &mut [u8]) -> Result<usize, ToolError> {
    let mut filled = 0;
    while filled < buffer.len() {
        match text.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return Err(ToolError::bad_input(format!("{name} is cut short or damaged; upload it again"))),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests;
