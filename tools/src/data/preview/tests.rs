//! A look inside files of every kind.

use std::fmt::Write as _;

use serde_json::json;

use super::*;
use crate::ToolErrorKind;
use crate::data::samples::Workspace;

fn try_look(input: &Input, rows: usize) -> Result<Report, ToolError> {
    let folder = tempfile::tempdir().expect("temporary folder");
    let ctx = Context::detached(Vec::new(), folder.path()).expect("context");
    preview_file(input, rows, &ctx)
}

fn look(input: &Input, rows: usize) -> Report {
    try_look(input, rows).expect("a preview")
}

#[test]
fn a_small_table_is_shown_whole() {
    let workspace = Workspace::new();
    let report = look(&workspace.put("a.csv", "n,name\n1,ä\n2,b\n"), 10);
    assert_eq!(report.summary, "a.csv: a table of 2 columns, 2 rows");
    assert_eq!(json!(report.rows), json!([[1, "ä"], [2, "b"]]));
    assert_eq!((report.row_count, report.truncated), (Some(2), false));
    assert_eq!(report.details, json!({"kind": "table"}));
}

#[test]
fn a_big_table_is_looked_at_from_its_beginning() {
    let workspace = Workspace::new();
    let mut text = "n;name\n".to_owned();
    (0..100_000).for_each(|n| writeln!(text, "{n};\"two\nlines\"").expect("write"));
    text += "ragged\n"; // far behind what a preview reads
    let mut lines = String::new();
    (0..100_000).for_each(|n| writeln!(lines, "{{\"n\": {n}, \"name\": \"two\\nlines\"}}").expect("write"));
    let array = format!("[{}]", lines.trim_end().replace('\n', ","));
    let sixteen: Vec<u8> = [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let files = [
        workspace.put("a.csv", &text),
        workspace.put_gzipped("b.csv.gz", &text),
        workspace.put("c.csv", sixteen),
        workspace.put("d.ndjson", &lines),
        workspace.put("e.json", array),
        workspace.put_copy(
            "f.parquet",
            "SELECT range AS n, 'two' || chr(10) || 'lines' AS name FROM range(100000)",
            "FORMAT parquet",
        ),
    ];
    for file in &files {
        let report = look(file, 2);
        assert_eq!(json!(report.rows), json!([[0, "two\nlines"], [1, "two\nlines"]]), "{}", file.path);
        assert_eq!((report.row_count, report.truncated), (None, true), "{}", file.path);
        assert!(report.guidance[0].contains(file.path.as_str()));
    }
}

#[test]
fn a_text_is_shown_by_lines() {
    let workspace = Workspace::new();
    let report = look(&workspace.put("notes.md", "# Über\n\nlines, commas\nlast"), 3);
    assert_eq!(json!(report.rows), json!([["# Über"], [""], ["lines, commas"]]));
    assert!(report.truncated);
    let report = look(&workspace.put("latin.txt", b"M\xfcller\n"), 3);
    assert_eq!((json!(report.rows), report.row_count), (json!([["Müller"]]), Some(1)));
    let report = look(&workspace.put("long.log", "x".repeat(1 << 20)), 3);
    assert_eq!(report.rows[0][0].as_str().map(|cell| cell.chars().count()), Some(201));
}

#[test]
fn a_picture_is_measured_by_its_header() {
    let workspace = Workspace::new();
    let input = workspace.put("a.png", "");
    image::RgbImage::new(7, 5).save_with_format(&input.local, image::ImageFormat::Png).expect("save");
    let report = look(&workspace.input("a.png"), 3);
    assert_eq!(report.details, json!({"kind": "picture", "format": "png", "width": 7, "height": 5}));
}

#[test]
fn what_cannot_be_shown_says_why() {
    let workspace = Workspace::new();
    let fault = |input: &Input| try_look(input, 5).expect_err("no preview");
    let text = fault(&workspace.put("text.png", "no picture at all"));
    assert_eq!(text.kind, ToolErrorKind::BadInput);
    assert_eq!(text.message, "text.png is not a picture as its name says; replace it");
    assert_eq!(fault(&workspace.put("empty.csv", "")).kind, ToolErrorKind::BadInput);
    assert_eq!(fault(&workspace.put("a.zip", b"PK\x03\x04...")).kind, ToolErrorKind::Unsupported);
    let ragged = fault(&workspace.put("ragged.csv", "a,b\n1,2\n3\n"));
    assert!(ragged.message.starts_with("ragged.csv, line 3"), "{ragged}");
}

#[test]
fn a_look_works_in_the_jobs_own_folder_and_hears_a_stop() {
    let workspace = Workspace::new();
    let latin = workspace.put("latin.csv", b"name,n\nM\xfcller,1\n");
    let folder = tempfile::tempdir().expect("temporary folder");
    let ctx = Context::detached(Vec::new(), folder.path()).expect("context");
    preview_file(&latin, 5, &ctx).expect("a preview");
    assert!(ctx.scratch().join("input-0.txt").exists(), "the copy in UTF-8");
    ctx.cancel().cancel();
    for input in [latin, workspace.put("notes.txt", "words")] {
        assert_eq!(preview_file(&input, 5, &ctx).expect_err("stopped").kind, ToolErrorKind::Cancelled);
    }
}

#[test]
fn mostly_utf8_text_is_shown_as_such() {
    let report = look(&Workspace::new().put("notes.txt", b"\xc3\xa4\xc3\xb6\xc3\xbc \xff\n"), 3);
    assert_eq!(json!(report.rows), json!([["äöü \u{fffd}"]]));
}
