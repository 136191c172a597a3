//! A look inside one file without reading all of it: the first rows of a table, the first lines of a text, the size of a
//! picture. For the server's `file_preview`.

use image::ImageReader;
use serde_json::json;

use super::cells;
use super::duck::{self, Fault};
use super::reader::{Means, Shape, Sources, columns_of, lines_of, shape_of, shorten};
use crate::{Cancel, Column, Input, Limits, Report, ToolError};

/// The first `rows` rows (or lines) of `input`, or what its header says of a picture. [`Report::details`] has `kind`: `table`,
/// `text` or `picture`.
///
/// # Errors
/// `BadInput` for a file that is not what its name says, empty or damaged; `Unsupported` for one that has no preview.
pub fn preview_file(input: &Input, rows: usize, limits: &Limits) -> Result<Report, ToolError> {
    let rows = rows.min(limits.max_preview_rows);
    match shape_of(input)? {
        Shape::Picture => picture(input),
        Shape::Text => text(input, rows, limits),
        Shape::Table => table(input, rows, limits),
    }
}

fn picture(input: &Input) -> Result<Report, ToolError> {
    let no_picture = || ToolError::bad_input(format!("{} is not a picture as its name says; replace it", input.path));
    let opened = ImageReader::open(&input.local).and_then(ImageReader::with_guessed_format);
    let reader = opened.map_err(|error| ToolError::io(&format!("opening {}", input.path), &error))?;
    // A name alone makes no picture: what the content does not show to be one, the reader takes from the file's ending.
    let format = reader.format().ok_or_else(no_picture)?;
    let (width, height) = reader.into_dimensions().map_err(|_| no_picture())?;
    let name = format.extensions_str().first().copied().unwrap_or("picture");
    Ok(Report {
        summary: format!("{}: a picture of {width} × {height} pixels ({name})", input.path),
        details: json!({"kind": "picture", "format": name, "width": width, "height": height}),
        ..Report::default()
    })
}

fn text(input: &Input, rows: usize, limits: &Limits) -> Result<Report, ToolError> {
    let (lines, all) = lines_of(input, rows)?;
    let mut report = Report {
        columns: vec![Column { name: "line".to_owned(), dtype: "text".to_owned() }],
        row_count: all.then_some(lines.len() as u64),
        truncated: !all,
        details: json!({"kind": "text"}),
        ..Report::default()
    };
    let mut chars = 0;
    for line in lines {
        let (cell, cut) = cells::cut(line, limits.max_cell_chars);
        chars += cell.as_str().map_or(0, |text| text.chars().count() + 1);
        if chars > limits.max_preview_chars {
            report.truncated = true;
            break;
        }
        report.truncated |= cut;
        report.rows.push(vec![cell]);
    }
    report.summary = format!("{}: text, the first {} lines", input.path, report.rows.len());
    Ok(report)
}

fn table(input: &Input, rows: usize, limits: &Limits) -> Result<Report, ToolError> {
    let scratch = tempfile::tempdir().map_err(|error| ToolError::io("making a scratch folder", &error))?;
    let short = shorten(input, scratch.path())?;
    let read = Input { name: "table".to_owned(), ..short.clone().unwrap_or_else(|| input.clone()) };
    let cancel = Cancel::default();
    let means = Means { scratch: scratch.path(), limits, cancel: &cancel, rows };
    let mut sources = Sources::open(std::slice::from_ref(&read), means)?;
    let connection = duck::open(limits, scratch.path(), &sources.locals(), &[])?;
    // One more row than is shown tells whether there are more, where counting would read the whole file.
    let found = sources.attempt(&connection, |connection| {
        let columns = columns_of(connection, "\"table\"")?;
        let mut preview = cells::preview(connection, "\"table\"", &columns, rows + 1, limits)?;
        let more = preview.rows.len() > rows;
        preview.rows.truncate(rows);
        Ok::<_, Fault>((columns, preview, more))
    })?;
    let (columns, preview, more) = found.map_err(|fault| {
        ToolError::bad_input(sources.hidden().scrub(&format!("{}: {}", input.path, fault.first_line())))
    })?;
    let all = !more && !preview.cut && short.is_none();
    let shown = preview.rows.len();
    let which = if all { format!("{shown} rows") } else { format!("the first {shown} rows") };
    Ok(Report {
        summary: format!("{}: a table of {} columns, {which}", input.path, columns.len()),
        row_count: all.then_some(shown as u64),
        truncated: !all,
        guidance: if all { Vec::new() } else { vec![hint(input)] },
        details: json!({"kind": "table"}),
        rows: preview.rows,
        columns,
    })
}

fn hint(input: &Input) -> String {
    format!("to see more, ask data_query, as in SELECT … FROM \"{}\", or data_profile for every column", input.path)
}

#[cfg(test)]
mod tests;
