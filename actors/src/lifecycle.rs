//! How a job's record may change: a pure function, and the only code that sets a state.
//!
//! `queued → running → succeeded | failed | cancelled`; a lost lease leads from `running` back to `queued`, until too many
//! attempts were lost. Terminal states never change (I2). Whoever writes as a holder must be the one of the current
//! attempt (I3).

#[cfg(test)]
pub(crate) mod tests;

use time::OffsetDateTime;
use tools::{Progress, ToolErrorKind};

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
    /// The lease ran out, or its holder is known to be dead.
    Lose,
    /// A queued job is cancelled before anyone took it.
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
    match (record.state, step) {
        (JobState::Queued, Step::Claim(lease)) => claim(record, lease, now),
        (JobState::Queued, Step::Cancel) => end(record, JobOutcome::Cancelled, now),
        (JobState::Running, Step::Renew(lease)) => record.lease = Some(lease),
        (JobState::Running, Step::Advance(progress)) => advance(record, progress),
        (JobState::Running, Step::Finish(outcome)) => end(record, outcome, now),
        (JobState::Running, Step::Return) => requeue(record),
        (JobState::Running, Step::Lose) => lose(record, now),
        (state, _) => return Err(Refused { state }),
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

fn lose(record: &mut JobRecord, now: OffsetDateTime) {
    record.lost += 1;
    if record.lost < MAX_LOST {
        return requeue(record);
    }
    let message =
        format!("the server or its store went away {MAX_LOST} times under this job; call again, or with less to do");
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
