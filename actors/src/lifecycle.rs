//! How a job's record may change: a pure function, and the only code that sets a state.
//!
//! `queued → running → succeeded | failed | cancelled`; a lost lease leads from `running` back to `queued`, until too many
//! attempts were lost, and a question from `running` to `input_required`, from where its answer leads back to `queued`. Terminal states never change (I2). Whoever writes as a holder must be the one of the current
//! attempt (I3).

#[cfg(test)]
pub(crate) mod tests;

use time::OffsetDateTime;
use tools::{Answers, Progress, Questions, ToolErrorKind};

use crate::model::{Cause, JobError, JobOutcome, JobRecord, JobState, Lease};

/// How many attempts may be lost before a job is given up.
pub const MAX_LOST: u32 = 3;

/// One change of a job.
#[derive(Clone, Debug)]
pub enum Step {
    /// A replica takes the job: the attempt's number rises, and with it the fencing token.
    Claim(Lease),
    /// The holder keeps the job for longer.
    Renew(Lease),
    /// The holder's tool came further. What is older than what is known changes nothing.
    Advance(Progress),
    /// The holder's tool ended.
    Finish(JobOutcome),
    /// The holder gives the job back unfinished; this does not count as lost.
    Return,
    /// The attempt ended without a word from its tool: its process or its replica died, or the lease ran out. With why.
    Lose(String),
    /// The holder's tool cannot go on without answers.
    Ask(Questions),
    /// Somebody answers. What was not asked, or is answered already, changes nothing.
    Answer(Answers),
    /// A job that nobody runs is cancelled.
    Cancel,
}

/// A change that the record's state does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a {state:?} job does not allow this step")]
pub struct Refused {
    /// The state that stands.
    pub state: JobState,
}

/// Applies `step` to `record` at the moment `now`. A refused step leaves the record as it was.
///
/// # Errors
/// `Refused` when the record's state does not allow it.
pub fn apply(record: &mut JobRecord, step: Step, now: OffsetDateTime) -> Result<(), Refused> {
    let renews = matches!(step, Step::Renew(_));
    match (record.state, step) {
        (JobState::Queued, Step::Claim(lease)) => claim(record, lease, now),
        (JobState::Queued | JobState::InputRequired, Step::Cancel) => end(record, JobOutcome::Cancelled, now),
        (JobState::Running, Step::Renew(lease)) => record.lease = Some(lease),
        (JobState::Running, Step::Advance(progress)) => advance(record, progress),
        (JobState::Running, Step::Finish(outcome)) => end(record, outcome, now),
        (JobState::Running, Step::Return) => requeue(record),
        (JobState::Running, Step::Lose(why)) => lose(record, &why, now),
        (JobState::Running, Step::Ask(questions)) => ask(record, questions, now),
        (JobState::InputRequired, Step::Answer(answers)) => answer(record, answers),
        (state, _) => return Err(Refused { state }),
    }
    if !renews {
        record.changed_at = Some(now);
    }
    Ok(())
}

fn claim(record: &mut JobRecord, lease: Lease, now: OffsetDateTime) {
    record.state = JobState::Running;
    record.attempt += 1;
    record.lease = Some(lease);
    record.started_at = Some(now);
    record.progress = Progress { message: "starting".to_owned(), ..Progress::default() };
}

/// The progress of a job that nobody runs.
pub(crate) fn waiting() -> Progress {
    Progress { message: "waiting for room".to_owned(), ..Progress::default() }
}

fn advance(record: &mut JobRecord, progress: Progress) {
    if progress.done >= record.progress.done {
        record.progress = progress;
    }
}

fn requeue(record: &mut JobRecord) {
    record.state = JobState::Queued;
    record.lease = None;
    record.progress = waiting();
}

fn ask(record: &mut JobRecord, questions: Questions, now: OffsetDateTime) {
    for (name, question) in questions {
        record.asks.entry(name).or_insert(question);
    }
    if record.open_questions().is_empty() {
        let message = format!("{} asked what was answered before; the server's makers have to mend it", record.tool);
        let error = JobError { cause: Cause::Tool, kind: ToolErrorKind::Internal, message };
        return end(record, JobOutcome::Failed(error), now);
    }
    record.state = JobState::InputRequired;
    record.lease = None;
    record.progress = Progress { message: "waiting for an answer".to_owned(), ..Progress::default() };
}

fn answer(record: &mut JobRecord, answers: Answers) {
    for (name, answer) in answers {
        if record.asks.contains_key(&name) {
            record.answers.entry(name).or_insert(answer);
        }
    }
    if record.open_questions().is_empty() {
        requeue(record);
    }
}

fn lose(record: &mut JobRecord, why: &str, now: OffsetDateTime) {
    record.lost += 1;
    if record.lost < MAX_LOST {
        requeue(record);
        record.progress.message = format!("waiting to be tried again: {why}");
        return;
    }
    let message =
        format!("the job was lost {MAX_LOST} times and is not tried again; the last time {why}; call with less to do");
    let error = JobError { cause: Cause::WorkerLost, kind: ToolErrorKind::Internal, message };
    end(record, JobOutcome::Failed(error), now);
}

fn end(record: &mut JobRecord, outcome: JobOutcome, now: OffsetDateTime) {
    record.state = match outcome {
        JobOutcome::Succeeded { .. } => JobState::Succeeded,
        JobOutcome::Failed(_) => JobState::Failed,
        JobOutcome::Cancelled => JobState::Cancelled,
    };
    record.outcome = Some(outcome);
    record.lease = None;
    record.finished_at = Some(now);
}
