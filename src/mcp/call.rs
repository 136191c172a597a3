//! A call of a compute tool: becomes a job, is followed for as long as the caller's budget lasts, answers with the result or
//! with a handle.

use std::sync::Arc;
use std::time::Duration;

use actix::Addr;
use actors::model::{JobId, JobRecord, JobState};
use actors::{Call, CoreError, FollowJob, LeaveJob, Note, Session, SubmitJob};
use rmcp::RoleServer;
use rmcp::model::{CallToolResult, JsonObject, NotificationMetaObject, ProgressNotificationParam, ProgressToken};
use rmcp::service::Peer;
use serde_json::{Value, json};
use tokio::sync::mpsc::Receiver;
use tools::Progress;

use super::extras::Extras;
use super::logging::Remarks;
use super::surface::Caller;
use crate::app::App;
use crate::error::{AppError, ErrorKind};

/// The least time that a call may take to be accepted, also where the caller would not wait for its result.
const ACCEPTANCE: Duration = Duration::from_secs(30);
const SLOW: &str = "the server's store takes too long to accept the call; make the same call again";

/// Runs the compute tool `name`.
///
/// # Errors
/// What kept the call from becoming a job. A job's own failure is a result.
pub(super) async fn run(
    name: &str,
    mut arguments: JsonObject,
    caller: &Caller<'_>,
) -> Result<CallToolResult, AppError> {
    let Caller { app, principal, context, handler } = *caller;
    let session = &handler.session(principal).await?;
    let extras = Extras::take(name, &mut arguments)?;
    let call = Call {
        tool: name.to_owned(),
        params: Value::Object(arguments),
        idempotency_key: extras.idempotency_key.clone(),
        fresh: extras.fresh,
    };
    let (clock, budget) = (&app.core.ports.clock, extras.budget(app.config.wait));
    let began = clock.now();
    let submitted = tokio::select! {
        submitted = session.send(SubmitJob(call)) => submitted.map_err(CoreError::from)??,
        () = clock.sleep(budget.max(ACCEPTANCE)) => return Err(AppError::new(ErrorKind::Unavailable, SLOW)),
    };
    let job = submitted.record.id.clone();
    if handler.calls.began(&context.id, &job) {
        session.do_send(LeaveJob { job: job.clone(), on_purpose: true });
    }
    if submitted.reused {
        app.core.keep(&submitted.record).await; // somebody else may rely on it
    }
    let budget = budget.saturating_sub((clock.now() - began).unsigned_abs());
    let ended = match follow(session, &job, budget, caller).await? {
        Followed::Ended(record) => record,
        Followed::Goes => {
            // A store that does not answer just now must not keep the job's id from its caller.
            let record = app.core.find(&principal.owner, &job).await.unwrap_or(submitted.record);
            app.core.keep(&record).await;
            record
        }
        Followed::Left => {
            // A later protocol's closed stream may be followed by the same call, for which the job waits a while; with a key of
            // the caller's own it waits for good. In a session only a cancel by name ends a job: see `on_cancelled`, which may
            // come after this and must still find it.
            if caller.is_sessionless() && extras.idempotency_key.is_none() {
                session.do_send(LeaveJob { job: job.clone(), on_purpose: false });
            }
            let record = app.core.find(&principal.owner, &job).await?;
            return Ok(answer(app, &record, submitted.reused));
        }
    };
    handler.calls.ended(&context.id);
    Ok(answer(app, &ended, submitted.reused))
}

/// Waits for `job`'s end within `budget`, telling the caller of its progress. The record may be of a job that goes on.
///
/// # Errors
/// `NotFound` for another's job as for one that is not there.
pub(super) async fn end_of(job: &JobId, budget: Duration, caller: &Caller<'_>) -> Result<Arc<JobRecord>, AppError> {
    let app = caller.app;
    let session = caller.handler.session(caller.principal).await?;
    let found = app.core.find(&caller.principal.owner, job).await?;
    app.core.keep(&found).await; // the caller can name it: its going away says nothing
    match follow(&session, job, budget, caller).await? {
        Followed::Ended(record) => Ok(record),
        Followed::Goes | Followed::Left => Ok(app.core.find(&caller.principal.owner, job).await?),
    }
}

