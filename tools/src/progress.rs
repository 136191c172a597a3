//! How far a job is, in numbers and in words.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One report of how far a job is. Within an attempt, `done` never goes back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Progress {
    /// Units done so far; which unit, the message says.
    pub done: f64,
    /// Units in all, where that is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub total: Option<f64>,
    /// The phase in words: `"12 of 24 pictures"`.
    #[serde(default)]
    pub message: String,
}

impl Progress {
    /// `done` of `total` units, with a message.
    pub fn of(done: f64, total: f64, message: impl Into<String>) -> Self {
        Self { done, total: Some(total), message: message.into() }
    }
}

/// Where progress goes. Called from pool threads, as often as the tool likes; must not block.
pub type ProgressSink = Arc<dyn Fn(Progress) + Send + Sync>;
