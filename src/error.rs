//! One table from a kind of error to everything the outside sees of it: HTTP status, JSON-RPC code, whether to try again.
//!
//! Every edge (`http`, `mcp`, `auth`) turns what went wrong into an [`AppError`]; `docs/errors.md` is made from the table.
//! Messages are for callers: lowercase, no final period, and never a path of the host.

use std::fmt::{self, Write as _};

use actix_web::http::StatusCode;
use actix_web::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use actors::CoreError;
use actors::model::BadId;
use actors::ports::{QueueError, QueueErrorKind, StoreError, StoreErrorKind};
use serde_json::{Value, json};
use tools::{ToolError, ToolErrorKind};

#[cfg(test)]
mod tests;

/// What the caller can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// A parameter is missing, unknown, of the wrong type or out of range.
    InvalidParams,
    /// What was named is not there, or is another's.
    NotFound,
    /// No key, or not one of ours.
    Unauthorized,
    /// Not from there, or not this.
    Forbidden,
    /// Someone else changed it meanwhile.
    Conflict,
    /// Over a limit.
    TooLarge,
    /// SQL that is refused or does not run.
    BadQuery,
    /// A file that is not what it claims to be.
    BadInput,
    /// A format or operation that is not offered.
    Unsupported,
    /// The queue is full.
    Busy,
    /// The disk is full.
    NoSpace,
    /// A part of the server does not answer.
    Unavailable,
    /// Cancelled by request.
    Cancelled,
    /// A link that worked once.
    Expired,
    /// Our fault.
    Internal,
    /// There is no tool of that name.
    UnknownTool,
    /// A running job came to the end of what it may use.
    ResourceExhausted,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct ErrorRow {
    /// The kind.
    pub kind: ErrorKind,
    /// Its name in answers, and its anchor in `docs/errors.md`.
    pub name: &'static str,
    /// The HTTP status.
    pub http: u16,
    /// The JSON-RPC code, where it becomes a protocol error.
    pub rpc: i32,
    /// Seconds after which the same request may succeed; `None` where trying again unchanged is of no use.
    pub retry_after_seconds: Option<u32>,
    /// What happened.
    pub meaning: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

const fn row(
    kind: ErrorKind,
    name: &'static str,
    (http, rpc): (u16, i32),
    retry_after_seconds: Option<u32>,
    (meaning, remedy): (&'static str, &'static str),
) -> ErrorRow {
    ErrorRow { kind, name, http, rpc, retry_after_seconds, meaning, remedy }
}

/// JSON-RPC's own code for bad parameters: what the caller named cannot be used as it stands.
const PARAMS: i32 = -32602;

/// The table, in the order of [`ErrorKind`].
#[rustfmt::skip]
pub const TABLE: [ErrorRow; 17] = [
    row(ErrorKind::InvalidParams, "invalid_params", (400, PARAMS), None,
        ("a parameter is missing, unknown, of the wrong type or out of range", "mend the parameter that the message names")),
    row(ErrorKind::NotFound, "not_found", (404, PARAMS), None,
        ("the file, job, table or tool does not exist, or is not yours", "name another; the message offers the nearest names")),
    row(ErrorKind::Unauthorized, "unauthorized", (401, -32001), None,
        ("the API key is missing or not known", "send X-API-Key or Authorization: Bearer with a key from heavylift config new-key")),
    row(ErrorKind::Forbidden, "forbidden", (403, -32003), None,
        ("the Host or Origin is not one that the server answers to", "use the server's own address, or add it to the settings the message names")),
    row(ErrorKind::Conflict, "conflict", (409, -32009), None,
        ("it was changed or exists already", "read it again and decide again")),
    row(ErrorKind::TooLarge, "too_large", (413, PARAMS), None,
        ("a limit would be exceeded", "ask for less, or have the limit raised")),
    row(ErrorKind::BadQuery, "bad_query", (422, PARAMS), None,
        ("the SQL is refused or does not run", "change the query where the message points")),
    row(ErrorKind::BadInput, "bad_input", (422, PARAMS), None,
        ("a file cannot be read as what it claims to be", "mend or replace the file")),
    row(ErrorKind::Unsupported, "unsupported", (422, PARAMS), None,
        ("the format or operation is not offered", "choose one that the message lists")),
    row(ErrorKind::Busy, "busy", (503, -32010), Some(5),
        ("as many jobs wait as may wait", "send the same request again later; nothing was accepted")),
    row(ErrorKind::NoSpace, "no_space", (507, -32011), Some(60),
        ("the server's disk is full", "send the same request again later, or free room; nothing was written")),
    row(ErrorKind::Unavailable, "unavailable", (503, -32012), Some(2),
        ("a part of the server did not answer, so the outcome is unknown", "send the same request again; doing it twice does no harm")),
    row(ErrorKind::Cancelled, "cancelled", (409, -32013), None,
        ("the job was cancelled", "nothing to mend; call again to run it again")),
    row(ErrorKind::Expired, "expired", (410, PARAMS), None,
        ("the link worked once and does no more", "ask for a new one: job_status and file_list make download links, file_upload_link makes upload links")),
    row(ErrorKind::Internal, "internal", (500, -32603), None,
        ("a fault of the server's", "report it with the time; the server's log has the rest")),
    row(ErrorKind::UnknownTool, "unknown_tool", (404, PARAMS), None,
        ("there is no tool of that name", "take one that tools/list shows; the message offers the nearest")),
    row(ErrorKind::ResourceExhausted, "resource_exhausted", (422, PARAMS), None,
        ("the job came to the end of the memory, processor time, time or room that it may use", "ask for less at once (fewer rows, columns or files, a sample), or have the limit that the message names raised")),
];

impl ErrorKind {
    /// What the outside sees of it.
    pub fn row(self) -> &'static ErrorRow {
        &TABLE[self as usize]
    }
}

