//! Answers that another replica was giving, or this one before it forgot: made again from the job's record.

use std::sync::Arc;
use std::time::Duration;

use actors::CoreError;
use actors::model::{JobId, JobRecord};
use rmcp::ErrorData;
use rmcp::model::{
    CallToolResult, ContentBlock, NumberOrString, ProgressNotification, ProgressNotificationParam, RequestId,
    ServerJsonRpcMessage, ServerNotification, ServerResult,
};
use serde_json::json;
use time::OffsetDateTime;

use super::event_id::{Does, EventId, Topic, job_of};
use super::live::{Live, Speaker};
use super::outlet::Outlet;
use crate::error::{AppError, ErrorKind};
use crate::mcp::call;
use crate::mcp::follow::{Audience, Followed, Heard, Reporter, follow};

/// How long a call may have been about to become a job when its connection was lost.
const BECOMING: Duration = Duration::from_secs(5);
/// How often it is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How a call went.
enum Found {
    Job(Arc<JobRecord>),
    Nowhere,
}

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
            Does::Wait(job, until) => self.follow_again(outlet, event, Found::named(self, job).await, *until).await,
            Does::Call(until) => self.follow_again(outlet, event, self.find(id).await, *until).await,
        };
        match followed {
            Ok(Some(record)) => response(call::answer(&self.app, &record, false), id),
            Ok(None) => lost(does, id),
            Err(error) => response(failure(&error), id),
        }
    }

    /// The job that a call became: under the name that its request gives it, or the one that was noted.
    async fn find(&self, request: &RequestId) -> Result<Found, AppError> {
        let (core, name) = (&self.app.core, job_of(&self.app.links, &self.id, request));
        let patience = core.ports.clock.now() + BECOMING;
        loop {
            let noted = core.sessions.noted_job(&self.owner, &self.id, &name).await?;
            match core.find(&self.owner, &noted.unwrap_or_else(|| name.clone())).await {
                Ok(record) => return Ok(Found::Job(record)),
                Err(CoreError::NoSuchJob(_)) if core.ports.clock.now() < patience => {}
                Err(CoreError::NoSuchJob(_)) => return Ok(Found::Nowhere),
                Err(error) => return Err(error.into()),
            }
            core.ports.clock.sleep(LOOK_EVERY).await;
        }
    }

    /// The job as it is at its end, or when the call's time is over.
    async fn follow_again(
        &self,
        outlet: &Outlet,
        event: &EventId,
        found: Result<Found, AppError>,
        until: i64,
    ) -> Result<Option<Arc<JobRecord>>, AppError> {
        let Found::Job(record) = found? else { return Ok(None) };
        let budget = OffsetDateTime::from_unix_timestamp(until)
            .map_or(Duration::ZERO, |until| (until - self.app.core.ports.clock.now()).try_into().unwrap_or_default());
        let mut audience = OfOutlet::new(outlet, event, &record.id);
        match follow(&self.app, &self.actor, &record.id, budget, &mut audience).await? {
            // A question to this stream would need rmcp's half of it: the answer says what is asked.
            Followed::Ended(record) | Followed::Asks(record) => Ok(Some(record)),
            Followed::Goes | Followed::Left => Ok(Some(self.app.core.find(&self.owner, &record.id).await?)),
        }
    }
}

impl Found {
    /// The job called `job`.
    async fn named(live: &Live, job: &JobId) -> Result<Self, AppError> {
        Ok(Self::Job(live.app.core.find(&live.owner, job).await?))
    }
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
        Does::Call(_) | Does::Wait(..) => response(failure(&error), id),
    }
}

/// What an answer says to a request that has the name of one under way.
pub(super) fn taken(id: &RequestId) -> ServerJsonRpcMessage {
    let name = match id {
        NumberOrString::Number(number) => number.to_string(),
        NumberOrString::String(text) => format!("{text:?}"),
    };
    let message = format!("a request with the id {name} is under way in this session; use another id");
    ServerJsonRpcMessage::error(ErrorData::invalid_request(message, None), Some(id.clone()))
}
