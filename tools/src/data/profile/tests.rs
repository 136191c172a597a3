//! Profiles of small tables, checked against what a reader can count.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::data::samples::Workspace;
use crate::{Cancel, Context, Folders, Outcome, ToolErrorKind};

fn profile(workspace: &Workspace, file: &str) -> Outcome {
    workspace.run("data_profile", &json!({"file": file})).expect(file)
}

const CSV: &str =
    "id,name,price,sold,ok\n1,ä,1.5,2024-01-31,true\n2,b,,2024-02-01,false\n3,,4.5,,\n4,b,3,2024-01-01,true\n";

fn expected() -> Value {
    json!([
        ["id", "BIGINT", 4, 0, 4, 1, 4, 2.5, 1.75, 2.5, 3.25],
        ["name", "VARCHAR", 3, 1, 2, "b", "ä", null, null, null, null],
        ["price", "DOUBLE", 3, 1, 3, 1.5, 4.5, 3.0, 2.25, 3.0, 3.75],
        ["sold", "DATE", 3, 1, 3, "2024-01-01", "2024-02-01", null, null, null, null],
        ["ok", "BOOLEAN", 3, 1, 2, false, true, null, null, null, null],
    ])
}

#[test]
fn every_column_is_described_whatever_the_format() {
    let workspace = Workspace::new();
    workspace.put("t.csv", CSV);
    let rows = "SELECT * FROM (VALUES (1::BIGINT, 'ä', 1.5::DOUBLE, DATE '2024-01-31', true), (2, 'b', NULL, DATE '2024-02-01', false), \
                (3, NULL, 4.5, NULL, NULL), (4, 'b', 3, DATE '2024-01-01', true)) t(id, name, price, sold, ok)";
    workspace.put_copy("t.parquet", rows, "FORMAT parquet");
    workspace.put_copy("t.ndjson", rows, "FORMAT json");
    for file in ["t.csv", "t.parquet", "t.ndjson"] {
        let outcome = profile(&workspace, file);
        assert_eq!(json!(outcome.report.rows), expected(), "{file}");
        assert_eq!(outcome.report.summary, format!("{file}: 4 rows × 5 columns, no row twice"));
        assert_eq!(outcome.report.row_count, Some(5));
        let json: Value =
            serde_json::from_slice(&std::fs::read(&outcome.artifacts[0].local).expect("artifact")).expect("JSON");
        assert_eq!(json, outcome.report.details, "{file}");
        assert_eq!(json["columns"][0]["unique_is_exact"], true);
    }
}

#[test]
fn odd_types_and_names_are_described_too() {
    let workspace = Workspace::new();
    let sql = "SELECT range AS \"^.*$\", range % 2 AS \"*\", [range] AS list, {'a': range} AS fields, range::DECIMAL(9,2) AS money, \
               TIMESTAMP '2024-01-01' + INTERVAL (range) DAY AS moment, 'x'::BLOB AS bytes, uuid() AS id, NULL AS nothing, \
               '10:00'::TIME AS clock FROM range(3)";
    workspace.put_copy("odd.parquet", sql, "FORMAT parquet");
    let report = profile(&workspace, "odd.parquet").report;
    let by = |name: &str| report.rows.iter().find(|row| row[0] == name).unwrap_or_else(|| panic!("no {name}")).clone();
    assert_eq!(json!(by("^.*$")[2..8]), json!([3, 0, 3, 0, 2, 1.0]));
    assert_eq!(json!(by("*")[4]), json!(2));
    assert_eq!(json!(by("list")[1..7]), json!(["BIGINT[]", 3, 0, 3, "[0]", "[2]"]));
    assert_eq!(by("fields")[5], json!("{\"a\":0}"));
    assert_eq!(json!(by("money")[5..8]), json!(["0.00", "2.00", 1.0]));
    assert!(by("moment")[6].as_str().is_some_and(|text| text.starts_with("2024-01-03")), "{:?}", by("moment"));
    assert_eq!(json!(by("bytes")[2..7]), json!([3, 0, 1, null, null]));
    assert_eq!(json!(by("nothing")[2..7]), json!([0, 3, 0, null, null]));
    assert!(by("clock")[5].as_str().is_some_and(|text| text.starts_with("10:00")));
}

#[test]
fn repeated_rows_are_counted() {
    let workspace = Workspace::new();
    workspace.put("t.csv", "a,b\n1,2\n1,2\n3,4\n1,2\n");
    let report = profile(&workspace, "t.csv").report;
    assert_eq!(report.details["duplicate_rows"], 2);
    assert_eq!(report.summary, "t.csv: 4 rows × 2 columns, 2 rows repeat an earlier one");
}

#[test]
fn long_columns_are_estimated_and_it_is_said() {
    let workspace = Workspace::new();
    workspace.put_copy("long.parquet", "SELECT range % 1000 AS n FROM range(5000001)", "FORMAT parquet");
    let report = profile(&workspace, "long.parquet").report;
    let unique = report.rows[0][4].as_u64().expect("a number");
    assert!((970..=1030).contains(&unique), "{unique}");
    assert_eq!(report.details["columns"][0]["unique_is_exact"], false);
    assert!(report.guidance[0].contains("estimated"));
}

#[test]
fn a_header_without_rows_is_a_table_too() {
    let workspace = Workspace::new();
    workspace.put("t.csv", "a,b\n");
    let report = profile(&workspace, "t.csv").report;
    assert_eq!(report.details["rows"], 0);
    assert_eq!(json!(report.rows[0]), json!(["a", "VARCHAR", 0, 0, 0, null, null, null, null, null, null]));
}

#[test]
fn bad_files_and_a_stop_end_it() {
    let workspace = Workspace::new();
    workspace.put("bad.csv", "a,b\n1,2\n3\n");
    let error = workspace.run("data_profile", &json!({"file": "bad.csv"})).expect_err("ragged");
    assert_eq!(error.kind, ToolErrorKind::BadInput);
    assert!(error.message.starts_with("bad.csv, line 3"), "{error}");

    workspace.put("t.csv", CSV);
    let params = json!({"file": "t.csv"});
    let ctx = workspace.context("data_profile", &params).expect("context");
    let cancel = Cancel::default();
    let stop = cancel.clone();
    let hear = move |progress: crate::Progress| {
        if progress.message.starts_with("column 2") {
            stop.cancel();
        }
    };
    let scratch = ctx.scratch().to_path_buf();
    let folders = Folders { output: scratch.with_file_name("output"), scratch };
    let mut ctx = Context::new(ctx.inputs().to_vec(), folders, ctx.limits().clone(), Arc::new(hear), cancel);
    let error = workspace.run_in("data_profile", &params, &mut ctx).expect_err("stopped");
    assert_eq!(error.kind, ToolErrorKind::Cancelled);
}

#[test]
fn times_with_a_zone_are_told_in_utc() {
    let workspace = Workspace::new();
    workspace.put("zoned.csv", "at,n\n2024-01-01T10:00:00+02:00,1\n2024-01-02T10:00:00Z,2\n");
    let outcome = profile(&workspace, "zoned.csv");
    let least = outcome.report.details["columns"][0]["min"].as_str().expect("a time").to_owned();
    assert!(least.starts_with("2024-01-01") && least.contains("08:00:00"), "{least}");
}
