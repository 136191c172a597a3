//! The gate: a request gets a [`Principal`] or a 401.

use std::future::{Ready, ready};

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpMessage as _, HttpRequest, web};

use super::{Keyring, Principal, is_probe};
use crate::error::{AppError, ErrorKind};

/// Middleware (`from_fn`): puts a [`Principal`] into the request's extensions, or answers 401. The [`Keyring`] is app data; without
/// it nobody gets in.
///
/// # Errors
/// What the service behind it fails with.
pub async fn authenticate<B: MessageBody + 'static>(
    keyring: web::Data<Keyring>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    if !is_probe(request.path()) {
        let Some(principal) = keyring.principal(presented(request.headers())) else {
            let refusal = refusal(request.headers());
            return Ok(request.error_response(refusal).map_into_right_body());
        };
        request.extensions_mut().insert(principal);
    }
    next.call(request).await.map(ServiceResponse::map_into_left_body)
}

/// The key that a request brings: `X-API-Key`, or `Authorization: Bearer`.
fn presented(headers: &HeaderMap) -> Option<&str> {
    if let Some(key) = headers.get("x-api-key") {
        return key.to_str().ok().map(str::trim);
    }
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn refusal(headers: &HeaderMap) -> AppError {
    let message = match presented(headers) {
        Some(_) => "this API key is not known here; ask whoever runs the server for one",
        None => "this server asks for an API key; send it as X-API-Key or as Authorization: Bearer",
    };
    AppError::new(ErrorKind::Unauthorized, message)
}

/// A handler's principal. A route that was not wrapped by [`authenticate`] has none, and answers 401.
impl FromRequest for Principal {
    type Error = AppError;
    type Future = Ready<Result<Self, AppError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let principal = request.extensions().get::<Self>().cloned();
        ready(principal.ok_or_else(|| refusal(request.headers())))
    }
}
