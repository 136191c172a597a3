//! What a tool gives back: a [`Report`] for the reader, [`ArtifactFile`]s for the next job.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A column of a result's preview.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Column {
    /// The column's name.
    pub name: String,
    /// Its type, in the engine's words: `BIGINT`, `VARCHAR`, `f64`.
    pub dtype: String,
}

/// What a finished tool says about its work. `details` is the tool's own part; the rest is the same for every tool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// One or two sentences with the answer or what was made.
    pub summary: String,
    /// The preview's columns, where the result is a table.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<Column>,
    /// The preview's rows, one JSON value a cell, in the columns' order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<Vec<Value>>,
    /// Rows of the whole result, where it is a table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row_count: Option<u64>,
    /// Whether the preview holds less than the whole result.
    #[serde(default)]
    pub truncated: bool,
    /// What the reader may want to do next; empty when there is nothing to say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guidance: Vec<String>,
    /// The tool's own part; its shape is in the tool's output schema.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub details: Value,
}

/// A file that a tool wrote into its output folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactFile {
    /// Its name below the job: `result.parquet`, `photos/a.jpg`.
    pub name: String,
    /// Its media type.
    pub mime: String,
    /// Where it is now. Belongs to the job that ran the tool, which moves it into the store.
    pub local: PathBuf,
    /// How many bytes it has.
    pub bytes: u64,
    /// Its SHA-256, in lower-case hex.
    pub sha256: String,
}

/// All that a finished tool gives back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// What to tell the caller.
    pub report: Report,
    /// The files it wrote, in the order in which they were begun.
    pub artifacts: Vec<ArtifactFile>,
}
