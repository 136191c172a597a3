//! Queries from the call to the artifact, on real files.

mod refusals;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::data::samples::{Workspace, limits};
use crate::{Cancel, Catalogue, Context, Folders, InputSpec, Outcome, Progress, ToolErrorKind};

const SALES: &str =
    "id,product,price,sold\n1,Apfel,1.50,2024-01-31\n2,\"Birne, groß\",2.25,2024-02-01\n3,Apfel,0.75,\n";

fn sales() -> Workspace {
    let workspace = Workspace::new();
    workspace.put("in/sales.csv", SALES);
    workspace
}

#[test]
fn a_query_answers_with_rows_types_and_an_artifact() {
    let outcome =
        sales().query("SELECT product, sum(price) AS total FROM sales GROUP BY ALL ORDER BY 1").expect("runs");
    let report = &outcome.report;
    assert_eq!(report.summary, "2 rows × 2 columns in result.parquet");
    let columns: Vec<(&str, &str)> = report.columns.iter().map(|c| (c.name.as_str(), c.dtype.as_str())).collect();
    assert_eq!(columns, [("product", "VARCHAR"), ("total", "DOUBLE")]);
    assert_eq!(json!(report.rows), json!([["Apfel", 2.25], ["Birne, groß", 2.25]]));
    assert_eq!((report.row_count, report.truncated), (Some(2), false));
    assert!(report.guidance.is_empty());
    assert_eq!(report.details, json!({"artifact": "result.parquet", "tables": {"sales": "in/sales.csv"}}));
    assert_eq!(outcome.artifacts.len(), 1);
    assert_eq!(outcome.artifacts[0].name, "result.parquet");
}

#[test]
fn a_table_is_called_as_the_query_calls_it() {
    let workspace = sales();
    for name in ["sales", "SALES", "'in/sales.csv'", "\"in/sales.csv\"", "\"Sales\""] {
        assert_eq!(workspace.rows(&format!("SELECT count(*) FROM {name}")), json!([[3]]), "{name}");
    }
    let params =
        json!({"sql": "SELECT count(*) FROM s JOIN \"in/sales.csv\" USING (id)", "files": {"S": "in/sales.csv"}});
    let outcome = workspace.run("data_query", &params).expect("runs");
    assert_eq!(json!(outcome.report.rows), json!([[3]]));
}

#[test]
fn inputs_are_known_before_the_job_exists() {
    let catalogue = Catalogue::standard();
    let tool = catalogue.get("data_query").expect("exists");
    let specs = tool.inputs(&json!({"sql": "FROM a JOIN b USING (x)", "files": {"a": "deep/a.csv"}})).expect("valid");
    let path = "deep/a.csv".parse().expect("valid");
    let table = InputSpec::Table { name: "b".to_owned(), place: Some("line 1, column 13".to_owned()) };
    assert_eq!(specs, [InputSpec::Path { name: "a".to_owned(), path }, table]);
    for bad in [json!({"sql": "FROM a", "files": {"": "a.csv"}}), json!({"sql": "FROM a", "files": {"a": "../a.csv"}})]
    {
        assert_eq!(tool.inputs(&bad).expect_err("refused").kind, ToolErrorKind::InvalidParams, "{bad}");
    }
    let error = tool.inputs(&json!({"sql": "COPY t TO 'x'"})).expect_err("refused");
    assert_eq!(error.kind, ToolErrorKind::BadQuery);
}

/// Reads an artifact back through the tools themselves.
fn back(workspace: &Workspace, outcome: &Outcome, sql: &str) -> Value {
    let artifact = &outcome.artifacts[0];
    let bytes = std::fs::read(&artifact.local).expect("artifact");
    workspace.put(&format!("jobs/1/{}", artifact.name), bytes);
    workspace.rows(&sql.replace("IT", &format!("\"jobs/1/{}\"", artifact.name)))
}

#[test]
fn every_output_holds_the_whole_result_and_can_be_queried_again() {
    let workspace = sales();
    for output in ["parquet", "csv", "json", "arrow"] {
        let params = json!({"sql": "SELECT id, product, price, sold FROM sales ORDER BY id", "output": output, "preview_rows": 1});
        let outcome = workspace.run("data_query", &params).expect(output);
        assert_eq!(outcome.artifacts[0].name, format!("result.{output}"));
        assert!(
            outcome.report.truncated && outcome.report.guidance[0].contains(&format!("result.{output}")),
            "{output}"
        );
        let rows = back(&workspace, &outcome, "SELECT id, product, price, sold FROM IT ORDER BY id");
        let expected =
            json!([[1, "Apfel", 1.5, "2024-01-31"], [2, "Birne, groß", 2.25, "2024-02-01"], [3, "Apfel", 0.75, null]]);
        assert_eq!(rows, expected, "{output}");
    }
}

