//! A response's head within a second, also where its body stays silent for longer.
//!
//! Without a session rmcp sends nothing before the handler's first word, which may be its last, minutes later: clients and
//! proxies give up on that. Here the stream is opened meanwhile, and kept awake. What is refused is refused sooner than that,
//! with its own status.

use std::cell::Cell;
use std::error::Error as StdError;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use actix_web::body::{self, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use futures_util::{StreamExt as _, stream};
use serde_json::Value;

use super::KEEP_ALIVE;
use crate::app::App;

/// How long an answer may take that has its own head.
const PATIENCE: Duration = Duration::from_secs(1);
/// The first protocol whose requests stand for themselves.
const SESSIONLESS: &str = "2026-07-28";
const COMMENT: Bytes = Bytes::from_static(b":\n\n");

/// The request as it is once it has found its route, which no middleware sees: before that nothing else may hold it.
#[derive(Clone, Default)]
struct Routed(Rc<Cell<Option<HttpRequest>>>);

/// Leaves no request behind that holds itself.
struct Emptied(Routed);

impl Drop for Emptied {
    fn drop(&mut self) {
        self.0.0.take();
    }
}

/// To be called with every request that has found its route.
pub(super) fn routed(request: &HttpRequest) {
    if let Some(routed) = request.extensions().get::<Routed>() {
        routed.0.set(Some(request.clone()));
    }
}

/// Middleware (`from_fn`): opens the stream where the answer takes its time.
///
/// # Errors
/// What the service behind it fails with.
pub(super) async fn head_soon<B: MessageBody + 'static>(
    app: web::Data<App>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    if !may_be_silent(&request) {
        return next.call(request).await.map(ServiceResponse::map_into_left_body);
    }
    let routed = Routed::default();
    request.extensions_mut().insert(routed.clone());
    let routed = Emptied(routed);
    let mut answering: Answering<B> = Box::pin(next.call(request));
    tokio::select! {
        answered = &mut answering => return answered.map(ServiceResponse::map_into_left_body),
        () = app.core.ports.clock.sleep(PATIENCE) => {}
    }
    let Some(request) = routed.0.0.take() else {
        return answering.await.map(ServiceResponse::map_into_left_body);
    };
    let waiting = stream::unfold(State::Waiting(answering), move |state| step(state, app.clone()));
    let frames = stream::iter([Ok(COMMENT)]).chain(waiting);
    let mut response = HttpResponse::Ok();
    response.content_type("text/event-stream").insert_header((CACHE_CONTROL, "no-cache"));
    let response = response.insert_header(("X-Accel-Buffering", "no")).streaming(frames);
    Ok(ServiceResponse::new(request, response).map_into_right_body())
}

fn may_be_silent(request: &ServiceRequest) -> bool {
    let version = request.headers().get("mcp-protocol-version").and_then(|version| version.to_str().ok());
    request.method() == Method::POST && version.is_some_and(|version| version >= SESSIONLESS)
}

type Answering<B> = LocalBoxFuture<'static, Result<ServiceResponse<B>, Error>>;
type Chunk = Result<Bytes, Box<dyn StdError>>;

/// How far the answer is.
enum State<B> {
    Waiting(Answering<B>),
    Speaking(Pin<Box<B>>),
    Over,
}

/// The stream's next piece.
async fn step<B: MessageBody + 'static>(state: State<B>, app: web::Data<App>) -> Option<(Chunk, State<B>)> {
    match state {
        State::Waiting(mut answering) => tokio::select! {
            answered = &mut answering => Some(begin(answered).await),
            () = app.core.ports.clock.sleep(KEEP_ALIVE) => Some((Ok(COMMENT), State::Waiting(answering))),
        },
        State::Speaking(mut body) => {
            let chunk = poll_fn(|cx| body.as_mut().poll_next(cx)).await?;
            Some((chunk.map_err(Into::into), State::Speaking(body)))
        }
        State::Over => None,
    }
}

/// The answer has come: a stream, or a message that would have had a head of its own.
async fn begin<B: MessageBody + 'static>(answered: Result<ServiceResponse<B>, Error>) -> (Chunk, State<B>) {
    let Ok(response) = answered else { return (Ok(COMMENT), State::Over) };
    let is_stream =
        response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    if is_stream {
        return (Ok(COMMENT), State::Speaking(Box::pin(response.into_body())));
    }
    let said = body::to_bytes(response.into_body()).await.unwrap_or_default();
    let message = serde_json::from_slice(&said).ok().filter(|message: &Value| message["jsonrpc"].is_string());
    // Without a message it ends as a cut stream does, after which clients ask again.
    let frame = message.map_or(COMMENT, |message| Bytes::from(format!("data: {message}\n\n")));
    (Ok(frame), State::Over)
}
