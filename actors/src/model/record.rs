//! The job record: the only truth about a job.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use tools::{Answers, Progress, Questions, Report, ToolError, ToolErrorKind, WorkspacePath};

use super::{JobId, Owner};
use crate::ports::Etag;

/// Where a job is in its life. The last three never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Accepted, waits for room.
    Queued,
    /// A replica runs it.
    Running,
    /// Its tool asked something and runs on once all is answered. Nobody runs it meanwhile, and it takes no slot.
    InputRequired,
    /// Done; the result is there.
    Succeeded,
    /// Ended without a result; the error says why.
    Failed,
    /// Stopped because someone asked for it.
    Cancelled,
}

impl JobState {
    /// Whether nothing can change any more.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }

    /// Whether nothing happens by itself any more: it is over, or somebody has to answer first.
    #[must_use]
    pub fn is_at_rest(self) -> bool {
        self.is_terminal() || self == Self::InputRequired
    }
}

/// One input of a job: the version that was there when the job was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobInput {
    /// What the tool calls it.
    pub name: String,
    /// Its name in the workspace.
    pub path: WorkspacePath,
    /// The mount in whose store its bytes are; left out where that is the server's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mount: Option<String>,
    /// Where its bytes are in the store.
    pub key: String,
    /// Which version.
    pub etag: Etag,
    /// How many bytes it has.
    pub bytes: u64,
}

/// The right of one replica to run one attempt until a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Which replica.
    pub holder: String,
    /// Until when, unless renewed.
    #[serde(with = "time::serde::rfc3339")]
    pub until: OffsetDateTime,
}

/// A file that a finished job left, below its winning attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Its name below the job.
    pub name: String,
    /// Its media type.
    pub mime: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// Its SHA-256, in lower-case hex.
    pub sha256: String,
}

/// What ended a job that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The tool said so.
    Tool,
    /// The tool panicked.
    Panic,
    /// Every attempt ended with its process or its replica.
    WorkerLost,
    /// It took longer than it may.
    Deadline,
    /// It came to another limit of one job while it ran.
    Limit,
    /// An input changed or vanished between acceptance and start.
    InputChanged,
}

/// Why a job failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct JobError {
    /// What ended it.
    pub cause: Cause,
    /// What the caller can do about it.
    #[schemars(with = "String")]
    pub kind: ToolErrorKind,
    /// What happened and what to change.
    pub message: String,
}

impl From<ToolError> for JobError {
    fn from(error: ToolError) -> Self {
        let cause = if error.kind == ToolErrorKind::ResourceExhausted { Cause::Limit } else { Cause::Tool };
        Self { cause, kind: error.kind, message: error.message }
    }
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobOutcome {
    /// With a result.
    Succeeded {
        /// What the tool said.
        report: Report,
        /// The files it left.
        artifacts: Vec<Artifact>,
    },
    /// With an error.
    Failed(JobError),
    /// By request.
    Cancelled,
}

/// The only truth about a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobRecord {
    /// Which job.
    pub id: JobId,
    /// Whose it is.
    pub owner: Owner,
    /// Which tool it runs.
    pub tool: String,
    /// With which parameters.
    pub params: Value,
    /// On which files.
    pub inputs: Vec<JobInput>,
    /// Where it is in its life.
    pub state: JobState,
    /// The number of the latest attempt, from 1; 0 before the first. The fencing token.
    pub attempt: u32,
    /// How many attempts ended without a word from their holder.
    pub lost: u32,
    /// Who runs it, while it runs.
    pub lease: Option<Lease>,
    /// How far the latest attempt is.
    pub progress: Progress,
    /// All that its tool ever asked, also what is answered by now.
    #[serde(default, skip_serializing_if = "Questions::is_empty")]
    pub asks: Questions,
    /// What was answered, to be given to every attempt from then on.
    #[serde(default, skip_serializing_if = "Answers::is_empty")]
    pub answers: Answers,
    /// How it ended, once it has.
    pub outcome: Option<JobOutcome>,
    /// The idempotency key's digest under which it can be found again, where it has one.
    pub key: Option<String>,
    /// The `traceparent` of the call that it began as, where that had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// When it was accepted.
    #[serde(with = "time::serde::rfc3339")]
    pub submitted_at: OffsetDateTime,
    /// When its latest attempt began.
    #[serde(with = "time::serde::rfc3339::option")]
    pub started_at: Option<OffsetDateTime>,
    /// When it ended.
    #[serde(with = "time::serde::rfc3339::option")]
    pub finished_at: Option<OffsetDateTime>,
    /// When anything of it last changed but its lease. Records of earlier versions do not say.
    #[serde(with = "time::serde::rfc3339::option", default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<OffsetDateTime>,
}

impl JobRecord {
    /// What was asked and is not answered.
    #[must_use]
    pub fn open_questions(&self) -> Questions {
        let open = self.asks.iter().filter(|(name, _)| !self.answers.contains_key(*name));
        open.map(|(name, question)| (name.clone(), question.clone())).collect()
    }

    /// When it last changed, as far as the record tells.
    #[must_use]
    pub fn latest_change(&self) -> OffsetDateTime {
        self.changed_at.or(self.finished_at).or(self.started_at).unwrap_or(self.submitted_at)
    }
}
