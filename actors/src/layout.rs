//! Where everything lies in the store: the one place that spells keys.
//!
//! ```text
//! jobs/<job>/job.json                     the record
//! jobs/<job>/attempt-<n>/<artifact>       what an attempt wrote
//! jobs/<job>/cancel                       a cancel request (exists or not)
//! jobs/<job>/kept                         the job's id was handed out (exists or not)
//! active/<job>                            marker of a job not yet terminal
//! owners/<owner>/jobs/<newest-first key>  index for listing
//! owners/<owner>/keys/<sha256>            idempotency key → job
//! owners/<owner>/files/<path>             the workspace
//! sessions/<owner>/<session>/session.json what a session began with
//! sessions/<owner>/<session>/wishes.json  what its client wants to be told of
//! sessions/<owner>/<session>/jobs/<id>    which job a request became, where it is not the one that its name says
//! sessions/<owner>/<session>/replies/<id> a client's answer on its way to the replica that asked
//! server/link-key                         what signs links, shared by all replicas
//! server/sweeper                          which replica sweeps
//! ```

use time::OffsetDateTime;
use tools::WorkspacePath;

use crate::model::{JobId, JobRecord, Owner, SessionId};
use crate::ports::Key;

/// Below it lies the marker of every job that is not yet terminal.
pub const ACTIVE: &str = "active/";
/// Below it lies everything of every job.
pub const JOBS: &str = "jobs/";
/// The end of time for newest-first keys, in milliseconds since 1970 (the year 2286).
const LATEST_MS: i128 = 9_999_999_999_999;

/// The job's record.
pub fn record(job: &JobId) -> Key {
    Key::new(format!("jobs/{job}/job.json"))
}

/// Everything of one job.
pub fn job_prefix(job: &JobId) -> String {
    format!("jobs/{job}/")
}

/// Everything that one attempt wrote.
pub fn attempt_prefix(job: &JobId, attempt: u32) -> String {
    format!("jobs/{job}/attempt-{attempt}/")
}

/// A file that an attempt wrote. `name` was checked when the tool began it.
pub fn artifact(job: &JobId, attempt: u32, name: &WorkspacePath) -> Key {
    Key::new(format!("{}{name}", attempt_prefix(job, attempt)))
}

/// The request to cancel a job.
pub fn cancel(job: &JobId) -> Key {
    Key::new(format!("jobs/{job}/cancel"))
}

/// The note that a job's id was handed out.
pub fn kept(job: &JobId) -> Key {
    Key::new(format!("jobs/{job}/kept"))
}

/// Which replica sweeps.
pub fn sweeper() -> Key {
    Key::new("server/sweeper")
}

/// Whose blob a key below [`JOBS`] is.
pub fn job_of(key: &Key) -> Option<JobId> {
    key.after(JOBS)?.split('/').next()?.parse().ok()
}

/// The marker of a job not yet terminal.
pub fn active(job: &JobId) -> Key {
    Key::new(format!("{ACTIVE}{job}"))
}

/// Below it lies one owner's index, newest first.
pub fn index_prefix(owner: &Owner) -> String {
    format!("owners/{owner}/jobs/")
}

/// A job's place in its owner's index.
pub fn index(record: &JobRecord) -> Key {
    Key::new(index_text(&record.owner, record.submitted_at, &record.id))
}

fn index_text(owner: &Owner, submitted_at: OffsetDateTime, job: &JobId) -> String {
    let submitted_ms = submitted_at.unix_timestamp_nanos() / 1_000_000;
    format!("{}{:013}-{job}", index_prefix(owner), (LATEST_MS - submitted_ms).clamp(0, LATEST_MS))
}

/// Which job a key of an index stands for.
pub fn job_of_index(key: &Key) -> Option<JobId> {
    key.as_str().rsplit_once('-')?.1.parse().ok()
}

/// Where an idempotency key's digest leads to its job.
pub fn idempotency(owner: &Owner, digest: &str) -> Key {
    Key::new(format!("owners/{owner}/keys/{digest}"))
}

/// Below it lies one owner's workspace.
pub fn files_prefix(owner: &Owner) -> String {
    format!("owners/{owner}/files/")
}

/// A workspace file.
pub fn file(owner: &Owner, path: &WorkspacePath) -> Key {
    Key::new(format!("{}{path}", files_prefix(owner)))
}

/// Below it lies everything of every session.
pub const SESSIONS: &str = "sessions/";

/// Everything of one session. It names the owner, so that nobody else finds it.
pub fn session_prefix(owner: &Owner, session: &SessionId) -> String {
    format!("{SESSIONS}{owner}/{session}/")
}

/// What a session began with.
pub fn session(owner: &Owner, session: &SessionId) -> Key {
    Key::new(format!("{}session.json", session_prefix(owner, session)))
}

/// Whose and which session a key of [`session`] stands for.
pub fn session_of(key: &Key) -> Option<(Owner, SessionId)> {
    let (owner, rest) = key.after(SESSIONS)?.split_once('/')?;
    let session = rest.strip_suffix("/session.json")?;
    Some((owner.parse().ok()?, session.parse().ok()?))
}

/// What a session's client wants to be told of.
pub fn session_wishes(owner: &Owner, session: &SessionId) -> Key {
    Key::new(format!("{}wishes.json", session_prefix(owner, session)))
}

/// Which job a request of a session became. `request` stands for the id that the job would have had.
pub fn session_job(owner: &Owner, session: &SessionId, request: &JobId) -> Key {
    Key::new(format!("{}jobs/{request}", session_prefix(owner, session)))
}

/// A client's answer. `reply` was checked by who made it.
pub fn session_reply(owner: &Owner, session: &SessionId, reply: &JobId) -> Key {
    Key::new(format!("{}replies/{reply}", session_prefix(owner, session)))
}

/// What signs links.
pub fn link_key() -> Key {
    Key::new("server/link-key")
}

#[test]
fn newer_jobs_come_first() {
    let owner = Owner::local();
    let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).expect("a time");
    let older = index_text(&owner, at(1_700_000_000), &JobId::random());
    let newer = index_text(&owner, at(1_700_000_001), &JobId::random());
    assert!(newer < older);
}

#[test]
fn a_key_tells_its_job() {
    let job = JobId::random();
    let name = "a/job.json".parse().expect("a name");
    for key in [record(&job), cancel(&job), artifact(&job, 1, &name)] {
        assert_eq!(job_of(&key), Some(job.clone()));
    }
    assert_ne!(record(&job), artifact(&job, 1, &name));
}
