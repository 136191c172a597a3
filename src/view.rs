//! What a caller is shown of a job: one envelope for every tool and every front door.
//!
//! Used by `mcp` (as structured content and as text) and by `http` (as JSON). A record becomes a view here and nowhere else.

use actors::core::CoreConfig;
use actors::model::{Artifact, JobError, JobId, JobOutcome, JobRecord, JobState};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tools::{Column, Progress, Questions};

use crate::links::Links;

/// A job's state, progress and result.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct JobView {
    /// The job's id, for `job_wait`, `job_status` and `job_cancel`.
    pub job_id: JobId,
    /// Which tool it runs.
    pub tool: String,
    /// `queued`, `running`, `input_required`, `succeeded`, `failed` or `cancelled`.
    pub status: JobState,
    /// How far it is, until it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// What has to be answered before it goes on, by name: each with the JSON Schema of the wanted answer.
    #[serde(skip_serializing_if = "Questions::is_empty")]
    pub questions: Questions,
    /// The answer, or what was made.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// The preview's columns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<Column>,
    /// The preview's rows, in the columns' order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<Vec<Value>>,
    /// Rows of the whole result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row_count: Option<u64>,
    /// Whether the preview holds less than the whole result.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// What to do next.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub guidance: Vec<String>,
    /// The tool's own part of the result.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub details: Value,
    /// The files it left; each `path` can be an input of the next call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<ArtifactView>,
    /// Milliseconds from acceptance to the end, or to now.
    pub elapsed_ms: u64,
    /// Whether an earlier identical call's job was used instead of a new one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reused: bool,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<JobError>,
    /// When it was accepted, in UTC.
    pub submitted_at: String,
    /// How many attempts were made.
    pub attempt: u32,
    /// Seconds after which it is worth asking again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub poll_after_seconds: Option<u64>,
    /// What to call to go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A file that a job left.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ArtifactView {
    /// Its name below the job.
    pub name: String,
    /// Its name in the workspace, for the next call.
    pub path: String,
    /// Its media type.
    pub mime: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// Its SHA-256, in lower-case hex.
    pub sha256: String,
    /// Where to download it; needs no API key.
    pub download_url: String,
    /// Until when that works, in UTC. The file may be kept for longer: `job_status` gives a new link.
    pub expires_at: String,
}

/// What turns records into views: how links are made, how long results are kept, what time it is.
pub struct Viewer<'a> {
    /// Makes the links to files.
    pub links: &'a Links,
    /// The job core's settings.
    pub config: &'a CoreConfig,
    /// The present moment.
    pub now: OffsetDateTime,
}

impl Viewer<'_> {
    /// The view of `record`.
    #[must_use]
    pub fn view(&self, record: &JobRecord) -> JobView {
        let mut view = self.outline(record);
        match &record.outcome {
            Some(JobOutcome::Succeeded { report, artifacts }) => {
                let report = report.clone();
                view.summary = report.summary;
                view.columns = report.columns;
                view.rows = report.rows;
                view.row_count = report.row_count;
                view.truncated = report.truncated;
                view.guidance = report.guidance;
                view.details = report.details;
                view.artifacts = artifacts.iter().map(|artifact| self.artifact(record, artifact)).collect();
            }
            Some(JobOutcome::Failed(error)) => {
                view.summary = format!("{} failed: {}", record.tool, error.message);
                view.error = Some(error.clone());
            }
            Some(JobOutcome::Cancelled) => "cancelled by request".clone_into(&mut view.summary),
            None if record.state == JobState::InputRequired => add_questions(record, &mut view),
            None => self.add_handle(record, &mut view),
        }
        view
    }

    /// The view of `record` for a list: without rows, details and the single files.
    #[must_use]
    pub fn brief(&self, record: &JobRecord) -> JobView {
        let mut view = self.view(record);
        view.columns.clear();
        view.rows.clear();
        view.details = Value::Null;
        view.guidance.clear();
        view.artifacts.truncate(3);
        view
    }

    fn outline(&self, record: &JobRecord) -> JobView {
        let end = record.finished_at.unwrap_or(self.now);
        JobView {
            job_id: record.id.clone(),
            tool: record.tool.clone(),
            status: record.state,
            progress: None,
            questions: Questions::new(),
            summary: String::new(),
            columns: Vec::new(),
            rows: Vec::new(),
            row_count: None,
            truncated: false,
            guidance: Vec::new(),
            details: Value::Null,
            artifacts: Vec::new(),
            elapsed_ms: u64::try_from((end - record.submitted_at).whole_milliseconds()).unwrap_or(0),
            reused: false,
            error: None,
            submitted_at: text(record.submitted_at),
            attempt: record.attempt,
            poll_after_seconds: None,
            next: None,
        }
    }

    fn add_handle(&self, record: &JobRecord, view: &mut JobView) {
        let state = if record.state == JobState::Queued { "waits for room" } else { "is running" };
        let said = &record.progress.message;
        let so_far = if said.is_empty() { String::new() } else { format!(" ({said})") };
        view.summary = format!("{} {state}{so_far}; nothing is lost if the connection ends", record.tool);
        view.progress = Some(record.progress.clone());
        let running_seconds = (self.now - record.submitted_at).whole_seconds();
        view.poll_after_seconds = Some(u64::try_from(running_seconds / 4).unwrap_or(0).clamp(1, 30));
        view.next = Some(format!("Call job_wait with {{\"job_id\":\"{}\"}}", record.id));
    }

    fn artifact(&self, record: &JobRecord, artifact: &Artifact) -> ArtifactView {
        let path = format!("jobs/{}/{}", record.id, artifact.name);
        let kept = record.finished_at.unwrap_or(self.now) + self.config.result_ttl;
        let link = self.links.download(&record.owner, &path, Some(kept), self.now);
        ArtifactView {
            name: artifact.name.clone(),
            path,
            mime: artifact.mime.clone(),
            bytes: artifact.bytes,
            sha256: artifact.sha256.clone(),
            download_url: link.url,
            expires_at: text(link.until.unwrap_or(kept)),
        }
    }
}

fn add_questions(record: &JobRecord, view: &mut JobView) {
    view.questions = record.open_questions();
    let asked: Vec<&str> = view.questions.values().map(|question| question.message.as_str()).collect();
    view.summary = format!("{} waits for an answer: {}", record.tool, asked.join(" "));
    view.next = Some(format!(
        "Make the call again from a client that can be asked (elicitation or tasks), or call job_cancel with \
         {{\"job_id\":\"{}\"}}",
        record.id
    ));
}

/// A moment as RFC 3339 text.
#[must_use]
pub fn text(moment: OffsetDateTime) -> String {
    moment.format(&Rfc3339).unwrap_or_default()
}

/// The `Content-Disposition` by which a browser saves what it gets as `file_name` (RFC 6266).
#[must_use]
pub fn attachment(file_name: &str) -> String {
    format!("attachment; filename*=UTF-8''{}", encode(file_name))
}

/// A workspace path as part of a URL: everything but `/` and unreserved characters percent-encoded (RFC 3986).
#[must_use]
pub fn encode(path: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    percent_encoding::utf8_percent_encode(path, KEPT).to_string()
}
