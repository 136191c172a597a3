//! How a request is refused that never becomes one: as a JSON-RPC error with the status that the specification names.
//!
//! rmcp answers such requests in plain text, and takes the first of several headers where there may be one.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderMap;
use rmcp::model::ErrorCode;
use serde_json::json;

use super::MOST_BODY_BYTES;

/// Headers that say one thing.
const SINGLE: [&str; 6] =
    ["content-type", "mcp-protocol-version", "mcp-session-id", "last-event-id", "mcp-method", "mcp-name"];
/// How rmcp's answer to a body begins that is no message.
const NO_MESSAGE: &str = "fail to deserialize request body ";
/// How it goes on where the body is JSON.
const UNRECOGNIZED: &str = "unrecognized JSON-RPC message";
/// What the official SDKs call a session that is not there.
const NO_SESSION: ErrorCode = ErrorCode(-32001);

/// The refusal of a request that says twice what can be said once.
pub(super) fn doubled(headers: &HeaderMap) -> Option<HttpResponse> {
    let name = SINGLE.iter().find(|name| headers.get_all(**name).nth(1).is_some())?;
    let message = format!("there is more than one {name} header; send one");
    Some(refusal(StatusCode::BAD_REQUEST, ErrorCode::HEADER_MISMATCH, &message))
}

/// The refusal of a body that is too large, or did not come whole.
pub(super) fn too_large() -> HttpResponse {
    let message = format!("the body is not whole, or has more than {MOST_BODY_BYTES} bytes; big files go to /files");
    refusal(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::INVALID_REQUEST, &message)
}

/// What rmcp `said` in plain text.
pub(super) fn in_form(status: StatusCode, said: &str) -> HttpResponse {
    if let Some(why) = said.strip_prefix(NO_MESSAGE) {
        if why.starts_with(UNRECOGNIZED) {
            let message =
                "the body is no JSON-RPC message; send one request, notification or response (batches are not taken)";
            return refusal(StatusCode::BAD_REQUEST, ErrorCode::INVALID_REQUEST, message);
        }
        return refusal(StatusCode::BAD_REQUEST, ErrorCode::PARSE_ERROR, &format!("the body is no JSON: {why}"));
    }
    let code = if status == StatusCode::NOT_FOUND { NO_SESSION } else { ErrorCode::INVALID_REQUEST };
    refusal(status, code, said)
}

fn refusal(status: StatusCode, code: ErrorCode, message: &str) -> HttpResponse {
    HttpResponse::build(status).json(json!({"jsonrpc": "2.0", "error": {"code": code.0, "message": message}}))
}
