//! What a client hears whose request meets the end of the server: come again, which SDKs do by themselves.

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::middleware::Next;
use actix_web::{Error, ResponseError as _, web};
use actors::CoreError;

use crate::app::App;
use crate::error::AppError;

/// Middleware (`from_fn`): answers 503 where the protocol's service has hung up, in place of its 500.
///
/// # Errors
/// What the service behind it fails with.
pub(super) async fn tell_restart<B: MessageBody + 'static>(
    app: web::Data<App>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let restarting = || AppError::from(CoreError::Draining).error_response();
    if app.hang_up.is_cancelled() {
        return Ok(request.into_response(restarting()).map_into_right_body());
    }
    let response = next.call(request).await?;
    if response.status() == StatusCode::INTERNAL_SERVER_ERROR && app.hang_up.is_cancelled() {
        return Ok(response.into_response(restarting()).map_into_right_body());
    }
    Ok(response.map_into_left_body())
}
