//! What can go wrong in a tool, sorted by what the caller should do next.
//!
//! A [`ToolError`] ends a job as `failed` (or `cancelled`) and reaches the caller word for word, so its message names the
//! thing and the remedy and never a path of the host.

use serde::{Deserialize, Serialize};

use crate::Questions;

/// What the caller can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolErrorKind {
    /// A parameter is missing, unknown, of the wrong type or out of range: call again with another one.
    InvalidParams,
    /// A file, table, column or artifact that was named does not exist: name another.
    NotFound,
    /// The SQL is refused or does not run: change the query.
    BadQuery,
    /// An input cannot be read as what it claims to be: mend or replace the file.
    BadInput,
    /// The format or operation is not offered: choose another.
    Unsupported,
    /// A limit would be exceeded: ask for less, or raise the limit.
    TooLarge,
    /// The job itself came to the end of what it may use (memory, processor time, time, room) while it ran: ask for less at
    /// once, or raise the limit.
    ResourceExhausted,
    /// The job was cancelled; nothing to mend.
    Cancelled,
    /// The tool cannot go on without answers: see [`ToolError::questions`]. No failure, and no job ends with it.
    InputRequired,
    /// There was no room on disk: try again later.
    NoSpace,
    /// Our fault; the message is safe to show and the log has the rest.
    Internal,
}

/// A tool's failure: a kind for the program, a message for the person.
#[derive(Clone, Debug, PartialEq, thiserror::Error, Serialize, Deserialize)]
#[error("{message}")]
pub struct ToolError {
    /// What the caller can do about it.
    pub kind: ToolErrorKind,
    /// Lowercase, no final period, names the thing and the remedy, no path of the host.
    pub message: String,
    /// What has to be answered first, where that is all that stops the tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub questions: Option<Box<Questions>>,
}

impl ToolError {
    /// An error of `kind` that says `message`.
    pub fn new(kind: ToolErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), questions: None }
    }

    /// The same, with where it is: `line 1, column 15`.
    #[must_use]
    pub fn at(self, place: Option<&str>) -> Self {
        match place {
            Some(place) => Self { message: format!("{} ({place})", self.message), ..self },
            None => self,
        }
    }

    /// A bad parameter.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ToolErrorKind::InvalidParams, message)
    }

    /// Something named that is not there.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ToolErrorKind::NotFound, message)
    }

    /// An unreadable input.
    pub fn bad_input(message: impl Into<String>) -> Self {
        Self::new(ToolErrorKind::BadInput, message)
    }

    /// SQL that is refused or fails.
    pub fn bad_query(message: impl Into<String>) -> Self {
        Self::new(ToolErrorKind::BadQuery, message)
    }

    /// Something over a limit.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self::new(ToolErrorKind::TooLarge, message)
    }

    /// A limit that the running job came to.
    pub fn exhausted(message: impl Into<String>) -> Self {
        Self::new(ToolErrorKind::ResourceExhausted, message)
    }

    /// A format or operation that is not offered.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ToolErrorKind::Unsupported, message)
    }

    /// A fault of ours.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ToolErrorKind::Internal, message)
    }

    /// The end of a run that needs answers to `questions`.
    #[must_use]
    pub fn input_required(questions: Questions) -> Self {
        let names: Vec<&str> = questions.keys().map(String::as_str).collect();
        let message = format!("an answer is needed to go on: {}", names.join(", "));
        Self { questions: Some(Box::new(questions)), ..Self::new(ToolErrorKind::InputRequired, message) }
    }

    /// The job was cancelled.
    #[must_use]
    pub fn cancelled() -> Self {
        Self::new(ToolErrorKind::Cancelled, "the job was cancelled")
    }

    /// An I/O error met while doing `what` (`"writing result.parquet"`), without the host's path in it.
    #[must_use]
    pub fn io(what: &str, error: &std::io::Error) -> Self {
        use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        match error.kind() {
            StorageFull | QuotaExceeded | FileTooLarge => {
                Self::new(ToolErrorKind::NoSpace, format!("no room on the server's disk while {what}; try again later"))
            }
            kind => Self::internal(format!("{what} failed: {kind}")),
        }
    }
}