/// A failure on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppError {
    /// What the caller can do about it.
    pub kind: ErrorKind,
    /// What happened and what to change.
    pub message: String,
}

impl AppError {
    /// An error of `kind` that says `message`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// A bad parameter.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidParams, message)
    }

    /// Something named that is not there.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// A fault of ours. The message goes out, so it says nothing of the host.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// Whether the same request may succeed later.
    pub fn is_retryable(&self) -> bool {
        self.kind.row().retry_after_seconds.is_some()
    }

    /// `{kind, message, retryable, docs}` and, where it helps to wait, `retry_after_seconds`.
    pub fn view(&self) -> Value {
        let row = self.kind.row();
        let docs = format!("docs/errors.md#{}", row.name);
        let mut view =
            json!({"kind": row.name, "message": self.message, "retryable": self.is_retryable(), "docs": docs});
        if let Some(seconds) = row.retry_after_seconds {
            view["retry_after_seconds"] = json!(seconds);
        }
        view
    }
}

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for AppError {}

impl ResponseError for AppError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.kind.row().http).expect("the table holds statuses")
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if let Some(seconds) = self.kind.row().retry_after_seconds {
            response.insert_header((RETRY_AFTER, seconds));
        }
        if self.kind == ErrorKind::Unauthorized {
            response.insert_header((WWW_AUTHENTICATE, "Bearer"));
        }
        response.json(json!({"error": self.view()}))
    }
}

impl From<AppError> for rmcp::ErrorData {
    fn from(error: AppError) -> Self {
        let data = error.view();
        Self::new(rmcp::model::ErrorCode(error.kind.row().rpc), error.message, Some(data))
    }
}

impl From<ToolErrorKind> for ErrorKind {
    fn from(kind: ToolErrorKind) -> Self {
        match kind {
            ToolErrorKind::InvalidParams => Self::InvalidParams,
            ToolErrorKind::NotFound => Self::NotFound,
            ToolErrorKind::BadQuery => Self::BadQuery,
            ToolErrorKind::BadInput => Self::BadInput,
            ToolErrorKind::Unsupported => Self::Unsupported,
            ToolErrorKind::TooLarge => Self::TooLarge,
            ToolErrorKind::ResourceExhausted => Self::ResourceExhausted,
            ToolErrorKind::Cancelled => Self::Cancelled,
            ToolErrorKind::NoSpace => Self::NoSpace,
            // A job's state while it runs, and no error where nothing runs.
            ToolErrorKind::InputRequired | ToolErrorKind::Internal => Self::Internal,
        }
    }
}

impl From<ToolError> for AppError {
    fn from(error: ToolError) -> Self {
        Self::new(error.kind.into(), error.message)
    }
}

impl From<CoreError> for AppError {
    fn from(error: CoreError) -> Self {
        let kind = match error {
            CoreError::Call(error) => return error.into(),
            CoreError::Store(error) => return error.into(),
            CoreError::Queue(error) => return error.into(),
            CoreError::NoSuchJob(_) => ErrorKind::NotFound,
            CoreError::KeyConflict(_) => ErrorKind::Conflict,
            CoreError::Unreadable { .. } | CoreError::Session(_) => ErrorKind::Internal,
            CoreError::Draining | CoreError::Restarting => ErrorKind::Unavailable,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        let kind = match error.kind {
            StoreErrorKind::Conflict => ErrorKind::Conflict,
            StoreErrorKind::NotFound => ErrorKind::NotFound,
            StoreErrorKind::Full => ErrorKind::NoSpace,
            StoreErrorKind::Invalid => ErrorKind::InvalidParams,
            StoreErrorKind::Unavailable => ErrorKind::Unavailable,
        };
        Self::new(kind, error.message)
    }
}

impl From<QueueError> for AppError {
    fn from(error: QueueError) -> Self {
        let kind = match error.kind {
            QueueErrorKind::Full => ErrorKind::Busy,
            QueueErrorKind::Unavailable => ErrorKind::Unavailable,
        };
        Self::new(kind, error.message)
    }
}

impl From<BadId> for AppError {
    fn from(error: BadId) -> Self {
        Self::invalid(error.to_string())
    }
}

const DOCS_HEAD: &str = "# Errors

Made by `heavylift config errors` from the table in `src/error.rs`; a test keeps it true. Over HTTP an error is
`{\"error\": {\"kind\", \"message\", \"retryable\", \"docs\"}}` with the status below; over MCP it is a JSON-RPC error with the code below
and the same object as its `data`. A tool that fails after it was accepted is no such error: its result has `isError: true`
and `error: {cause, kind, message}` with the same kinds.
";

/// `docs/errors.md`, made from the table.
pub fn markdown() -> String {
    let mut page = DOCS_HEAD.to_owned();
    for row in &TABLE {
        let retry = match row.retry_after_seconds {
            Some(seconds) => format!("yes, after {seconds} s"),
            None => "no".to_owned(),
        };
        let ErrorRow { name, http, rpc, meaning, remedy, .. } = row;
        write!(page, "\n## {name}\n\nHTTP {http}, JSON-RPC {rpc}, worth trying again unchanged: {retry}.\n\n")
            .expect("writing to a string cannot fail");
        let (first, rest) = meaning.split_at(1);
        writeln!(page, "{}{rest}. What to do: {remedy}.", first.to_uppercase())
            .expect("writing to a string cannot fail");
    }
    page
}
