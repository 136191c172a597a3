//! What the server says of jobs and files, as a client reads it: unknown fields are skipped, absent ones empty.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tools::Column;

/// A job's result or its state so far; the same shape from tools, `job_wait` and `/jobs`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Envelope {
    /// Which job; none for tools that run at once.
    pub job_id: Option<String>,
    /// Which tool.
    pub tool: Option<String>,
    /// `queued`, `running`, `input_required`, `succeeded`, `failed` or `cancelled`.
    pub status: Option<String>,
    /// How far it is.
    pub progress: Option<ProgressView>,
    /// The answer in a sentence.
    pub summary: Option<String>,
    /// The preview's columns.
    pub columns: Vec<Column>,
    /// The preview's rows.
    pub rows: Vec<Vec<Value>>,
    /// Rows of the whole result.
    pub row_count: Option<u64>,
    /// Whether the preview holds less than the whole.
    pub truncated: bool,
    /// What to do next.
    pub guidance: Vec<String>,
    /// The tool's own part.
    pub details: Option<Value>,
    /// The files it left.
    pub artifacts: Vec<ArtifactView>,
    /// How long it took.
    pub elapsed_ms: Option<u64>,
    /// Whether an earlier job's result was given.
    pub reused: bool,
    /// Why it failed.
    pub error: Option<ErrorView>,
    /// When to ask again.
    pub poll_after_seconds: Option<f64>,
    /// When it was accepted, in `/jobs`.
    pub submitted_at: Option<String>,
}

/// How far a job is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProgressView {
    /// Units done.
    #[serde(default)]
    pub done: f64,
    /// Units in all, where known.
    #[serde(default)]
    pub total: Option<f64>,
    /// The phase in words.
    #[serde(default)]
    pub message: String,
}

/// A file that a job left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArtifactView {
    /// Its name below the job.
    pub name: String,
    /// Its path in the workspace.
    pub path: String,
    /// Its media type.
    #[serde(default)]
    pub mime: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// Its SHA-256.
    #[serde(default)]
    pub sha256: String,
    /// Where to get it.
    #[serde(default)]
    pub download_url: Option<String>,
}

/// Why a job failed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ErrorView {
    /// What ended it.
    pub cause: String,
    /// The kind.
    pub kind: String,
    /// What happened and what to change.
    pub message: String,
}

/// One workspace file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FileView {
    /// Its path.
    pub path: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// When it was written.
    #[serde(default)]
    pub modified: String,
}

/// A part of the workspace's listing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FilesPage {
    /// In order of path.
    pub files: Vec<FileView>,
    /// Whether there are more after the last.
    #[serde(default)]
    pub more: bool,
}

/// A part of the listing of jobs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JobsPage {
    /// Newest first.
    pub jobs: Vec<Envelope>,
    /// Whether there are more after the last.
    #[serde(default)]
    pub more: bool,
}

impl Envelope {
    /// Whether the job has not ended yet.
    pub fn is_pending(&self) -> bool {
        matches!(self.status.as_deref(), Some("queued" | "running"))
    }

    /// Whether the job ended without a result.
    pub fn has_failed(&self) -> bool {
        matches!(self.status.as_deref(), Some("failed" | "cancelled"))
    }
}
