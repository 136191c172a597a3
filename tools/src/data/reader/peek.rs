//! A file's beginning, for previews: what shape the file has, its first lines, and a short copy that reads like the whole.

use std::path::Path;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::encoding::{self, Verdict};
use super::format::{self, Content, Format};
use super::records::Counter;
use crate::{Input, ToolError, WorkspacePath};

/// What a preview can show of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::data) enum Shape {
    /// Rows and columns.
    Table,
    /// Lines.
    Text,
    /// Width and height.
    Picture,
}

/// Looks at the name and the first bytes of `input`.
///
/// # Errors
/// `BadInput` for an empty file, `Unsupported` for one that is neither table nor text nor picture.
pub(in crate::data) fn shape_of(input: &Input) -> Result<Shape, ToolError> {
    let (head, _) = format::beginning(input)?;
    if is_picture_name(&input.path) {
        return Ok(Shape::Picture);
    }
    if format::claims_table(&input.path) {
        return Ok(Shape::Table);
    }
    match format::content(&head) {
        Content::Table => Ok(Shape::Table),
        Content::Picture => Ok(Shape::Picture),
        Content::Text => Ok(Shape::Text),
        Content::Other(what) => {
            Err(ToolError::unsupported(format!("{} holds {what}, of which there is no preview", input.path)))
        }
    }
}

fn is_picture_name(path: &WorkspacePath) -> bool {
    const ENDINGS: [&str; 15] =
        ["png", "jpg", "jpeg", "gif", "webp", "bmp", "tif", "tiff", "ico", "qoi", "ppm", "pgm", "pbm", "pnm", "pam"];
    ENDINGS.contains(&path.extension().as_str())
}

/// The first `most` lines of a text, and whether they are all.
///
/// # Errors
/// `BadInput` for what is no text.
pub(in crate::data) fn lines_of(input: &Input, most: usize) -> Result<(Vec<String>, bool), ToolError> {
    let (head, whole) = format::beginning(input)?;
    let encoding = encoding_of(input, &head)?;
    let (text, _, _) = encoding.decode(&head);
    let mut lines: Vec<String> = text.lines().take(most + 1).map(str::to_owned).collect();
    if !whole && lines.len() <= most && lines.len() > 1 {
        lines.pop(); // the beginning ends inside a line
    }
    let all = whole && lines.len() <= most;
    lines.truncate(most);
    Ok((lines, all))
}

fn encoding_of(input: &Input, head: &[u8]) -> Result<&'static Encoding, ToolError> {
    Ok(match encoding::judge(input.path.as_str(), head)? {
        Verdict::Utf8 => UTF_8,
        Verdict::Is(encoding) => encoding,
        Verdict::LookAtAll => {
            let guess = encoding::guess(input.path.as_str(), head, &crate::Cancel::default());
            guess.ok().flatten().unwrap_or(UTF_8) // UTF-8 but for a few bytes
        }
    })
}

/// A copy in `scratch` of the first whole records of a big text table; `None` when `input` is best read as it stands.
///
/// # Errors
/// See [`format::find`].
pub(in crate::data) fn shorten(input: &Input, scratch: &Path) -> Result<Option<Input>, ToolError> {
    let found = format::find(input)?;
    if found.whole || !matches!(found.format, Format::Csv { .. } | Format::Lines) {
        return Ok(None);
    }
    let end = match encoding::judge(input.path.as_str(), &found.head)? {
        Verdict::Is(encoding) if encoding == UTF_16LE => wide_line_end(&found.head, [b'\n', 0]),
        Verdict::Is(encoding) if encoding == UTF_16BE => wide_line_end(&found.head, [0, b'\n']),
        _ => record_end(&found.head),
    };
    let Some(end) = end else {
        return Ok(None);
    };
    let local = scratch.join("beginning");
    let wrote = std::fs::write(&local, &found.head[..end]);
    wrote.map_err(|error| ToolError::io(&format!("looking at {}", input.path), &error))?;
    Ok(Some(Input { local, bytes: end as u64, ..input.clone() }))
}

/// Where the last whole record ends.
fn record_end(text: &[u8]) -> Option<usize> {
    let mut counter = Counter::new(b',');
    let mut end = None;
    for (at, byte) in text.iter().enumerate() {
        counter.feed(std::slice::from_ref(byte), |_| end = Some(at + 1));
    }
    end
}

fn wide_line_end(text: &[u8], line_end: [u8; 2]) -> Option<usize> {
    let at = text.chunks_exact(2).rposition(|pair| pair == line_end)?;
    Some((at + 1) * 2)
}

#[test]
fn a_beginning_ends_with_a_whole_record() {
    assert_eq!(record_end(b"a,b\n\"x\ny\",1\n\"un\nfinished"), Some(12));
    assert_eq!(wide_line_end(b"a\0\n\0b\0", [b'\n', 0]), Some(4));
}
