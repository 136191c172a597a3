//! What the guard lets through, what it refuses, and what it says.

use super::*;
use crate::ToolErrorKind;

fn tables(sql: &str) -> Result<Vec<String>, ToolError> {
    tables_of(sql, &["alias"], &Limits::default())
}

fn refused(sql: &str) -> String {
    let error = tables(sql).expect_err(sql);
    assert_eq!(error.kind, ToolErrorKind::BadQuery, "{sql}: {error}");
    error.message
}

#[test]
fn the_tables_of_a_query_are_found_wherever_they_stand() {
    let cases: [(&str, &[&str]); 14] = [
        ("select * from sales", &["sales"]),
        (
            "SELECT * FROM 'in/sales.csv' JOIN \"jobs/a/result.parquet\" USING (id);",
            &["in/sales.csv", "jobs/a/result.parquet"],
        ),
        ("with a as (select * from x), b as (select * from a) select * from b", &["x"]),
        ("with a as (select * from a) select * from a", &["a"]),
        ("with recursive r as (select 1 n union all select n + 1 from r, stop where n < m) from r", &["stop"]),
        ("select (select max(q) from z) from y where exists (from k) and v in (from w)", &["z", "y", "k", "w"]),
        ("select 1 union all select a from t1 except (select a from t2)", &["t1", "t2"]),
        ("from a, A, \"a\"", &["a"]),
        ("from alias, t", &["alias", "t"]),
        ("select * from range(3) r, unnest([1, 2]) u, generate_series(1, 2)", &[]),
        ("select * from (pivot t on y in (1, 2) using sum(z))", &["t"]),
        ("select * from (describe t)", &["t"]),
        ("select a from t where b = 'from secret' -- from other", &["t"]),
        ("select x.upper(), list_transform([1], lambda e: e + 1) from t x limit (select n from l)", &["t", "l"]),
    ];
    for (sql, expected) in cases {
        assert_eq!(tables(sql).expect(sql), expected, "{sql}");
    }
}

#[test]
fn a_name_is_a_cte_only_where_it_can_be_seen() {
    let sql = "select * from (with a as (select 1) select * from a) t, a";
    assert_eq!(tables(sql).expect(sql), ["a"]);
}

#[test]
fn all_but_one_select_is_refused() {
    for sql in [
        "COPY (SELECT 1) TO 'x.csv'",
        "ATTACH 'x.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "PRAGMA version",
        "SET threads = 1",
        "DROP TABLE t",
        "CREATE TABLE t AS SELECT 1",
        "INSERT INTO t VALUES (1)",
        "EXPLAIN SELECT 1",
        "CALL pragma_version()",
        "EXPORT DATABASE 'x'",
        "/* SELECT */ DELETE FROM t -- SELECT",
        "DESCRIBE t",
        "SHOW TABLES",
    ] {
        let message = refused(sql);
        assert!(message.contains("exactly one SELECT or WITH"), "{sql}: {message}");
    }
    assert!(refused("SELECT 1; DROP TABLE t").contains("further statement"));
    assert!(refused("PIVOT t ON y USING sum(z)").contains("spelt out"));
    assert_eq!(refused("SELECT 1; SELECT 2"), format!("the SQL holds 2 statements; {ONE_SELECT}"));
    assert_eq!(refused(" -- nothing"), format!("the SQL is empty; {ONE_SELECT}"));
    assert!(refused("with a as (delete from t returning *) select * from a").contains("DELETE inside a query"));
}

#[test]
fn a_refusal_says_where() {
    assert_eq!(
        refused("select *\n  from read_csv('/etc/passwd')"),
        "read_csv() is not allowed: a query reads workspace files by name only, as in FROM \"sales.csv\" (line 2, column 8)"
    );
    assert_eq!(refused("selec 1"), "syntax error at or near \"selec\" (line 1, column 1)");
}

#[test]
fn nothing_but_workspace_tables_can_be_named() {
    for sql in [
        "select * from read_text('/etc/passwd')",
        "select * from READ_PARQUET('x')",
        "select * from glob('*')",
        "select * from sniff_csv('x')",
        "select * from duckdb_settings()",
        "select * from pragma_version()",
        "select * from query('select 1')",
        "select * from query_table('t')",
        "select * from parquet_metadata('x')",
        "select * from json_execute_serialized_sql('{}')",
        "select * from system.main.range(3)",
        "select * from information_schema.tables",
        "select * from pg_catalog.pg_class",
        "select * from main.t",
        "select * from sales.csv",
        "from '/etc/passwd'",
        "from '../secret.csv'",
        "from \"a/../../b.csv\"",
        "from 'https://example.org/x.csv'",
        "from 's3://bucket/x.parquet'",
        "from '*.csv'",
        "select /* read_csv */ 1 where exists (select 1 from/**/read_csv/**/('x'))",
        "with t as (select * from read_csv('x')) select 1",
    ] {
        refused(sql);
    }
}

#[test]
fn functions_that_tell_about_the_server_are_refused() {
    for sql in [
        "select current_setting('threads')",
        "select getenv('HOME')",
        "select pg_catalog.current_setting('threads')",
        "select 'threads'.current_setting()",
        "select list_transform(['a'], lambda x: current_setting(x))",
        "select getvariable('x')",
        "select version()",
        "select a from t order by pg_sleep(1)",
        "select sleep_ms(1000)",
        "select json_serialize_sql('select 1')",
        "select write_log('x')",
    ] {
        assert!(refused(sql).contains("is not allowed in a query"), "{sql}");
    }
    tables("select pg_typeof(1), typeof(2), now(), random(), uuid()").expect("harmless");
}

#[test]
fn parameters_nuls_depth_and_length_are_refused() {
    assert!(refused("select $1").contains("parameter"));
    assert!(refused("select ?").contains("parameter"));
    assert!(refused("select 1 \0").contains("NUL"));
    assert!(refused(&format!("select {}1{}", "(".repeat(300), ")".repeat(300))).contains("flatter"));
    let long = format!("select '{}'", "x".repeat(Limits::default().max_sql_chars));
    assert_eq!(tables(&long).expect_err("too long").kind, ToolErrorKind::TooLarge);
}

#[test]
fn long_chains_are_no_trouble() {
    let sql = format!("select 'a' {} from t", "|| 'b' ".repeat(300));
    assert_eq!(tables(&sql).expect("a long chain"), ["t"]);
}
