//! A look inside one file without reading all of it: the first rows of a table, the first lines of a text, the size of a
//! picture. For `file_preview`.

use image::ImageReader;
use serde_json::json;

use super::cells;
use super::duck::{self, Fault, Phase, Watch};
use super::reader::{Means, Shape, Sources, columns_of, lines_of, shape_of, shorten};
use crate::{Column, Context, Input, Limits, Report, ToolError};

const OPEN: Phase = Phase { message: "opening the file", from: 0.0, to: 50.0 };
const SHOW: Phase = Phase { message: "reading the first rows", from: 50.0, to: 99.0 };

/// The first `rows` rows (or lines) of `input`, or what its header says of a picture. [`Report::details`] has `kind`: `table`,
/// `text` or `picture`.
///
/// # Errors
/// `BadInput` for a file that is not what its name says, empty or damaged; `Unsupported` for one that has no preview.
pub(super) fn preview_file(input: &Input, rows: usize, ctx: &Context) -> Result<Report, ToolError> {
    ctx.cancel().check()?;
    let rows = rows.min(ctx.limits().max_preview_rows);
    match shape_of(input)? {
        Shape::Picture => picture(input),
        Shape::Text => text(input, rows, ctx.limits()),
        Shape::Table => table(input, rows, ctx),
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

fn table(input: &Input, rows: usize, ctx: &Context) -> Result<Report, ToolError> {
    let limits = ctx.limits();
    let short = shorten(input, ctx.scratch())?;
    let read = Input { name: "table".to_owned(), ..short.clone().unwrap_or_else(|| input.clone()) };
    let watch = Watch::new(ctx);
    // One more row than is shown tells whether there are more, where counting would read the whole file.
    let means = Means { rows: rows + 1, ..Means::of(ctx, &watch, OPEN) };
    let mut sources = Sources::open(std::slice::from_ref(&read), means)?;
    let connection = duck::open(limits, ctx.scratch(), &sources.locals(), &[])?;
    let found = watch.during(&connection, SHOW, || {
        sources.attempt(&connection, |connection| {
            let columns = columns_of(connection, "\"table\"")?;
            let preview = cells::preview(connection, "\"table\"", &columns, rows + 1, limits)?;
            Ok::<_, Fault>((columns, preview))
        })
    })?;
    let (columns, mut preview) = found.map_err(|fault| {
        let bad = || ToolError::bad_input(sources.hidden().scrub(&format!("{}: {}", input.path, fault.first_line())));
        fault.resources().unwrap_or_else(bad)
    })?;
    let all = preview.rows.len() <= rows && !preview.cut && short.is_none();
    preview.rows.truncate(rows);
    let shown = preview.rows.len();
    let which = if all { format!("{shown} rows") } else { format!("the first {shown} rows") };
    let left_out = cells::columns_left_out(preview.columns, columns.len());
    Ok(Report {
        summary: format!("{}: a table of {} columns, {which}", input.path, columns.len()),
        row_count: all.then_some(shown as u64),
        truncated: !all,
        guidance: left_out.into_iter().chain((!all).then(|| hint(input))).chain(sources.notes()).collect(),
        details: json!({"kind": "table"}),
        rows: preview.rows,
        columns: cells::heads(columns.into_iter().take(preview.columns), limits),
    })
}

fn hint(input: &Input) -> String {
    format!("to see more, ask data_query, as in SELECT … FROM \"{}\", or data_profile for every column", input.path)
}

#[cfg(test)]
mod tests;
