//! The gate: a request gets a [`Principal`], by its API key or by a signed link, or it is refused.

use std::future::{Ready, ready};

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpMessage as _, HttpRequest, web};

use super::{Keyring, Principal, is_probe};
use crate::error::{AppError, ErrorKind};
use crate::links::{self, Brought, Grant, Links};
use crate::pages;

/// Middleware (`from_fn`): puts a [`Principal`] into the request's extensions, and what a link allows as a [`Grant`] beside it; or
/// refuses. [`Keyring`] and [`Links`] are app data; without them nobody gets in.
///
/// A request that brings a link is judged by that alone, whatever key comes with it.
///
/// # Errors
/// What the service behind it fails with.
pub async fn authenticate<B: MessageBody + 'static>(
    keyring: web::Data<Keyring>,
    links: web::Data<Links>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    if is_probe(request.path()) {
        return next.call(request).await.map(ServiceResponse::map_into_left_body);
    }
    let brought = Brought::find(request.method(), request.path(), request.query_string());
    if let Some(brought) = brought {
        match admitted(&keyring, &links, &brought) {
            Ok(grant) => {
                let mut extensions = request.extensions_mut();
                extensions.insert(Principal { owner: grant.owner.clone() });
                extensions.insert(grant);
            }
            Err(error) => {
                let refusal = pages::refusal(request.headers(), &error);
                return Ok(request.into_response(refusal).map_into_right_body());
            }
        }
    } else if let Some(principal) = keyring.principal(presented(request.headers())) {
        request.extensions_mut().insert(principal);
    } else {
        let refusal = refusal(request.headers());
        return Ok(request.error_response(refusal).map_into_right_body());
    }
    next.call(request).await.map(ServiceResponse::map_into_left_body)
}

/// What a link allows, if its owner may still come in by a key: a key that is taken back takes its owner's links with it.
fn admitted(keyring: &Keyring, links: &Links, brought: &Brought<'_>) -> Result<Grant, AppError> {
    let grant = links.check(brought)?;
    if keyring.knows(&grant.owner) { Ok(grant) } else { Err(links::unknown()) }
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