#[test]
fn json_output_is_json_whatever_the_numbers() {
    let params = json!({"sql": "SELECT 'nan'::DOUBLE AS a, '-inf'::FLOAT AS b, 1.5::DOUBLE AS c", "output": "json"});
    let workspace = Workspace::new();
    let outcome = workspace.run("data_query", &params).expect("runs");
    let bytes = std::fs::read(&outcome.artifacts[0].local).expect("artifact");
    let value: Value = serde_json::from_slice(&bytes).expect("valid JSON");
    assert_eq!(value, json!([{"a": "NaN", "b": "-Infinity", "c": 1.5}]));
}

#[test]
fn sums_stay_whole_numbers_in_every_output() {
    let workspace = Workspace::new();
    for output in ["parquet", "arrow", "csv"] {
        let sql = "SELECT sum(range) AS small, sum(9223372036854775807::BIGINT) AS big, \
                   170141183460469231731687303715884105727::HUGEINT AS huge FROM range(3)";
        let outcome = workspace.run("data_query", &json!({"sql": sql, "output": output})).expect(output);
        let types: Vec<&str> = outcome.report.columns.iter().map(|column| column.dtype.as_str()).collect();
        assert_eq!(types, ["BIGINT", "DECIMAL(38,0)", "VARCHAR"], "{output}");
        let exact = json!([[3, "27670116110564327421", "170141183460469231731687303715884105727"]]);
        assert_eq!(json!(outcome.report.rows), exact, "{output}");
        assert_eq!(back(&workspace, &outcome, "SELECT small, big::VARCHAR, huge::VARCHAR FROM IT"), exact, "{output}");
    }
}

#[test]
fn odd_types_reach_the_preview_and_every_file() {
    let workspace = Workspace::new();
    let sql = "SELECT NULL AS nothing, uuid() AS id, '101'::BIT AS bits, INTERVAL 1 DAY AS span, [1, NULL] AS list, \
               {'d': DATE '2020-01-01', 'n': 9007199254740993} AS fields, MAP {'a': 1} AS map, 'x'::ENUM('x', 'y') AS kind, \
               '\\xFF'::BLOB AS bytes, TIMESTAMP '2020-01-01 10:00:00' AS moment, TIME '10:00' AS clock, \
               12345678901234567890123456789012345678901234567890::BIGNUM AS giant, 1.10::DECIMAL(9,2) AS money, \
               true AS yes, 'infinity'::DOUBLE AS endless, '{\"a\": 1}'::JSON AS doc, union_value(n := 1) AS either";
    for output in ["parquet", "arrow", "csv", "json"] {
        let outcome = workspace.run("data_query", &json!({"sql": sql, "output": output})).expect(output);
        let mut row = outcome.report.rows[0].clone();
        assert_eq!(row.remove(1).as_str().map(str::len), Some(36));
        let expected = json!([
            null, "101", "1 day", [1, null], {"d": "2020-01-01", "n": "9007199254740993"}, {"a": 1}, "x", "ff",
            "2020-01-01T10:00:00", "10:00:00", "12345678901234567890123456789012345678901234567890", 1.1, true, "Infinity",
            {"a": 1}, {"n": 1}
        ]);
        assert_eq!(json!(row), expected, "{output}");
        assert_eq!(back(&workspace, &outcome, "SELECT count(*) FROM IT"), json!([[1]]), "{output}");
    }
}

#[test]
fn a_preview_keeps_its_caps_and_says_so() {
    let workspace = Workspace::new();
    let run = |sql: &str, rows: usize, change: &dyn Fn(&mut crate::Limits)| {
        let params = json!({"sql": sql, "preview_rows": rows});
        let mut ctx = workspace.context("data_query", &params).expect("context");
        ctx.set_limits(limits(change));
        workspace.run_in("data_query", &params, &mut ctx).expect("runs").report
    };
    let all = "SELECT range AS n, repeat('ä', 300) AS long FROM range(2000)";
    let report = run(all, 5_000, &|_| {});
    assert!(report.rows.len() < 1_000 && report.truncated, "40,000 characters in all");
    assert_eq!(report.row_count, Some(2_000));
    assert_eq!(report.rows[0][1].as_str().map(|cell| cell.chars().count()), Some(201), "200 and an ellipsis");
    let report = run("FROM range(2000)", 5_000, &|_| {});
    assert_eq!((report.rows.len(), report.truncated), (1_000, true));
    let report = run("FROM range(3)", 3, &|_| {});
    assert_eq!((report.rows.len(), report.truncated), (3, false));
    let report = run("FROM range(3)", 0, &|_| {});
    assert_eq!((report.rows.len(), report.truncated, report.row_count), (0, true, Some(3)));
    let report = run("SELECT 'abcdef' AS a", 50, &|limits| limits.max_cell_chars = 3);
    assert_eq!((json!(report.rows), report.truncated), (json!([["abc…"]]), true));
}

