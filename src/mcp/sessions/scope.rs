//! Who sends the request that rmcp's service is at, and what went wrong with it that rmcp has no words for.
//!
//! rmcp asks its session manager without saying for whom. Its service runs inside the request's own task, so the principal goes
//! beside it as a task's local value, and an error comes back the same way.

use std::sync::Arc;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, ResponseError as _};
use actors::model::Owner;
use parking_lot::Mutex;

use crate::auth::Principal;
use crate::error::AppError;

tokio::task_local! {
    static REQUEST: Arc<Scope>;
}

struct Scope {
    owner: Owner,
    trouble: Mutex<Option<AppError>>,
}

/// Whose request this is; nothing outside of requests.
pub(super) fn owner() -> Option<Owner> {
    REQUEST.try_with(|scope| scope.owner.clone()).ok()
}

/// Has the request answered with `error` instead of what rmcp makes of it.
pub(super) fn report(error: AppError) {
    let _ = REQUEST.try_with(|scope| scope.trouble.lock().get_or_insert(error).kind); // outside of requests nobody hears it
}

/// Middleware (`from_fn`): runs the service for its principal.
///
/// # Errors
/// What the service behind it fails with.
pub(in crate::mcp) async fn for_principal<B: MessageBody + 'static>(
    principal: Principal,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let scope = Arc::new(Scope { owner: principal.owner, trouble: Mutex::default() });
    let mut response = REQUEST.scope(Arc::clone(&scope), next.call(request)).await?;
    if response.request().method() == Method::DELETE && response.status() == StatusCode::ACCEPTED {
        // The session is over by now, and the official Python client takes "accepted" for a failure.
        *response.response_mut().status_mut() = StatusCode::NO_CONTENT;
    }
    match scope.trouble.lock().take() {
        Some(error) => Ok(response.into_response(error.error_response()).map_into_right_body()),
        None => Ok(response.map_into_left_body()),
    }
}
