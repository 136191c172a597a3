//! Following a job for somebody who waits: progress and heartbeats as they come, questions, the end, or the end of patience.
//!
//! Used by calls, by `job_wait`, and by streams that are taken up again. Who is told is an [`Audience`].

use std::sync::Arc;
use std::time::Duration;

use actix::Addr;
use actors::model::{JobId, JobRecord};
use actors::{CoreError, FollowJob, Note, Session};
use rmcp::model::{NotificationMetaObject, ProgressNotificationParam, ProgressToken};
use serde_json::json;
use tokio::sync::mpsc::Receiver;
use tools::Progress;

use super::logging::Remarks;
use super::questions::Asking;
use super::surface::Caller;
use crate::app::App;
use crate::error::AppError;

/// How following a job ended.
pub(super) enum Followed {
    /// The job is over.
    Ended(Arc<JobRecord>),
    /// The job asks, and who is told of it cannot be asked or did not answer.
    Asks(Arc<JobRecord>),
    /// The budget is, or the server is about to restart.
    Goes,
    /// The caller cancelled the request or went away.
    Left,
}

/// Whom a job is followed for.
pub(super) trait Audience {
    /// How to number what is told; nothing for who wants to hear of the end alone.
    fn reporter(&mut self) -> Option<&mut Reporter>;

    /// Tells of progress. One who has gone is noticed by [`heard`](Self::heard).
    async fn tell(&mut self, note: ProgressNotificationParam);

    /// Tells what is worth telling of `job` beside its progress.
    async fn remark(&mut self, _job: &JobId) {}

    /// Begins to put what the job asks; false where nobody can be asked.
    fn ask(&mut self, _record: &Arc<JobRecord>) -> bool {
        false
    }

    /// Whether an answer is waited for.
    fn is_asked(&self) -> bool {
        false
    }

    /// Waits for what comes back, if anything does.
    async fn heard(&mut self) -> Heard;
}

/// What comes back from whom a job is followed for.
pub(super) enum Heard {
    /// Nobody listens any more.
    Left,
    /// Answers, and the job has them.
    Answered,
    /// No answer to what this job asks.
    Unanswered(Arc<JobRecord>),
}

/// Follows `job` within `budget` for `audience`. The job may go on afterwards.
///
/// # Errors
/// `NotFound` for another's job as for one that is not there.
pub(super) async fn follow(
    app: &App,
    session: &Addr<Session>,
    job: &JobId,
    budget: Duration,
    audience: &mut impl Audience,
) -> Result<Followed, AppError> {
    let mut notes: Receiver<Note> = session.send(FollowJob(job.clone())).await.map_err(CoreError::from)??;
    let clock = &app.core.ports.clock;
    let mut over = clock.sleep(budget);
    loop {
        let note = tokio::select! {
            biased;
            note = notes.recv() => note,
            // Before the caller's leave: the end of the server looks like one, and must cancel nothing.
            () = app.shutdown.cancelled() => return Ok(Followed::Goes),
            heard = audience.heard() => match heard {
                Heard::Left => return Ok(Followed::Left),
                Heard::Unanswered(record) => return Ok(Followed::Asks(record)),
                Heard::Answered => {
                    over = clock.sleep(budget); // the time that a person took is not the job's
                    continue;
                }
            },
            () = &mut over, if !audience.is_asked() => return Ok(Followed::Goes),
        };
        audience.remark(job).await;
        let told = match note {
            Some(Note::Ended(record)) => return Ok(Followed::Ended(record)),
            Some(Note::Asks(record)) if audience.ask(&record) => None,
            Some(Note::Asks(record)) => return Ok(Followed::Asks(record)),
            Some(Note::Progress(latest)) => audience.reporter().and_then(|reporter| reporter.news(&latest)),
            Some(Note::Heartbeat(latest)) => audience.reporter().map(|reporter| reporter.note(&latest)),
            None => return Ok(Followed::Goes),
        };
        if let Some(told) = told {
            audience.tell(told).await;
        }
    }
}

/// Who made the request that is being answered.
pub(super) struct OfRequest<'a> {
    caller: &'a Caller<'a>,
    reporter: Option<Reporter>,
    remarks: Remarks,
    asking: Asking<'a>,
}

impl<'a> OfRequest<'a> {
    pub(super) fn new(caller: &'a Caller<'a>, job: &JobId) -> Self {
        let reporter = caller.context.meta.get_progress_token().map(|token| Reporter::new(token, job, None));
        Self { caller, reporter, remarks: Remarks::default(), asking: Asking::new(caller) }
    }
}

impl Audience for OfRequest<'_> {
    fn reporter(&mut self) -> Option<&mut Reporter> {
        self.reporter.as_mut()
    }

    async fn tell(&mut self, note: ProgressNotificationParam) {
        let _ = self.caller.context.peer.notify_progress(note).await;
    }

    async fn remark(&mut self, job: &JobId) {
        self.remarks.look(self.caller, job).await;
    }

    fn ask(&mut self, record: &Arc<JobRecord>) -> bool {
        let can_be_asked = self.caller.can_be_asked_on_its_stream();
        if can_be_asked {
            self.asking.ask(Arc::clone(record));
        }
        can_be_asked
    }

    fn is_asked(&self) -> bool {
        !self.asking.is_idle()
    }

    async fn heard(&mut self) -> Heard {
        tokio::select! {
            () = self.caller.context.ct.cancelled() => Heard::Left,
            answered = self.asking.answered() => answered.map_or_else(Heard::Unanswered, |()| Heard::Answered),
        }
    }
}

/// Puts one job's progress into notes, in rising numbers as the protocol demands.
pub(super) struct Reporter {
    token: ProgressToken,
    job: JobId,
    last: Option<f64>,
    said: Option<Progress>,
}

impl Reporter {
    /// The name under which a progress note carries the job's id.
    const JOB_ID: &str = "heavylift/job_id";

    /// For a caller who gave `token` and has heard the number `last`.
    pub(super) fn new(token: ProgressToken, job: &JobId, last: Option<f64>) -> Self {
        Self { token, job: job.clone(), last, said: None }
    }

    /// A note of `progress`, if it says something that was not said last.
    fn news(&mut self, progress: &Progress) -> Option<ProgressNotificationParam> {
        (self.said.as_ref() != Some(progress)).then(|| self.note(progress))
    }

    /// A note of `progress`.
    fn note(&mut self, progress: &Progress) -> ProgressNotificationParam {
        let mut note = ProgressNotificationParam::new(self.token.clone(), self.next(progress));
        note.total = progress.total;
        note.message = Some(progress.message.clone());
        self.said = Some(progress.clone());
        let mut meta = NotificationMetaObject::default();
        meta.0.insert(Self::JOB_ID.to_owned(), json!(self.job));
        note.meta = Some(meta);
        note
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
    let mut reporter = Reporter::new(ProgressToken(rmcp::model::NumberOrString::Number(1)), &JobId::random(), None);
    let numbers = [0.0, 0.0, 5.0, 5.0, 2.0, 9.0].map(|done| reporter.next(&Progress::of(done, 10.0, "")));
    assert!(numbers.windows(2).all(|pair| pair[1] > pair[0]), "{numbers:?}");
    assert!(numbers[5] < 9.000_001);
}
