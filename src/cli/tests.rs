//! The command line as users type it.

use super::*;

fn parse_line(line: &[&str]) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("heavylift").chain(line.iter().copied()))
}

#[test]
fn the_declaration_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_documented_command_parses() {
    for line in [
        &["serve", "--addr", "127.0.0.1:0", "--store", "file:///tmp/x"][..],
        &["demo"],
        &["call", "data_query", "--arg", "sql=select 1", "--arg", "files=[\"a.csv\"]", "--watch"],
        &["call", "data_query", "--args", "@a.json", "--json", "--wait", "5", "--fresh", "--idempotency-key", "k"],
        &["put", "a.csv", "b.csv", "--as", "in/"],
        &["get", "jobs/x/result.parquet", "-o", "-"],
        &["ls"],
        &["ls", "photos/**/*.jpg"],
        &["jobs"],
        &["jobs", "list", "--limit", "3"],
        &["jobs", "wait", "id", "--json"],
        &["jobs", "cancel", "id", "--url", "http://127.0.0.1:9"],
        &["config", "show", "--workers", "2"],
        &["config", "docs"],
        &["config", "errors"],
        &["config", "clients", "--with-key"],
        &["config", "new-key", "ada", "--file", "keys.toml"],
        &["doctor"],
    ] {
        assert!(parse_line(line).is_ok(), "{line:?}: {:?}", parse_line(line).err());
    }
    for line in [&["call"][..], &["put"], &["fly"], &["call", "t", "--wait", "soon"], &[]] {
        assert_eq!(parse_line(line).expect_err("usage").exit_code(), 2, "{line:?}");
    }
}

#[test]
fn a_worker_is_hidden() {
    let help = Cli::command().render_help().to_string();
    assert!(help.contains("doctor") && !help.contains("worker"), "{help}");
}

#[test]
fn exit_codes_say_what_to_do() {
    let code = |error: ClientError| CliError::from(error).code();
    assert_eq!(code(ClientError::Refused { kind: None, message: String::new() }), 1);
    assert_eq!(code(ClientError::Cancelled), 1);
    assert_eq!(code(ClientError::Usage(String::new())), 2);
    assert_eq!(code(ClientError::Unreachable(String::new())), 3);
}

#[test]
fn the_key_does_not_show_in_debug_output() {
    let cli = parse_line(&["ls", "--api-key", "hl_secret"]).expect("parses");
    assert!(!format!("{cli:?}").contains("hl_secret"));
}

#[actix_web::test]
async fn nobody_there_is_exit_code_3() {
    // A port that was free a moment ago, and is nobody's.
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let server = client::Server::new(&format!("http://127.0.0.1:{port}"), None).expect("an address");
    let files = server.files("", None, 1).await.map(drop).expect_err("nobody there");
    let mcp = server.connect(client::Era::Newest).await.map(drop).expect_err("nobody there");
    let session = server.connect(client::Era::Session).await.map(drop).expect_err("nobody there");
    for error in [files, mcp, session] {
        assert_eq!(CliError::from(error.clone()).code(), 3, "{error}");
    }
}
