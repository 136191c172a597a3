//! `POST /messages?session_id=…`: one message of a client's, whose answer comes on its stream.

use actix_web::http::StatusCode;
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, web};
use rmcp::model::{ClientJsonRpcMessage, GetMeta as _, ProtocolVersion};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc::error::TrySendError;

use super::super::MOST_BODY_BYTES;
use super::streams::Streams;
use crate::auth::Principal;
use crate::error::{AppError, ErrorKind};

#[derive(Deserialize)]
pub(super) struct PostQuery {
    session_id: String,
}

/// Takes one message.
pub(super) async fn post(
    streams: web::Data<Streams>,
    principal: Principal,
    query: web::Query<PostQuery>,
    request: HttpRequest,
    body: Result<web::Bytes, actix_web::Error>,
) -> Result<HttpResponse, AppError> {
    let Some(stream) = streams.find(&query.session_id, &principal.owner) else { return Err(gone()) };
    if request.content_type() != "application/json" {
        let error = AppError::new(ErrorKind::Unsupported, "a message is application/json; say so in Content-Type");
        return Ok(HttpResponse::build(StatusCode::UNSUPPORTED_MEDIA_TYPE).json(json!({"error": error.view()})));
    }
    let message = read(&body.map_err(|error| cut(&error))?)?;
    match stream.try_send(message) {
        Ok(()) => Ok(HttpResponse::Accepted().body("Accepted")),
        Err(TrySendError::Closed(_)) => Err(gone()),
        Err(TrySendError::Full(_)) => {
            Err(AppError::new(ErrorKind::Busy, "too many messages wait on this stream; send it again later"))
        }
    }
}

fn gone() -> AppError {
    AppError::not_found("there is no such stream; open one with GET /sse and post where its first event says")
}

fn cut(error: &actix_web::Error) -> AppError {
    if error.as_response_error().status_code() == StatusCode::PAYLOAD_TOO_LARGE {
        let most = crate::config::show_bytes(MOST_BODY_BYTES as u64);
        return AppError::new(ErrorKind::TooLarge, format!("a message has at most {most}; bigger files go to /files"));
    }
    AppError::invalid(format!("the message did not arrive whole: {error}"))
}

/// One message of an era that this transport belongs to.
fn read(body: &[u8]) -> Result<ClientJsonRpcMessage, AppError> {
    let value: Value =
        serde_json::from_slice(body).map_err(|error| AppError::invalid(format!("the body is not JSON: {error}")))?;
    if value.is_array() {
        return Err(AppError::invalid("batches are not taken; post one message at a time"));
    }
    let message = serde_json::from_value(value)
        .map_err(|error| AppError::invalid(format!("the body is no JSON-RPC message of MCP: {error}")))?;
    if let ClientJsonRpcMessage::Request(asked) = &message
        && asked.request.get_meta().protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28)
    {
        return Err(AppError::invalid("this transport ends with protocol 2025-11-25; use /mcp for newer ones"));
    }
    Ok(message)
}
