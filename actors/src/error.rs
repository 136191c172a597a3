//! What can go wrong between a caller and its job. The server's table turns each into HTTP and JSON-RPC.

use tools::ToolError;

use crate::model::JobId;
use crate::ports::{QueueError, StoreError};

/// A refused or failed request about a job. A job's own failure is none of these: it is the job's outcome.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CoreError {
    /// The call cannot become a job as it stands: a parameter, a name, a query, a file.
    #[error(transparent)]
    Call(#[from] ToolError),
    /// There is no such job, or it is another principal's (I5).
    #[error("there is no job {0}; job_list shows those there are (results are kept for a limited time)")]
    NoSuchJob(JobId),
    /// The idempotency key stands for another call.
    #[error("the idempotency key {0:?} was used for another call; choose a new key for a new call")]
    KeyConflict(String),
    /// A record in the store is not what this version writes. It is left as it is.
    #[error("the record of job {job} cannot be read ({why}); it is left untouched")]
    Unreadable {
        /// Whose record.
        job: JobId,
        /// What is wrong with it.
        why: String,
    },
    /// What a session began with cannot be read. It is left as it is.
    #[error("the record of the session cannot be read ({0}); initialize a new session")]
    Session(String),
    /// The server is shutting down and takes nothing new.
    #[error("the server is shutting down; try again in a few seconds")]
    Draining,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The queue refused or failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// An actor was gone when it was asked.
    #[error("a part of the server is being restarted; try again")]
    Restarting,
}

impl From<actix::MailboxError> for CoreError {
    fn from(_: actix::MailboxError) -> Self {
        Self::Restarting
    }
}
