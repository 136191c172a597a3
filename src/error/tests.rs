//! The table is complete, in order, and says the same everywhere.

use std::collections::HashSet;

use actix_web::body::to_bytes;

use super::*;

#[test]
fn the_table_is_in_the_order_of_the_kinds() {
    for (index, row) in TABLE.iter().enumerate() {
        assert_eq!(row.kind as usize, index, "{}", row.name);
    }
    assert_eq!(ErrorKind::ResourceExhausted as usize + 1, TABLE.len(), "the last kind has the last line");
}

#[test]
fn names_are_unique_and_statuses_are_errors() {
    let names: HashSet<_> = TABLE.iter().map(|row| row.name).collect();
    assert_eq!(names.len(), TABLE.len());
    for row in &TABLE {
        assert!((400..600).contains(&row.http), "{}", row.name);
        assert!((-32768..=-32000).contains(&row.rpc), "{}", row.name);
        assert!(!row.meaning.ends_with('.') && !row.remedy.ends_with('.'), "{}", row.name);
    }
}

#[test]
fn tool_kinds_keep_their_names() {
    let name = |kind: ToolErrorKind| serde_json::to_value(kind).expect("a name");
    for kind in [
        ToolErrorKind::InvalidParams,
        ToolErrorKind::NotFound,
        ToolErrorKind::BadQuery,
        ToolErrorKind::BadInput,
        ToolErrorKind::Unsupported,
        ToolErrorKind::TooLarge,
        ToolErrorKind::Cancelled,
        ToolErrorKind::NoSpace,
        ToolErrorKind::Internal,
    ] {
        assert_eq!(name(kind), ErrorKind::from(kind).row().name);
    }
}

#[actix_web::test]
async fn http_and_mcp_tell_the_same() {
    let error = AppError::from(QueueError { kind: QueueErrorKind::Full, message: "10000 jobs wait".to_owned() });
    let response = error.error_response();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers().get(RETRY_AFTER).expect("a header"), "5");
    let body = to_bytes(response.into_body()).await.expect("a body");
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(body["error"]["kind"], "busy");
    assert_eq!(body["error"]["retryable"], true);
    assert_eq!(body["error"]["docs"], "docs/errors.md#busy");
    let data = rmcp::ErrorData::from(error);
    assert_eq!((data.code.0, data.message.as_ref()), (-32010, "10000 jobs wait"));
    assert_eq!(data.data.expect("data"), body["error"]);
}

#[test]
fn only_an_unauthorized_answer_asks_for_a_key() {
    let asks = |kind| AppError::new(kind, "x").error_response().headers().contains_key(WWW_AUTHENTICATE);
    assert!(asks(ErrorKind::Unauthorized) && !asks(ErrorKind::Forbidden));
}

#[test]
fn the_committed_page_is_the_generated_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/errors.md");
    let committed = std::fs::read_to_string(path).expect("docs/errors.md");
    assert!(committed == markdown(), "run: heavylift config errors > docs/errors.md");
    for row in &TABLE {
        assert!(committed.contains(&format!("\n## {}\n", row.name)), "{}", row.name);
    }
}
