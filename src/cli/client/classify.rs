//! Which of rmcp's failures mean "the connection is gone" and which "the server said no".

use std::error::Error;

use rmcp::ServiceError;
use rmcp::service::ClientInitializeError;
use rmcp::transport::streamable_http_client::StreamableHttpError;

use super::ClientError;

/// A failed request.
pub(super) fn service(error: &ServiceError) -> ClientError {
    match error {
        ServiceError::McpError(data) => protocol(data),
        _ if error.is_authorization_required() || error.auth_challenge().is_some() => unauthorized(),
        ServiceError::TransportSend(cause) => transport(cause.error.as_ref()),
        ServiceError::Cancelled { .. } => ClientError::Cancelled,
        ServiceError::TransportClosed | ServiceError::Timeout { .. } => lost("the connection broke off"),
        other => ClientError::strange(other),
    }
}

/// A failed beginning.
pub(super) fn initialize(error: &ClientInitializeError) -> ClientError {
    match error {
        ClientInitializeError::JsonRpcError(data) => protocol(data),
        _ if error.is_authorization_required() || error.auth_challenge().is_some() => unauthorized(),
        ClientInitializeError::TransportError { error, .. } => transport(error.error.as_ref()),
        ClientInitializeError::ConnectionClosed(_) | ClientInitializeError::Cancelled => {
            lost("the connection broke off")
        }
        ClientInitializeError::LegacyFallbackFailed { fallback, .. } => initialize(fallback),
        other => ClientError::strange(other),
    }
}

fn protocol(data: &rmcp::ErrorData) -> ClientError {
    let kind = data.data.as_ref().and_then(|data| data["kind"].as_str()).map(str::to_owned);
    ClientError::Refused { kind, message: data.message.to_string() }
}

fn unauthorized() -> ClientError {
    let message = "the server asks for an API key that it knows; give --api-key (HEAVYLIFT_API_KEY)".to_owned();
    ClientError::Refused { kind: Some("unauthorized".to_owned()), message }
}

fn lost(what: impl std::fmt::Display) -> ClientError {
    ClientError::Unreachable(what.to_string())
}

/// A failure of the transport: an answer that makes no sense stays one however often it is asked for, all else may pass.
fn transport(error: &(dyn Error + 'static)) -> ClientError {
    let mut cause = Some(error);
    while let Some(current) = cause {
        if let Some(error) = current.downcast_ref::<StreamableHttpError<reqwest::Error>>() {
            return http(error);
        }
        cause = current.source();
    }
    lost(error)
}

fn http(error: &StreamableHttpError<reqwest::Error>) -> ClientError {
    match error {
        StreamableHttpError::Client(error) if error.is_status() => ClientError::strange(error),
        StreamableHttpError::Client(error) => ClientError::http(error),
        StreamableHttpError::UnexpectedServerResponse(_)
        | StreamableHttpError::UnexpectedContentType(_)
        | StreamableHttpError::ResponseBodyTooLarge { .. }
        | StreamableHttpError::ReservedHeaderConflict(_)
        | StreamableHttpError::Deserialize(_) => ClientError::strange(error),
        other => lost(other),
    }
}
