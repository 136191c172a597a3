//! Answers that another replica was giving, or this one before it forgot: made again from the job's record.

use std::sync::Arc;
use std::time::Duration;

use actors::CoreError;
use actors::model::{JobId, JobRecord};
use actors::ports::StoreErrorKind;
use rmcp::ErrorData;
use rmcp::model::{
    CallToolResult, ContentBlock, NumberOrString, ProgressNotification, ProgressNotificationParam, RequestId,
    ServerJsonRpcMessage, ServerNotification, ServerResult,
};
use serde_json::json;
use time::OffsetDateTime;

use super::event_id::{Does, EventId, Topic, job_of};
use super::live::{Live, Refused, Speaker};
use super::outlet::Outlet;
use crate::error::{AppError, ErrorKind};
use crate::mcp::call::{self, ACCEPTANCE};
use crate::mcp::follow::{Audience, Followed, Heard, Reporter, follow};

/// How long another tool's call may have been about to become a job when its connection was lost.
const BECOMING: Duration = Duration::from_secs(5);
/// How long to wait before a store that does not answer is asked again.
const REST: Duration = Duration::from_secs(1);
/// How often it is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(250);

impl Live {
    /// Gives the answer to the request behind `event` once more, on `speaker`.
    pub(super) async fn take_up(self: Arc<Self>, speaker: Arc<Speaker>, event: EventId) {
        if let Topic::Request { id, does, .. } = &event.topic {
            let answer = self.again(&speaker.outlet, &event, does, id).await;
            speaker.outlet.say(answer);
        }
        speaker.outlet.end(self.app.core.ports.clock.now());
    }

    async fn again(&self, outlet: &Outlet, event: &EventId, does: &Does, id: &RequestId) -> ServerJsonRpcMessage {
        let followed = match does {
            Does::Other => return lost(does, id),
            Does::Wait(job, until) => self.follow_again(outlet, event, self.named(job).await, *until).await,
            Does::Compute(until) => self.follow_again(outlet, event, self.find(id, ACCEPTANCE).await, *until).await,
            Does::Call(until) => self.follow_again(outlet, event, self.find(id, BECOMING).await, *until).await,
        };
        match followed {
            Ok(Some(record)) => response(call::answer(&self.app, &record, false), id),
            Ok(None) => lost(does, id),
            Err(error) => response(failure(&error), id),
        }
    }

    /// The job called `job`.
    async fn named(&self, job: &JobId) -> Result<Option<Arc<JobRecord>>, AppError> {
        Ok(Some(self.app.core.find(&self.owner, job).await?))
    }

    /// The job that a call became, which it may have been about to for `patience`; nothing where it became none. A store that does
    /// not answer is asked again.
    async fn find(&self, request: &RequestId, patience: Duration) -> Result<Option<Arc<JobRecord>>, AppError> {
        let clock = &self.app.core.ports.clock;
        let latest = clock.now() + patience;
        loop {
            match self.look(request).await {
                Ok(record) => return Ok(Some(record)),
                Err(CoreError::NoSuchJob(_)) if clock.now() >= latest => return Ok(None),
                Err(CoreError::NoSuchJob(_)) => {}
                Err(error) if is_passing(&error) && clock.now() < latest => {}
                Err(error) => return Err(error.into()),
            }
            clock.sleep(LOOK_EVERY).await;
        }
    }

    /// The job under the name that its request gives it, or the one that was noted.
    async fn look(&self, request: &RequestId) -> Result<Arc<JobRecord>, CoreError> {
        let (core, name) = (&self.app.core, job_of(&self.app.links, &self.id, request));
        let noted = core.sessions.noted_job(&self.owner, &self.id, &name).await?;
        core.find(&self.owner, &noted.unwrap_or(name)).await
    }

