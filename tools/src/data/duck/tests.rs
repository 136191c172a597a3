//! DuckDB's door: what stays shut, and how its errors are told.

use super::*;
use crate::data::samples::Workspace;

fn open_in(workspace: &Workspace, readable: &[PathBuf], writable: &[PathBuf]) -> Connection {
    let scratch = workspace.root().join("scratch");
    std::fs::create_dir_all(&scratch).expect("scratch");
    open(&Limits::default(), &scratch, readable, writable).expect("open")
}

/// The wall behind the guard: whatever SQL gets this far, only the job's own files can be reached.
#[test]
fn only_the_jobs_own_files_can_be_reached() {
    let workspace = Workspace::new();
    let mine = workspace.put("mine.csv", "a\n1\n");
    let other = workspace.put("other.csv", "a\n2\n");
    let target = workspace.local("result.csv");
    let connection = open_in(&workspace, std::slice::from_ref(&mine.local), std::slice::from_ref(&target));
    let read =
        |path: &Path| connection.execute_batch(&format!("SELECT * FROM read_csv({})", text(&path.to_string_lossy())));
    read(&mine.local).expect("an input is readable");
    read(&other.local).expect_err("another file is not");
    let copy = |path: &Path| connection.execute_batch(&format!("COPY (SELECT 1) TO {}", text(&path.to_string_lossy())));
    copy(&target).expect("the artifact is writable");
    copy(&workspace.local("elsewhere.csv")).expect_err("another file is not");
    for sql in [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM glob('/*')",
        "ATTACH '/tmp/x.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "SET memory_limit = '100GB'",
        "EXPORT DATABASE '/tmp/x'",
    ] {
        connection.execute_batch(sql).expect_err(sql);
    }
}

#[test]
fn the_parser_reaches_nothing() {
    let connection = parser().expect("open");
    connection.execute_batch("SELECT * FROM read_text('/etc/hostname')").expect_err("no files");
    connection.execute_batch("SET memory_limit = '1GB'").expect_err("no settings");
}

#[test]
fn a_fault_is_taken_apart() {
    let workspace = Workspace::new();
    let connection = open_in(&workspace, &[], &[]);
    connection.execute_batch("CREATE TEMP TABLE sales (price DOUBLE, name VARCHAR)").expect("create");
    let fault = |sql: &str| {
        let error = connection.prepare(sql).map(drop).expect_err("fails");
        Fault::from(error)
            .into_query_error(sql, &["sales".to_owned()], &["price".to_owned(), "name".to_owned()], &Hidden::default())
            .message
    };
    assert_eq!(
        fault("SELECT name,\n  prise FROM sales"),
        "column \"prise\" not found in sales; did you mean \"price\"? (line 2, column 3)"
    );
    assert_eq!(
        fault("SELECT s.prise FROM sales s"),
        "column \"prise\" not found in s; did you mean \"price\"? (line 1, column 8)"
    );
    assert_eq!(fault("SELECT flor(1)"), "there is no function flor(); did you mean \"floor\"? (line 1, column 8)");
    assert_eq!(fault("SELECT * FROM sale"), "table \"sale\" not found; did you mean \"sales\"? (line 1, column 15)");
}
