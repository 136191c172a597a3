//! A call of a compute tool: becomes a job, is followed for as long as the caller's budget lasts, answers with the result or
//! with a handle.

use std::sync::Arc;
use std::time::Duration;

use actors::model::{JobId, JobRecord, JobState};
use actors::{Call, CoreError, LeaveJob, SubmitJob, Submitted};
use rmcp::model::{CallToolRequestParams, CallToolResponse, CallToolResult, JsonObject, RequestMetaObject};
use serde_json::{Value, json};

use super::extras::Extras;
use super::follow::{Followed, OfRequest, follow};
use super::sessions::Ticket;
use super::surface::Caller;
use super::{questions, tasks};
use crate::app::App;
use crate::error::{AppError, ErrorKind};

/// The least time that a call may take to be accepted, also where the caller would not wait for its result.
pub(super) const ACCEPTANCE: Duration = Duration::from_secs(30);
/// How long a call may take whose client understands tasks before it becomes one.
const INLINE: Duration = Duration::from_secs(1);
const SLOW: &str = "the server's store takes too long to accept the call; make the same call again";

/// A call of a compute tool.
pub(super) struct Request {
    pub(super) tool: String,
    pub(super) arguments: JsonObject,
    /// Whether the answer is a task in any case, also of a job that is over at once.
    pub(super) always_a_task: bool,
}

/// A call that has its job.
struct Started {
    record: Arc<JobRecord>,
    reused: bool,
    /// Whether the caller can come back to the job by a name of its own.
    named: bool,
    /// How long the call may still stay open.
    budget: Duration,
}

/// Runs a compute tool.
///
/// # Errors
/// What kept the call from becoming a job. A job's own failure is a result.
pub(super) async fn run(request: Request, caller: &Caller<'_>) -> Result<CallToolResponse, AppError> {
    let Request { tool, mut arguments, always_a_task } = request;
    let Caller { app, context, handler, .. } = *caller;
    let session = &handler.session(caller).await?;
    let extras = Extras::take(&tool, &mut arguments)?;
    let ticket = context.extensions.get::<Ticket>();
    let call = Call {
        tool,
        params: Value::Object(arguments),
        idempotency_key: extras.idempotency_key.clone(),
        fresh: extras.fresh,
        id: ticket.map(|ticket| ticket.job.clone()),
        trace: traceparent(&context.meta),
    };
    let (clock, budget) = (&app.core.ports.clock, extras.budget(app.config.wait));
    let began = clock.now();
    let submitted = tokio::select! {
        submitted = session.send(SubmitJob(call)) => submitted.map_err(CoreError::from)??,
        () = clock.sleep(budget.max(ACCEPTANCE)) => return Err(AppError::new(ErrorKind::Unavailable, SLOW)),
    };
    let job = &submitted.record.id;
    if let Some(ticket) = ticket {
        ticket.became(&app.core, job, submitted.reused).await;
    }
    if handler.memory(&context.extensions).calls.began(&context.id, job) {
        session.do_send(LeaveJob { job: job.clone(), on_purpose: true });
    }
    if submitted.reused {
        app.core.keep(&submitted.record).await; // somebody else may rely on it
    }
    if always_a_task {
        return Ok(tasks::created(app, &submitted.record).await.into());
    }
    let budget = if caller.speaks_tasks() { budget.min(INLINE) } else { budget };
    let budget = budget.saturating_sub((clock.now() - began).unsigned_abs());
    let Submitted { record, reused } = submitted;
    see_through(Started { record, reused, named: extras.idempotency_key.is_some(), budget }, caller).await
}

/// Goes on with the call whose job asked, made again with the answers.
///
/// # Errors
/// Answers that are none; `NotFound` for a job that is gone.
pub(super) async fn resume(
    job: &JobId,
    request: CallToolRequestParams,
    caller: &Caller<'_>,
) -> Result<CallToolResponse, AppError> {
    let app = caller.app;
    let extras = Extras::take(&request.name, &mut request.arguments.unwrap_or_default())?;
    questions::again(caller, job, &request.input_responses.unwrap_or_default()).await?;
    let record = app.core.find(&caller.principal.owner, job).await?;
    let budget = extras.budget(app.config.wait);
    see_through(Started { record, reused: false, named: true, budget }, caller).await
}