/// How following a job ended.
enum Followed {
    /// The job is over.
    Ended(Arc<JobRecord>),
    /// The budget is, or the server is about to restart.
    Goes,
    /// The caller cancelled the request or went away.
    Left,
}

async fn follow(
    session: &Addr<Session>,
    job: &JobId,
    budget: Duration,
    caller: &Caller<'_>,
) -> Result<Followed, AppError> {
    let (app, context) = (caller.app, caller.context);
    let mut notes: Receiver<Note> = session.send(FollowJob(job.clone())).await.map_err(CoreError::from)??;
    let mut progress = context.meta.get_progress_token().map(|token| Reporter::new(token, job));
    let mut remarks = Remarks::default();
    let over = app.core.ports.clock.sleep(budget);
    tokio::pin!(over);
    loop {
        let note = tokio::select! {
            biased;
            note = notes.recv() => note,
            // Before the caller's leave: the end of the server looks like one, and must cancel nothing.
            () = app.shutdown.cancelled() => return Ok(Followed::Goes),
            () = context.ct.cancelled() => return Ok(Followed::Left),
            () = &mut over => return Ok(Followed::Goes),
        };
        remarks.look(caller, job).await;
        match note {
            Some(Note::Ended(record)) => return Ok(Followed::Ended(record)),
            Some(Note::Progress(latest)) => {
                if let Some(reporter) = progress.as_mut().filter(|reporter| reporter.is_news(&latest)) {
                    reporter.report(&context.peer, &latest).await;
                }
            }
            Some(Note::Heartbeat(latest)) => {
                if let Some(reporter) = &mut progress {
                    reporter.report(&context.peer, &latest).await;
                }
            }
            None => return Ok(Followed::Goes),
        }
    }
}

fn answer(app: &App, record: &JobRecord, reused: bool) -> CallToolResult {
    let mut view = app.viewer().view(record);
    view.reused = reused;
    let failed = matches!(record.state, JobState::Failed | JobState::Cancelled);
    let value = json!(view);
    if failed { CallToolResult::structured_error(value) } else { CallToolResult::structured(value) }
}

/// Tells one caller of one job's progress, in rising numbers as the protocol demands.
struct Reporter {
    token: ProgressToken,
    job: JobId,
    last: Option<f64>,
    said: Option<Progress>,
}

impl Reporter {
    /// The name under which a progress note carries the job's id.
    const JOB_ID: &str = "heavylift/job_id";

    fn new(token: ProgressToken, job: &JobId) -> Self {
        Self { token, job: job.clone(), last: None, said: None }
    }

    /// Whether `progress` says something that was not said last.
    fn is_news(&self, progress: &Progress) -> bool {
        self.said.as_ref() != Some(progress)
    }

    async fn report(&mut self, peer: &Peer<RoleServer>, progress: &Progress) {
        let mut note = ProgressNotificationParam::new(self.token.clone(), self.next(progress));
        note.total = progress.total;
        note.message = Some(progress.message.clone());
        self.said = Some(progress.clone());
        let mut meta = NotificationMetaObject::default();
        meta.0.insert(Self::JOB_ID.to_owned(), json!(self.job));
        note.meta = Some(meta);
        // A reader that has gone is noticed by the request's own cancellation.
        let _ = peer.notify_progress(note).await;
    }

    /// A number above the last one, also when the job stands still or begins again: then by next to nothing.
    fn next(&mut self, progress: &Progress) -> f64 {
        let step = progress.total.unwrap_or(1.0).abs().max(f64::MIN_POSITIVE) * 1e-9;
        let next = self.last.map_or(progress.done, |last| progress.done.max(last + step));
        self.last = Some(next);
        next
    }
}

#[test]
fn progress_always_rises() {
    let mut reporter = Reporter::new(ProgressToken(rmcp::model::NumberOrString::Number(1)), &JobId::random());
    let numbers = [0.0, 0.0, 5.0, 5.0, 2.0, 9.0].map(|done| reporter.next(&Progress::of(done, 10.0, "")));
    assert!(numbers.windows(2).all(|pair| pair[1] > pair[0]), "{numbers:?}");
    assert!(numbers[5] < 9.000_001);
}
