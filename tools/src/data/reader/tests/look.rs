//! What one look at a file finds, and what the caller is told of it.

use std::fs;

use serde_json::json;

use super::bad;
use crate::Context;
use crate::data::duck::{self, Phase, Watch};
use crate::data::reader::{Means, Sources};
use crate::data::samples::Workspace;

/// The file is changed after the look: whoever looked again would see it.
#[test]
fn types_are_looked_for_once() {
    let workspace = Workspace::new();
    let files = [
        (workspace.put("t.csv", "v,n\n1,1\nx,2\n"), "v,n\n3,3\n4,4\n"),
        (workspace.put("t.ndjson", "{\"v\": 1}\n{\"v\": \"x\"}\n"), "{\"v\": 3}\n{\"v\": 4}\n"),
    ];
    for (input, later) in files {
        let folder = tempfile::tempdir().expect("temporary folder");
        let ctx = Context::detached(Vec::new(), folder.path()).expect("context");
        let watch = Watch::new(&ctx);
        let means = Means::of(&ctx, &watch, Phase { message: "opening", from: 0.0, to: 1.0 });
        let named = crate::Input { name: "t".to_owned(), ..input.clone() };
        let mut sources = Sources::open(std::slice::from_ref(&named), means).expect("open");
        let connection = duck::open(ctx.limits(), ctx.scratch(), &sources.locals(), &[]).expect("open");
        let found = sources.attempt(&connection, |connection| {
            fs::write(&input.local, later).expect("write");
            let first =
                "SELECT CASE WHEN typeof(v) IN ('VARCHAR', 'JSON') THEN 'text' ELSE typeof(v) END FROM t LIMIT 1";
            Ok(connection.query_row(first, [], |row| row.get::<_, String>(0))?)
        });
        assert_eq!(found.expect("readable").expect("a type"), "text", "{}", input.path);
    }
}

#[test]
fn a_guessed_header_is_told() {
    let workspace = Workspace::new();
    workspace.put("none.csv", "1,2\n3,4\n");
    workspace.put("words.csv", "a,b\nx,y\n");
    workspace.put("plain.csv", "a,b\nx,1\n");
    let told = |sql: &str| workspace.query(sql).expect(sql).report.guidance;
    let none =
        "none.csv seems to have no header: its first row is read as data, and the columns are called column0 and so on";
    assert_eq!(told("FROM 'none.csv'"), [none]);
    let words = "the first row of words.csv is taken for its header, a guess where all columns are text";
    assert_eq!(told("FROM words"), [words]);
    assert!(told("FROM plain").is_empty());
    for tool in ["data_profile", "file_preview"] {
        let report = workspace.run(tool, &json!({"file": "none.csv"})).expect(tool).report;
        assert_eq!(report.guidance, [none], "{tool}");
    }
}

#[test]
fn text_behind_a_closing_quote_is_never_lost() {
    let workspace = Workspace::new();
    let why = "text follows a closing quote; write a quote inside a quoted field twice, or mend that field";
    workspace.put("stray.csv", "a,b\n1,2\n\"x\"y,3\n");
    workspace.put("escaped.csv", "a,b\r\n1,2\n\"say \\\"hi\\\"\",3\n");
    assert_eq!(bad(&workspace, "stray.csv"), format!("stray.csv, line 3: {why}"));
    assert_eq!(bad(&workspace, "escaped.csv"), format!("escaped.csv, line 3: {why}"));
    workspace.put("spaces.csv", "a,b\r\n\"x\" ,1\n\"y\",2\r\n"); // read leniently for its line ends
    assert_eq!(workspace.rows("SELECT trim(a), b FROM spaces ORDER BY b"), json!([["x", 1], ["y", 2]]));
}

#[test]
fn json_may_begin_with_a_mark() {
    let workspace = Workspace::new();
    workspace.put("array.json", "\u{feff}[{\"a\": 1}, {\"a\": 2}]");
    workspace.put("lines.ndjson", "\u{feff}{\"a\": 1}\n{\"a\": 2}\n");
    workspace.put_gzipped("packed.ndjson.gz", "\u{feff}{\"a\": 1}\n{\"a\": 2}\n");
    for file in ["array.json", "lines.ndjson", "packed.ndjson.gz"] {
        assert_eq!(workspace.rows(&format!("SELECT sum(a) FROM '{file}'")), json!([[3]]), "{file}");
        let report = workspace.run("file_preview", &json!({"file": file})).expect(file).report;
        assert_eq!(json!(report.rows), json!([[1], [2]]), "{file}");
    }
}

#[test]
fn formats_of_dates_and_keys_alike_but_for_case_survive() {
    let workspace = Workspace::new();
    workspace.put("d.csv", "d,t\n31.01.2024,01/02/2024 10:00:00\n01.02.2024,13/02/2024 11:00:00\n");
    let lines = "{\"d\": \"31-01-2024\", \"e\": \"2024-02-01\", \"a\": 1, \"A\": 2}\n";
    workspace.put("d.ndjson", lines);
    let dates = json!([["2024-01-31", "2024-02-01T10:00:00"], ["2024-02-01", "2024-02-13T11:00:00"]]);
    assert_eq!(workspace.rows("SELECT d::DATE, t::TIMESTAMP FROM 'd.csv' ORDER BY 1"), dates);
    assert_eq!(workspace.rows("SELECT d, e, a, A_1 FROM 'd.ndjson'"), json!([["2024-01-31", "2024-02-01", 1, 2]]));
}

#[test]
fn times_with_a_zone_are_timestamps_in_utc() {
    let workspace = Workspace::new();
    workspace.put("z.csv", "seen,n\n2024-01-01T00:30:00+02:00,1\n2024-01-02T10:00:00Z,2\n");
    workspace.put(
        "z.ndjson",
        "{\"seen\": \"2024-01-01T00:30:00+02:00\", \"n\": 1}\n{\"seen\": \"2024-01-02T10:00:00Z\", \"n\": 2}\n",
    );
    let values =
        "SELECT * FROM (VALUES (TIMESTAMPTZ '2024-01-01 00:30:00+02', 1), ('2024-01-02 10:00:00+00', 2)) t(seen, n)";
    workspace.put_copy("z.parquet", values, "FORMAT parquet");
    for file in ["z.csv", "z.ndjson", "z.parquet"] {
        let sql = format!("SELECT typeof(seen), seen, seen::TIMESTAMP, year(seen) FROM '{file}' ORDER BY n");
        let expected = json!([
            ["TIMESTAMP", "2023-12-31T22:30:00", "2023-12-31T22:30:00", 2023],
            ["TIMESTAMP", "2024-01-02T10:00:00", "2024-01-02T10:00:00", 2024]
        ]);
        assert_eq!(workspace.rows(&sql), expected, "{file}");
        let profile = workspace.run("data_profile", &json!({"file": file})).expect(file).report;
        assert_eq!(profile.rows[0][1], "TIMESTAMP", "{file}");
        assert!(profile.rows[0][5].as_str().is_some_and(|least| least.starts_with("2023-12-31 22:30")), "{file}");
    }
}
