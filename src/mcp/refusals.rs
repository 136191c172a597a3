//! How a request is refused that never becomes one: as a JSON-RPC error with the status that the specification names.
//!
//! rmcp answers such requests in plain text, and takes the first of several headers where there may be one.

use actix_web::body::{self, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse};
use rmcp::model::ErrorCode;
use serde_json::json;

/// Headers that say one thing.
const SINGLE: [&str; 6] =
    ["content-type", "mcp-protocol-version", "mcp-session-id", "last-event-id", "mcp-method", "mcp-name"];
/// The longest text that is a refusal's.
const MOST_TEXT: usize = 64 << 10;
/// How rmcp's answer to a body begins that is no message.
const NO_MESSAGE: &str = "fail to deserialize request body ";
/// How it goes on where the body is JSON.
const UNRECOGNIZED: &str = "unrecognized JSON-RPC message";
/// What the official SDKs call a session that is not there.
const NO_SESSION: ErrorCode = ErrorCode(-32001);

/// Middleware (`from_fn`): refuses doubled headers, and gives every refusal its form.
///
/// # Errors
/// What the service behind it fails with.
pub(super) async fn speak_json_rpc<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let doubled = SINGLE.iter().find(|name| request.headers().get_all(**name).nth(1).is_some());
    if let Some(name) = doubled {
        let message = format!("there is more than one {name} header; send one");
        let refusal = refusal(StatusCode::BAD_REQUEST, ErrorCode::HEADER_MISMATCH, &message);
        return Ok(request.into_response(refusal).map_into_right_body());
    }
    let response = next.call(request).await?;
    if !is_plain_refusal(&response) {
        return Ok(response.map_into_left_body());
    }
    let (request, response) = response.into_parts();
    let (mut head, said) = response.into_parts();
    let said = body::to_bytes_limited(said, MOST_TEXT).await.ok().and_then(Result::ok).unwrap_or_default();
    let (status, code, message) = in_form(head.status(), &String::from_utf8_lossy(&said));
    let mut refusal = refusal(status, code, &message);
    let kept: Vec<_> = head.headers_mut().drain().filter_map(|(name, value)| Some((name?, value))).collect();
    for (name, value) in kept.into_iter().filter(|(name, _)| *name != CONTENT_TYPE) {
        refusal.headers_mut().append(name, value);
    }
    Ok(ServiceResponse::new(request, refusal).map_into_right_body())
}

/// Whether the response refuses in plain text.
fn is_plain_refusal<B>(response: &ServiceResponse<B>) -> bool {
    let json =
        response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    response.status().is_client_error() && !json
}

/// What a refusal in plain text means.
fn in_form(status: StatusCode, said: &str) -> (StatusCode, ErrorCode, String) {
    if let Some(why) = said.strip_prefix(NO_MESSAGE) {
        if why.starts_with(UNRECOGNIZED) {
            let message =
                "the body is no JSON-RPC message; send one request, notification or response (batches are not taken)";
            return (StatusCode::BAD_REQUEST, ErrorCode::INVALID_REQUEST, message.to_owned());
        }
        return (StatusCode::BAD_REQUEST, ErrorCode::PARSE_ERROR, format!("the body is no JSON: {why}"));
    }
    let code = if status == StatusCode::NOT_FOUND { NO_SESSION } else { ErrorCode::INVALID_REQUEST };
    (status, code, said.to_owned())
}

fn refusal(status: StatusCode, code: ErrorCode, message: &str) -> HttpResponse {
    HttpResponse::build(status).json(json!({"jsonrpc": "2.0", "error": {"code": code.0, "message": message}}))
}
