//! What is cut, what is refused for its size, and errors of DuckDB whose remedy is none here.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::listened;
use crate::data::samples::Workspace;
use crate::{Cancel, Progress, Report, ToolErrorKind};

/// What the columns and rows of a report take as JSON.
fn chars(report: &Report) -> usize {
    let columns = serde_json::to_string(&report.columns).expect("JSON");
    columns.chars().count() + json!(report.rows).to_string().chars().count()
}

fn many_columns(count: usize, cell: &str) -> String {
    let columns = (0..count).map(|n| format!("{cell} AS column_number_{n}"));
    format!("SELECT {} FROM range(3)", columns.collect::<Vec<_>>().join(", "))
}

#[test]
fn very_many_columns_are_cut_and_it_is_told() {
    let workspace = Workspace::new();
    let outcome = workspace.query(&many_columns(1_500, "range")).expect("runs");
    let report = &outcome.report;
    let shown = report.columns.len();
    assert!(shown > 50 && chars(report) <= 40_000, "{shown} columns, {} characters", chars(report));
    assert!(report.truncated && report.rows.iter().all(|row| row.len() == shown));
    assert_eq!(report.summary, "3 rows × 1500 columns in result.parquet");
    let told = format!("only the first {shown} of 1500 columns are shown; select those you need by name");
    assert_eq!(report.guidance[0], told);
    let report = workspace.query(&many_columns(300, "repeat('x', 500)")).expect("runs").report;
    assert!(!report.rows.is_empty() && chars(&report) <= 40_000, "{} rows", report.rows.len());
}

#[test]
fn more_columns_than_anyone_reads_are_refused() {
    let columns: Vec<String> = (0..4_097).map(|n| format!("{n} AS c{n}")).collect();
    let sql = format!("SELECT {}", columns.join(", "));
    let error = Workspace::new().query(&sql).expect_err("too many");
    assert_eq!(error.kind, ToolErrorKind::TooLarge);
    assert_eq!(error.message, "the result has 4097 columns; at most 4096 are allowed, select those you need");
}

#[test]
fn wide_tables_are_previewed_and_profiled_within_the_cap() {
    let workspace = Workspace::new();
    let header: Vec<String> = (0..300).map(|n| format!("column_number_{n}")).collect();
    let row = vec!["x".repeat(150); 300].join(",");
    workspace.put("wide.csv", format!("{}\n{row}\n{row}\n", header.join(",")));
    for tool in ["file_preview", "data_profile"] {
        let outcome = workspace.run(tool, &json!({"file": "wide.csv"})).expect(tool);
        let report = outcome.report;
        let all = chars(&report) + report.details.to_string().chars().count();
        assert!(all <= 41_000 && !report.rows.is_empty(), "{tool}: {all} characters");
        assert!(
            report.truncated && report.guidance[0].contains("of 300 columns are shown"),
            "{tool}: {:?}",
            report.guidance
        );
        if let [artifact] = outcome.artifacts.as_slice() {
            let whole = std::fs::read_to_string(&artifact.local).expect("artifact");
            assert!(whole.contains("column_number_299"), "the artifact has all");
        }
    }
}

#[test]
fn zones_are_explained() {
    let workspace = Workspace::new();
    let remedy = "CAST(x AS TIMESTAMP) gives UTC";
    for sql in
        ["SELECT current_date", "SELECT year(now())", "SELECT now()::DATE", "SELECT now() AT TIME ZONE 'Asia/Tokyo'"]
    {
        let fault = workspace.fault(sql);
        assert!(fault.contains(remedy) && !fault.contains("icu") && !fault.contains("INSTALL"), "{sql}: {fault}");
    }
    workspace.query("SELECT year(CAST(now() AS TIMESTAMP)), CAST(now() AS TIMESTAMP)::DATE").expect("the remedy works");
}

#[test]
fn expressions_nested_too_deep_are_told_in_our_words() {
    let chain = (0..3_000).fold("SELECT 1".to_owned(), |mut sql, n| {
        write!(sql, " + {n}").expect("write");
        sql
    });
    let fault = Workspace::new().fault(&chain);
    assert!(fault.starts_with("the SQL nests expressions more than 1000 deep; split long chains"), "{fault}");
}

#[test]
fn json_says_nan_and_infinity_as_texts_however_deep() {
    let workspace = Workspace::new();
    let sql = "SELECT 'nan'::DOUBLE AS plain, {'a': ['inf'::DOUBLE, 1.5, NULL], 'b': 'x'} AS nested, \
               MAP {'k': {'z': '-inf'::FLOAT}} AS map, union_value(n := 'nan'::DOUBLE) AS either, \
               NULL::STRUCT(a DOUBLE) AS nothing, [[0.5::FLOAT]] AS deep, ['nan'::DOUBLE, 2]::DOUBLE[2] AS pair";
    let outcome = workspace.run("data_query", &json!({"sql": sql, "output": "json"})).expect("runs");
    let bytes = std::fs::read(&outcome.artifacts[0].local).expect("artifact");
    let value: serde_json::Value = serde_json::from_slice(&bytes).expect("valid JSON");
    let expected = json!({
        "plain": "NaN", "nested": {"a": ["Infinity", 1.5, null], "b": "x"}, "map": {"k": {"z": "-Infinity"}},
        "either": {"n": "NaN"}, "nothing": null, "deep": [[0.5]], "pair": ["NaN", 2.0]
    });
    assert_eq!(value, json!([expected]));
    let shown: Vec<_> = outcome.report.rows[0].clone();
    let wanted: Vec<_> = outcome.report.columns.iter().map(|column| expected[column.name.as_str()].clone()).collect();
    assert_eq!(shown, wanted);
}

#[test]
fn a_conversion_tells_how_far_it_is() {
    let workspace = Workspace::new();
    let mut bytes = b"n,name\n".to_vec();
    (0..200_000).for_each(|_| bytes.extend_from_slice(b"1,M\xfcller\n"));
    workspace.put("latin.csv", bytes);
    let params = json!({"sql": "SELECT count(*) FROM latin"});
    let heard = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&heard);
    let hear = move |progress: Progress| keep.lock().expect("one writer at a time").push(progress);
    let ctx = workspace.context("data_query", &params).expect("context");
    workspace.run_in("data_query", &params, &mut listened(&ctx, hear, Cancel::default())).expect("runs");
    let heard = heard.lock().expect("no writer left");
    assert!(heard.iter().any(|told| told.message == "converting latin.csv" && told.done > 1.0), "{heard:?}");
}