/// Follows a call's job for as long as its budget lasts and answers as the client understands.
async fn see_through(started: Started, caller: &Caller<'_>) -> Result<CallToolResponse, AppError> {
    let Started { record, reused, named, budget } = started;
    let Caller { app, principal, context, handler } = *caller;
    let (session, job) = (handler.session(caller).await?, &record.id);
    match follow(app, &session, job, budget, &mut OfRequest::new(caller, job)).await? {
        Followed::Ended(record) => {
            handler.memory(&context.extensions).calls.ended(&context.id);
            Ok(answer(app, &record, reused).into())
        }
        Followed::Asks(record) => pause(&record, reused, caller).await,
        Followed::Goes => {
            // A store that does not answer just now must not keep the job's id from its caller.
            let record = app.core.find(&principal.owner, job).await.unwrap_or(record);
            pause(&record, reused, caller).await
        }
        Followed::Left => {
            // A later protocol's closed stream may be followed by the same call, for which the job waits a while; with a key of
            // the caller's own it waits for good. In a session only a cancel by name ends a job: see `on_cancelled`, which may
            // come after this and must still find it.
            if caller.is_sessionless() && !named {
                session.do_send(LeaveJob { job: job.clone(), on_purpose: false });
            }
            let record = app.core.find(&principal.owner, job).await?;
            Ok(answer(app, &record, reused).into())
        }
    }
}

/// The answer to a call whose job goes on without it: the job's id, in the words that the client understands best.
async fn pause(record: &JobRecord, reused: bool, caller: &Caller<'_>) -> Result<CallToolResponse, AppError> {
    let app = caller.app;
    if caller.speaks_tasks() && !record.state.is_terminal() {
        return Ok(tasks::created(app, record).await.into());
    }
    if record.state == JobState::InputRequired && caller.can_be_asked_to_call_again() {
        return Ok(questions::instead(app, record).await?.into());
    }
    app.core.keep(record).await;
    Ok(answer(app, record, reused).into())
}

/// Waits for `job`'s end within `budget`, telling the caller of its progress. The record may be of a job that goes on.
///
/// # Errors
/// `NotFound` for another's job as for one that is not there.
pub(super) async fn end_of(job: &JobId, budget: Duration, caller: &Caller<'_>) -> Result<Arc<JobRecord>, AppError> {
    let app = caller.app;
    let session = caller.handler.session(caller).await?;
    let found = app.core.find(&caller.principal.owner, job).await?;
    app.core.keep(&found).await; // the caller can name it: its going away says nothing
    match follow(app, &session, job, budget, &mut OfRequest::new(caller, job)).await? {
        Followed::Ended(record) | Followed::Asks(record) => Ok(record),
        Followed::Goes | Followed::Left => Ok(app.core.find(&caller.principal.owner, job).await?),
    }
}

/// What a call says of its job: a result, or how to go on.
pub(super) fn answer(app: &App, record: &JobRecord, reused: bool) -> CallToolResult {
    let mut view = app.viewer().view(record);
    view.reused = reused;
    let failed = matches!(record.state, JobState::Failed | JobState::Cancelled);
    let value = json!(view);
    if failed { CallToolResult::structured_error(value) } else { CallToolResult::structured(value) }
}

/// The caller's place in a distributed trace (<https://www.w3.org/TR/trace-context/#traceparent-header>); nothing where it is
/// spelled in another way.
fn traceparent(meta: &RequestMetaObject) -> Option<String> {
    let text = meta.get_traceparent()?;
    let lengths = [2, 32, 16, 2];
    let is_hex = |part: &str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let parts: Vec<&str> = text.split('-').collect();
    let fits = parts.len() == 4 && parts.iter().zip(lengths).all(|(part, length)| part.len() == length && is_hex(part));
    fits.then(|| text.to_owned())
}

#[test]
fn only_a_traceparent_is_taken_over() {
    let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let with = |text: &str| {
        let mut meta = RequestMetaObject::default();
        meta.insert("traceparent".to_owned(), json!(text));
        traceparent(&meta)
    };
    assert_eq!(with(good).as_deref(), Some(good));
    for bad in ["", "00", "00-xyz", &good.to_uppercase(), &format!("{good}-01"), &format!("{good}\n")] {
        assert_eq!(with(bad), None, "{bad:?}");
    }
}
