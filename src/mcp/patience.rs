//! Headers at once, and a sign of life while there is nothing to say.
//!
//! rmcp decides on its headers when it has the first message, which for a long call without a progress token is the answer.
//! Until then proxies and clients would see a connection on which nothing happens, and cut it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponse;
use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt as _};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyDataStream, BodyExt as _, Collected};
use rmcp::model::{ErrorCode, ErrorData};
use serde::Deserialize;
use serde_json::{Value, json};

use super::KEEP_ALIVE;
use super::door::{Answer, Door, finish};
use crate::error::AppError;
use crate::event_stream;

/// How long an answer may take before its headers are sent ahead. What is refused is refused sooner, with a status.
const SOON: Duration = Duration::from_secs(1);

/// An answer under way. Dropped with the connection, it ends the request.
pub(super) type Answering = Pin<Box<dyn Future<Output = Result<Answer, AppError>>>>;

/// The answer, if it comes soon; else a stream of events that begins at once and brings it when it is there.
pub(super) async fn headers_soon(mut answering: Answering, door: Arc<Door>, body: Bytes) -> HttpResponse {
    tokio::select! {
        answer = &mut answering => return finish(answer, &door.app).await,
        () = door.app.core.ports.clock.sleep(SOON) => {}
    }
    event_stream::response().streaming(events(Waiting { answering, door, request: id_of(&body) }))
}

/// Where a stream is that began before its answer.
enum State {
    Waiting(Waiting),
    Saying(BodyDataStream<BoxBody<Bytes, Infallible>>),
    Over,
}

/// An answer that is waited for.
struct Waiting {
    answering: Answering,
    door: Arc<Door>,
    /// The request's id, for an answer that does not name it.
    request: Value,
}

/// The id of the request in `body`.
fn id_of(body: &[u8]) -> Value {
    #[derive(Default, Deserialize)]
    struct Named {
        #[serde(default)]
        id: Value,
    }
    serde_json::from_slice::<Named>(body).unwrap_or_default().id
}

fn events(waiting: Waiting) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let alive = stream::once(std::future::ready(Ok(event_stream::ALIVE)));
    alive.chain(stream::unfold(State::Waiting(waiting), next))
}

async fn next(state: State) -> Option<(Result<Bytes, Infallible>, State)> {
    match state {
        State::Waiting(mut waiting) => {
            let answer = tokio::select! {
                answer = &mut waiting.answering => answer,
                () = waiting.door.app.core.ports.clock.sleep(KEEP_ALIVE) => {
                    return Some((Ok(event_stream::ALIVE), State::Waiting(waiting)));
                }
            };
            Some(begin(answer, &waiting.request).await)
        }
        State::Saying(mut body) => Some((body.next().await?, State::Saying(body))),
        State::Over => None,
    }
}

/// The first words of an answer: its own where it is a stream of events, else it is one event.
async fn begin(answer: Result<Answer, AppError>, request: &Value) -> (Result<Bytes, Infallible>, State) {
    let body = match answer {
        Ok(answer) if is_events(&answer) => {
            return (Ok(event_stream::ALIVE), State::Saying(BodyDataStream::new(answer.into_body())));
        }
        Ok(answer) => answer.into_body().collect().await.map(Collected::to_bytes).unwrap_or_default(),
        Err(error) => Bytes::from(said(&ErrorData::from(error), request)),
    };
    let text = String::from_utf8_lossy(&body);
    // In plain text only what rmcp could not carry out; its reader waits for a message.
    let message = if text.starts_with('{') {
        text.into_owned()
    } else {
        said(&ErrorData::new(ErrorCode::INTERNAL_ERROR, text.into_owned(), None), request)
    };
    (Ok(Bytes::from(format!("data: {message}\n\n"))), State::Over)
}

fn is_events(answer: &Answer) -> bool {
    answer
        .headers()
        .get(http::header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}

fn said(error: &ErrorData, request: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": request, "error": error}).to_string()
}
