//! From actix-web to rmcp's service and back.
//!
//! What rmcp does not see to is done here, in this order: the end of the server, doubled headers, the body's size, whose
//! request it is, the tasks that a listener names, headers at once ([`patience`]), the form of a refusal.

use std::convert::Infallible;
use std::sync::Arc;

use actix_web::http::header::{ALLOW, HeaderMap, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, ResponseError as _, web};
use actors::CoreError;
use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyDataStream, BodyExt as _, Collected, Full, Limited};
use rmcp::transport::streamable_http_server::StreamableHttpService;

use super::handler::Handler;
use super::sessions::{Sessions, answer_for};
use super::talk::Talks;
use super::{MOST_BODY_BYTES, patience, refusals, subscriptions, tasks};
use crate::app::App;
use crate::auth::Principal;
use crate::error::AppError;

/// What rmcp answers with.
pub(super) type Answer = http::Response<BoxBody<Bytes, Infallible>>;

/// rmcp's service, as requests find it.
pub(super) struct Door {
    pub(super) app: Arc<App>,
    pub(super) talks: Talks,
    pub(super) service: StreamableHttpService<Handler, Sessions>,
}

/// Answers one request to the endpoint.
pub(super) async fn answer(
    door: web::Data<Door>,
    principal: Principal,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    if door.app.hang_up.is_cancelled() {
        return restarting();
    }
    if let Some(refusal) = refusals::doubled(request.headers()) {
        return refusal;
    }
    let Ok(Ok(body)) = payload.to_bytes_limited(MOST_BODY_BYTES).await else {
        return refusals::too_large();
    };
    let watched = match tasks::watched(&door.app, &principal.owner, request.headers(), &body).await {
        Ok(watched) => watched,
        Err(refusal) => return refusal,
    };
    if watched.is_none()
        && let Some(stream) =
            subscriptions::over_http(&door.talks.handler(), &principal.owner, request.headers(), &body).await
    {
        return stream;
    }
    let soon = is_sessionless(&request);
    let sent = body.clone();
    let mut bridged = bridge(&request, &principal, body);
    if let Some(watched) = &watched {
        bridged.extensions_mut().insert(watched.clone());
    }
    let (serving, service) = (Arc::clone(&door), door.service.clone());
    let answer = answer_for(principal.owner, async move { service.handle(bridged).await });
    let response = if soon {
        patience::headers_soon(Box::pin(answer), serving, sent).await
    } else {
        finish(answer.await, &door.app).await
    };
    match watched {
        Some(watched) => watched.acknowledged(response),
        None if *request.method() == Method::DELETE => ended(response),
        None => response,
    }
}

/// What says that a session is over. The official Python client takes "accepted" for a failure.
fn ended(mut response: HttpResponse) -> HttpResponse {
    if response.status() == StatusCode::ACCEPTED {
        *response.status_mut() = StatusCode::NO_CONTENT;
    }
    response
}

/// Whether the request is of 2026-07-28: for those rmcp sends no headers before there is something to say.
fn is_sessionless(request: &HttpRequest) -> bool {
    *request.method() == Method::POST && request.headers().contains_key("mcp-method")
}

/// The request as rmcp wants it: without what opens the server, and with whom that opened it for.
fn bridge(request: &HttpRequest, principal: &Principal, body: Bytes) -> http::Request<Full<Bytes>> {
    let mut bridged = http::Request::new(Full::new(body));
    // What actix-web took for a method or an address is one for everybody.
    *bridged.method_mut() = request.method().as_str().parse().unwrap_or_default();
    *bridged.uri_mut() = request.uri().to_string().parse().unwrap_or_default();
    *bridged.headers_mut() = headers(request.headers());
    bridged.extensions_mut().insert(principal.clone());
    bridged
}

fn headers(from: &HeaderMap) -> http::HeaderMap {
    let mut to = http::HeaderMap::with_capacity(from.len());
    for (name, value) in from {
        let name = http::HeaderName::from_bytes(name.as_str().as_bytes());
        let value = http::HeaderValue::from_bytes(value.as_bytes());
        if let (Ok(name), Ok(value)) = (name, value) {
            to.append(name, value);
        }
    }
    to.remove(http::header::AUTHORIZATION);
    to.remove("x-api-key");
    to
}

/// rmcp's answer, or what went wrong that it has no words for, as actix-web sends it.
pub(super) async fn finish(answer: Result<Answer, AppError>, app: &App) -> HttpResponse {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return error.error_response(),
    };
    if app.hang_up.is_cancelled() && answer.status() == http::StatusCode::INTERNAL_SERVER_ERROR {
        return restarting();
    }
    let is_json = answer.headers().get(http::header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    let (head, body) = answer.into_parts();
    if head.status.is_client_error() && !is_json {
        let said = Limited::new(body, MOST_BODY_BYTES).collect().await;
        let said = said.map(Collected::to_bytes).unwrap_or_default();
        let mut refusal = refusals::in_form(status(head.status), &String::from_utf8_lossy(&said));
        let allowed = head.headers.get(http::header::ALLOW).map(|allowed| HeaderValue::from_bytes(allowed.as_bytes()));
        if let Some(Ok(allowed)) = allowed {
            refusal.headers_mut().insert(ALLOW, allowed);
        }
        return refusal;
    }
    let mut response = HttpResponse::build(status(head.status));
    for (name, value) in &head.headers {
        response.append_header((name.as_str(), value.as_bytes()));
    }
    response.streaming(BodyDataStream::new(body))
}

fn status(status: http::StatusCode) -> StatusCode {
    StatusCode::from_u16(status.as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// What a client hears whose request meets the end of the server: come again, which SDKs do by themselves.
fn restarting() -> HttpResponse {
    AppError::from(CoreError::Draining).error_response()
}
