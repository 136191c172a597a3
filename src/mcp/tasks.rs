//! Tasks (`io.modelcontextprotocol/tasks`): a job as those clients of 2026-07-28 see it that declare the extension.
//!
//! Answered from the job's record alone, so any replica answers, also after the one that made the task was killed. The task's
//! id is the job's. `call` decides when a call becomes a task.

mod tell;
mod watched;

use actors::model::{Cause, JobId, JobOutcome, JobRecord, JobState};
use rmcp::model::{
    CancelTaskParams, ClientCapabilities, CreateTaskResult, DetailedTask, ErrorCode, ErrorData, GetTaskParams,
    GetTaskResult, JsonObject, Task, TaskPayload, TaskStatus, UpdateTaskParams,
};
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use tools::ToolErrorKind;

use super::surface::{CallError, Caller};
use super::{call, questions};
use crate::app::App;
use crate::error::{AppError, ErrorKind};
use crate::view::text;

pub(super) use tell::beside;
pub(super) use watched::watched;

/// Milliseconds between two polls: a quarter of the time that the job has taken so far, within these.
const POLL_MS: std::ops::RangeInclusive<i128> = 500..=30_000;

/// `tasks/get`.
pub(super) async fn get(caller: &Caller<'_>, request: &GetTaskParams) -> Result<GetTaskResult, CallError> {
    let app = caller.app;
    let record = app.core.find(&caller.principal.owner, &id(&request.task_id)?).await?;
    Ok(GetTaskResult::new(detailed(app, &record)?))
}

/// `tasks/update`: answers to what a task asks, also to a part of it. A finished task does not mind.
pub(super) async fn update(caller: &Caller<'_>, request: &UpdateTaskParams) -> Result<(), CallError> {
    Ok(questions::again(caller, &id(&request.task_id)?, &request.input_responses).await?)
}

/// `tasks/cancel`: a request to stop, which a finished task does not mind.
pub(super) async fn cancel(caller: &Caller<'_>, request: &CancelTaskParams) -> Result<(), CallError> {
    caller.app.core.cancel(&caller.principal.owner, &id(&request.task_id)?).await?;
    Ok(())
}

/// The answer to a call that goes on as a task. The job is durable by then, and its client's going away must not end it.
pub(super) async fn created(app: &App, record: &JobRecord) -> CreateTaskResult {
    app.core.keep(record).await;
    CreateTaskResult::new(task(app, record))
}

/// What a client hears that would have to understand tasks.
pub(super) fn missing() -> ErrorData {
    ErrorData::missing_required_client_capability(ClientCapabilities::builder().enable_tasks().build())
}

/// The job that a task's id names. What is no id of ours names nothing.
fn id(task: &str) -> Result<JobId, AppError> {
    task.parse().map_err(|_| AppError::not_found(format!("there is no task {task:?}")))
}

/// The task as it is now, with its result where there is one.
///
/// # Errors
/// `Internal` for a question that the protocol cannot ask.
pub(super) fn detailed(app: &App, record: &JobRecord) -> Result<DetailedTask, AppError> {
    let payload = match &record.outcome {
        None if record.state == JobState::InputRequired => {
            TaskPayload::InputRequired { input_requests: questions::requests(&record.open_questions())? }
        }
        None => TaskPayload::Working,
        Some(JobOutcome::Cancelled) => TaskPayload::Cancelled,
        Some(_) => match fault(record) {
            Some(error) => TaskPayload::Failed { error: object(error) },
            None => TaskPayload::Completed { result: object(call::answer(app, record, false)) },
        },
    };
    Ok(DetailedTask::new(task(app, record), payload))
}

/// What the protocol calls a failure: a fault of ours. What a tool says against its input is a result.
fn fault(record: &JobRecord) -> Option<ErrorData> {
    let Some(JobOutcome::Failed(error)) = &record.outcome else { return None };
    let ours = matches!(error.cause, Cause::Panic | Cause::WorkerLost) || error.kind == ToolErrorKind::Internal;
    ours.then(|| ErrorData::new(ErrorCode(ErrorKind::Internal.row().rpc), error.message.clone(), None))
}

fn object(value: impl Serialize) -> JsonObject {
    match serde_json::to_value(value) {
        Ok(Value::Object(object)) => object,
        _ => JsonObject::new(),
    }
}

fn task(app: &App, record: &JobRecord) -> Task {
    let now = app.core.ports.clock.now();
    let end = record.finished_at.unwrap_or(now);
    let took_ms = milliseconds(record.submitted_at, end);
    let kept_ms = app.core.config.result_ttl.as_millis();
    let poll_ms = (i128::from(took_ms) / 4).clamp(*POLL_MS.start(), *POLL_MS.end());
    Task::new(record.id.to_string(), status(record), text(record.submitted_at), text(record.latest_change()))
        .with_ttl_ms(took_ms.saturating_add(u64::try_from(kept_ms).unwrap_or(u64::MAX)))
        .with_poll_interval_ms(u64::try_from(poll_ms).expect("it lies between two small numbers"))
        .with_status_message(message(record))
}

fn milliseconds(from: OffsetDateTime, to: OffsetDateTime) -> u64 {
    u64::try_from((to - from).whole_milliseconds()).unwrap_or(0)
}

fn status(record: &JobRecord) -> TaskStatus {
    match record.state {
        JobState::Queued | JobState::Running => TaskStatus::Working,
        JobState::InputRequired => TaskStatus::InputRequired,
        JobState::Cancelled => TaskStatus::Cancelled,
        JobState::Failed if fault(record).is_some() => TaskStatus::Failed,
        JobState::Succeeded | JobState::Failed => TaskStatus::Completed,
    }
}

fn message(record: &JobRecord) -> String {
    match &record.outcome {
        None => record.progress.message.clone(),
        Some(JobOutcome::Succeeded { report, .. }) => report.summary.clone(),
        Some(JobOutcome::Failed(error)) => format!("{} failed: {}", record.tool, error.message),
        Some(JobOutcome::Cancelled) => "cancelled by request".to_owned(),
    }
}