    /// The job as it is at its end, or when the call's time is over.
    async fn follow_again(
        &self,
        outlet: &Outlet,
        event: &EventId,
        found: Result<Option<Arc<JobRecord>>, AppError>,
        until: i64,
    ) -> Result<Option<Arc<JobRecord>>, AppError> {
        let Some(record) = found? else { return Ok(None) };
        let (core, mut audience) = (&self.app.core, OfOutlet::new(outlet, event, &record.id));
        loop {
            let budget = OffsetDateTime::from_unix_timestamp(until)
                .map_or(Duration::ZERO, |until| (until - core.ports.clock.now()).try_into().unwrap_or_default());
            match follow(&self.app, &self.actor, &record.id, budget, &mut audience).await {
                // A question to this stream would need rmcp's half of it: the answer says what is asked.
                Ok(Followed::Ended(record) | Followed::Asks(record)) => return Ok(Some(record)),
                Ok(Followed::Goes | Followed::Left) => {
                    let latest = core.find(&self.owner, &record.id).await.unwrap_or(record);
                    core.keep(&latest).await; // its id is handed out
                    return Ok(Some(latest));
                }
                Err(error) if error.is_retryable() && !budget.is_zero() => core.ports.clock.sleep(REST).await,
                Err(error) => return Err(error),
            }
        }
    }
}

fn is_passing(error: &CoreError) -> bool {
    matches!(error, CoreError::Store(error) if error.kind == StoreErrorKind::Unavailable)
}

/// Whoever listens to a stream, now or later.
struct OfOutlet<'a> {
    outlet: &'a Outlet,
    reporter: Option<Reporter>,
}

impl<'a> OfOutlet<'a> {
    fn new(outlet: &'a Outlet, event: &EventId, job: &JobId) -> Self {
        let token = match &event.topic {
            Topic::Request { token, .. } => token.clone(),
            Topic::Session => None,
        };
        Self { outlet, reporter: token.map(|token| Reporter::new(token, job, event.progress)) }
    }
}

impl Audience for OfOutlet<'_> {
    fn reporter(&mut self) -> Option<&mut Reporter> {
        self.reporter.as_mut()
    }

    async fn tell(&mut self, note: ProgressNotificationParam) {
        let note = ServerNotification::ProgressNotification(ProgressNotification::new(note));
        self.outlet.say(ServerJsonRpcMessage::notification(note));
    }

    /// Who lost one connection may come with another.
    async fn heard(&mut self) -> Heard {
        std::future::pending().await
    }
}

fn response(result: CallToolResult, id: &RequestId) -> ServerJsonRpcMessage {
    let mut result = ServerResult::CallToolResult(result);
    result.strip_result_type_for_legacy_peer();
    ServerJsonRpcMessage::response(result, id.clone())
}

fn failure(error: &AppError) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(json!({"error": error.view()}).to_string())])
}

/// The answer to a request whose answer nobody has: it was never carried out, or what came of it is gone.
fn lost(does: &Does, id: &RequestId) -> ServerJsonRpcMessage {
    let message = "the connection was lost before the answer was given, and the server that had it is gone; make the same \
                   request again";
    let error = AppError::new(ErrorKind::Unavailable, message);
    match does {
        Does::Other => ServerJsonRpcMessage::error(ErrorData::from(error), Some(id.clone())),
        Does::Compute(_) | Does::Call(_) | Does::Wait(..) => response(failure(&error), id),
    }
}

/// What an answer says to a request that gets no stream of its own.
pub(super) fn refusal(refused: Refused, id: &RequestId) -> ServerJsonRpcMessage {
    let name = match id {
        NumberOrString::Number(number) => number.to_string(),
        NumberOrString::String(text) => format!("{text:?}"),
    };
    let error = match refused {
        Refused::Taken => {
            let message = format!("a request with the id {name} is under way in this session; use another id");
            ErrorData::invalid_request(message, None)
        }
        Refused::TooMany => {
            let message = "too many requests of this session are under way; wait for some of them";
            AppError::new(ErrorKind::Busy, message).into()
        }
    };
    ServerJsonRpcMessage::error(error, Some(id.clone()))
}
