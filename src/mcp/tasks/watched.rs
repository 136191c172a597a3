//! The tasks that a `subscriptions/listen` names, which rmcp does not know of: read before it sees the request, and written
//! into the acknowledgement that it sends.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::HttpResponse;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::header::HeaderMap;
use actix_web::web::Bytes;
use actors::model::{JobId, Owner};
use futures_util::stream::{self, StreamExt as _};
use rmcp::model::TASKS_EXTENSION_ID;
use serde::Deserialize;
use serde_json::{Value, json};

use super::missing;
use crate::app::App;
use crate::mcp::subscriptions::LISTEN;

const ACKNOWLEDGED: &str = "notifications/subscriptions/acknowledged";
/// At most this many tasks are told of on one stream; the acknowledgement says which.
const MOST_TASKS: usize = 100;
/// How many are looked up at once.
const AT_ONCE: usize = 8;

/// The tasks that a listener is told of: its own, and there.
#[derive(Clone, Debug)]
pub(in crate::mcp) struct Watched(pub(super) Vec<JobId>);

/// As much of the request as concerns tasks.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Listen {
    id: Value,
    params: Value,
}

impl Listen {
    fn tasks(&self) -> Option<Vec<&str>> {
        let named = self.params["notifications"]["taskIds"].as_array()?;
        Some(named.iter().filter_map(Value::as_str).collect())
    }

    fn speaks_tasks(&self) -> bool {
        self.params["_meta"]["io.modelcontextprotocol/clientCapabilities"]["extensions"][TASKS_EXTENSION_ID].is_object()
    }

    fn refusal(&self) -> HttpResponse {
        HttpResponse::BadRequest().json(json!({"jsonrpc": "2.0", "id": self.id, "error": missing()}))
    }
}

/// The tasks that a request names which begins to listen.
///
/// # Errors
/// The refusal of a client that names tasks and does not declare that it knows them.
pub(in crate::mcp) async fn watched(
    app: &App,
    owner: &Owner,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Option<Watched>, HttpResponse> {
    if headers.get("mcp-method").is_none_or(|method| method.as_bytes() != LISTEN.as_bytes()) {
        return Ok(None);
    }
    let listen: Listen = serde_json::from_slice(body).unwrap_or_default(); // rmcp says what is wrong with it
    let Some(named) = listen.tasks() else { return Ok(None) };
    if !listen.speaks_tasks() {
        return Err(listen.refusal());
    }
    Ok(Some(Watched(look_up(app, owner, named).await)))
}

impl Watched {
    /// The answer to who listens, with the tasks in its acknowledgement.
    pub(in crate::mcp) fn acknowledged(self, response: HttpResponse) -> HttpResponse {
        response.map_body(|_, body| BoxBody::new(Acknowledging { body: Box::pin(body), tasks: Some(self.0) }))
    }
}

/// Those that are `owner`'s and there; they are kept from then on, as whoever listens relies on them.
async fn look_up(app: &App, owner: &Owner, named: Vec<&str>) -> Vec<JobId> {
    let jobs: Vec<JobId> = named.into_iter().filter_map(|task| task.parse().ok()).take(MOST_TASKS).collect();
    let found = stream::iter(jobs).map(|job| async move {
        let record = app.core.find(owner, &job).await.ok()?;
        app.core.keep(&record).await;
        Some(job)
    });
    found.buffered(AT_ONCE).filter_map(std::future::ready).collect().await
}

/// The stream of a listener, with the accepted tasks in its acknowledgement.
struct Acknowledging<B> {
    body: Pin<Box<B>>,
    /// Until the acknowledgement came by.
    tasks: Option<Vec<JobId>>,
}

impl<B: MessageBody> MessageBody for Acknowledging<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        match self.body.size() {
            BodySize::Sized(_) => BodySize::Stream, // it may grow
            size => size,
        }
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, B::Error>>> {
        let this = self.get_mut();
        let chunk = std::task::ready!(this.body.as_mut().poll_next(cx));
        Poll::Ready(chunk.map(|chunk| chunk.map(|bytes| acknowledge(bytes, &mut this.tasks))))
    }
}

/// Puts `tasks` into `chunk` if that is the acknowledgement. rmcp sends an event as one chunk.
fn acknowledge(chunk: Bytes, tasks: &mut Option<Vec<JobId>>) -> Bytes {
    let Some(accepted) = tasks else { return chunk };
    let Some(text) = std::str::from_utf8(&chunk).ok().filter(|text| text.contains(ACKNOWLEDGED)) else { return chunk };
    let line = |line: &str| with_tasks(line, accepted).unwrap_or_else(|| line.to_owned());
    let text: Vec<String> = text.split('\n').map(line).collect();
    *tasks = None;
    Bytes::from(text.join("\n"))
}

fn with_tasks(line: &str, accepted: &[JobId]) -> Option<String> {
    let mut message: Value = serde_json::from_str(line.strip_prefix("data:")?).ok()?;
    message["params"]["notifications"]["taskIds"] = json!(accepted);
    Some(format!("data: {message}"))
}

#[test]
fn the_acknowledgement_names_the_tasks() {
    let job = JobId::random();
    let mut tasks = Some(vec![job.clone()]);
    let ping = Bytes::from_static(b": ping\n\n");
    assert_eq!(acknowledge(ping.clone(), &mut tasks), ping);
    let event = format!("id: 0\ndata: {{\"method\":\"{ACKNOWLEDGED}\",\"params\":{{\"notifications\":{{}}}}}}\n\n");
    let named = acknowledge(Bytes::from(event.clone()), &mut tasks);
    let text = std::str::from_utf8(&named).expect("text");
    assert!(text.starts_with("id: 0\ndata: {") && text.ends_with("}\n\n"), "{text}");
    assert!(text.contains(&format!("\"taskIds\":[\"{job}\"]")), "{text}");
    assert_eq!(acknowledge(Bytes::from(event.clone()), &mut tasks), event, "once");
}
