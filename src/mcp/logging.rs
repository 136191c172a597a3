//! Log notes to the client: what is worth telling beside progress. The protocol calls this deprecated, and many clients show it.
//!
//! A session of an older protocol hears what is at least as grave as the level it set, or as [`Level::Info`] before that. A
//! request of 2026-07-28 hears nothing unless its `_meta` names a level.

#![expect(deprecated, reason = "the protocol keeps logging for a while yet, and clients show it")]

use actors::model::{JobId, JobState};
use rmcp::RoleServer;
use rmcp::model::{
    LoggingLevel, LoggingMessageNotification, LoggingMessageNotificationParam, ServerNotification,
    SetLevelRequestParams,
};
use rmcp::service::RequestContext;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::sessions::Ticket;
use super::surface::Caller;
use crate::error::AppError;

/// Who speaks.
const LOGGER: &str = "heavylift";
const META_LEVEL: &str = "io.modelcontextprotocol/logLevel";

/// How grave a note is: the levels of RFC 5424.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are those of RFC 5424")]
pub enum Level {
    Debug,
    Info,
    Notice,
    Warning,
    Error,
    Critical,
    Alert,
    Emergency,
}

impl Level {
    /// The level that a session asks for.
    pub(super) fn of(request: &SetLevel) -> Self {
        match request.level {
            LoggingLevel::Debug => Self::Debug,
            LoggingLevel::Info => Self::Info,
            LoggingLevel::Notice => Self::Notice,
            LoggingLevel::Warning => Self::Warning,
            LoggingLevel::Error => Self::Error,
            LoggingLevel::Critical => Self::Critical,
            LoggingLevel::Alert => Self::Alert,
            LoggingLevel::Emergency => Self::Emergency,
        }
    }
}

/// What a session asks for.
pub(super) type SetLevel = SetLevelRequestParams;

/// The level that a request names for itself.
///
/// # Errors
/// `InvalidParams` for what is no level.
pub(super) fn level_of(context: &RequestContext<RoleServer>) -> Result<Option<Level>, AppError> {
    let Some(value) = context.meta.get(META_LEVEL) else { return Ok(None) };
    let level = Level::deserialize(value).map(Some);
    level.map_err(|_| {
        AppError::invalid(format!(
            "_meta: {META_LEVEL} is debug, info, notice, warning, error, critical, alert or emergency"
        ))
    })
}

impl Caller<'_> {
    /// Whether the caller hears notes as grave as `level`.
    pub async fn hears(&self, level: Level) -> bool {
        let least = match level_of(self.context) {
            Ok(None) if !self.is_sessionless() => {
                let legacy = self.handler.legacy(self.principal, &self.context.extensions, &self.context.peer);
                Some(legacy.wishes().await.level.unwrap_or(Level::Info))
            }
            named => named.ok().flatten(),
        };
        least.is_some_and(|least| level >= least)
    }

    /// Tells the caller `data` where it hears notes as grave as `level`: on the call's own stream.
    pub async fn note(&self, level: Level, data: Value) {
        if !self.hears(level).await {
            return;
        }
        let Ok(level) = serde_json::from_value(json!(level)) else { return };
        let note = LoggingMessageNotificationParam::new(level, data).with_logger(LOGGER);
        let note = ServerNotification::LoggingMessageNotification(LoggingMessageNotification::new(note));
        match self.context.extensions.get::<Ticket>() {
            Some(ticket) => ticket.say(note),
            // A reader that has gone is noticed by the request's own cancellation.
            None => drop(self.context.peer.send_notification(note).await),
        }
    }
}

/// What a caller was told of a job that it waits for.
#[derive(Default)]
pub(super) struct Remarks {
    waits: bool,
    lost: Option<u32>,
}

impl Remarks {
    /// Looks at the job and says what is new and worth telling: that it waits behind others, that an attempt was lost.
    pub(super) async fn look(&mut self, caller: &Caller<'_>, job: &JobId) {
        let Some(record) = caller.app.core.board.seen(job) else { return };
        if record.state == JobState::Queued && !std::mem::replace(&mut self.waits, true) {
            tell_wait(caller, job).await;
        }
        let before = self.lost.replace(record.lost).unwrap_or(record.lost);
        if record.lost > before {
            let message = "the server that ran the job went away; it begins a new attempt";
            caller.note(Level::Warning, json!({"message": message, "job_id": job, "lost_attempts": record.lost})).await;
        }
    }
}

async fn tell_wait(caller: &Caller<'_>, job: &JobId) {
    if !caller.hears(Level::Info).await {
        return; // the queue need not be asked
    }
    let Ok(depth) = caller.app.core.ports.queue.depth().await else { return };
    let message = format!("the job waits for room; {} wait in all", depth.waiting);
    caller.note(Level::Info, json!({"message": message, "job_id": job, "waiting": depth.waiting})).await;
}

#[test]
fn levels_are_those_of_the_protocol() {
    for name in ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"] {
        let request = serde_json::from_value(json!({"level": name})).expect("a request");
        assert_eq!(json!(Level::of(&request)), name);
    }
    assert!(Level::Debug < Level::Info && Level::Error < Level::Emergency);
}