#[test]
fn faults_of_the_query_name_what_and_where() {
    let workspace = sales();
    let cases = [
        ("SELECT prise FROM sales", "column \"prise\" not found in sales; did you mean \"price\"? (line 1, column 8)"),
        ("SELECT s.prize\nFROM sales s", "column \"prize\" not found in s; did you mean \"price\"? (line 1, column 8)"),
        ("SELECT id FROM sales WHERE sum(price) > 1", "WHERE clause cannot contain aggregates (line 1, column 28)"),
        (
            "SELECT product::INTEGER FROM sales",
            "in/sales.csv, line 2: cannot convert column \"product\": could not convert string \"Apfel\" to 'INTEGER'",
        ),
    ];
    for (sql, message) in cases {
        let fault = workspace.fault(sql);
        assert!(fault.starts_with(message), "{sql}: {fault}");
    }
    let error = workspace.query("SELECT product::INTEGER FROM sales").expect_err("no number");
    assert_eq!(error.kind, ToolErrorKind::BadQuery);
    assert_eq!(workspace.rows("SELECT count(TRY_CAST(product AS INTEGER)) FROM sales"), json!([[0]]));
}

#[test]
fn a_query_that_needs_too_much_memory_or_disk_is_told_so() {
    let workspace = Workspace::new();
    let params = json!({"sql": "SELECT list(range) AS l FROM range(100000000)"});
    let mut ctx = workspace.context("data_query", &params).expect("context");
    ctx.set_limits(limits(|limits| limits.memory_bytes = 32 << 20));
    let error = workspace.run_in("data_query", &params, &mut ctx).expect_err("too large");
    assert_eq!(error.kind, ToolErrorKind::ResourceExhausted, "{error}");

    let params =
        json!({"sql": "SELECT range, repeat(range::VARCHAR, 20) AS s FROM range(3000000) ORDER BY hash(range)"});
    let mut ctx = workspace.context("data_query", &params).expect("context");
    ctx.set_limits(limits(|limits| (limits.memory_bytes, limits.max_output_bytes) = (64 << 20, 1 << 20)));
    let error = workspace.run_in("data_query", &params, &mut ctx).expect_err("no room");
    assert_eq!(error.kind, ToolErrorKind::NoSpace, "{error}");
}

/// A context whose listener hears every report.
fn listened(ctx: &Context, hear: impl Fn(Progress) + Send + Sync + 'static, cancel: Cancel) -> Context {
    let scratch = ctx.scratch().to_path_buf();
    let output = scratch.with_file_name("output");
    Context::new(ctx.inputs().to_vec(), Folders { output, scratch }, ctx.limits().clone(), Arc::new(hear), cancel)
}

#[test]
fn a_stop_is_heard_in_the_middle_of_a_query() {
    let workspace = Workspace::new();
    // Days of work: only an interrupt inside the statement can end it.
    let params = json!({"sql": "SELECT count(*) FROM range(1000000) a, range(1000000) b, range(1000) c WHERE hash(a.range + b.range * c.range) % 7 = 3"});
    let cancel = Cancel::default();
    let (stop, heard) = (cancel.clone(), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&heard);
    let hear = move |progress: Progress| {
        // The first report of the phase comes before the statement starts, later ones from beside it.
        if progress.message == "running the query" && count.fetch_add(1, Ordering::Relaxed) == 2 {
            stop.cancel();
        }
    };
    let mut ctx = listened(&workspace.context("data_query", &params).expect("context"), hear, cancel);
    let error = workspace.run_in("data_query", &params, &mut ctx).expect_err("stopped");
    assert_eq!(error.kind, ToolErrorKind::Cancelled);
    assert!(heard.load(Ordering::Relaxed) >= 3, "stopped from inside the statement");
}

#[test]
fn a_raised_flag_stops_a_job_before_it_works() {
    let workspace = sales();
    let params = json!({"sql": "FROM sales"});
    let ctx = workspace.context("data_query", &params).expect("context");
    let cancel = Cancel::default();
    cancel.cancel();
    let mut ctx = listened(&ctx, |_| {}, cancel);
    let error = workspace.run_in("data_query", &params, &mut ctx).expect_err("stopped");
    assert_eq!(error.kind, ToolErrorKind::Cancelled);
}

#[test]
fn progress_never_goes_back_and_ends_whole() {
    let workspace = sales();
    let params = json!({"sql": "SELECT count(*) FROM range(20000000) r, sales WHERE hash(r.range) % 3 = 0"});
    let heard = Arc::new(std::sync::Mutex::new(Vec::new()));
    let keep = Arc::clone(&heard);
    let hear = move |progress: Progress| keep.lock().expect("one writer at a time").push(progress.done);
    let ctx = workspace.context("data_query", &params).expect("context");
    let mut ctx = listened(&ctx, hear, Cancel::default());
    workspace.run_in("data_query", &params, &mut ctx).expect("runs");
    let heard = heard.lock().expect("no writer left");
    assert!(heard.is_sorted(), "{heard:?}");
    assert_eq!(heard.last(), Some(&100.0));
}
