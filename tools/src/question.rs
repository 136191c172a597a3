//! What a tool may ask in the middle of its work, and what it is told.
//!
//! A tool asks through [`Context::ask`](crate::Context::ask). Who answers, and how the question reaches them, is none of its
//! concern.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Question {
    /// What is asked, for a person to read.
    pub message: String,
    /// JSON Schema of the wanted answer: an object whose properties are texts, numbers, truth values or choices.
    pub schema: Value,
}

/// What became of a question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// An object that should fit the question's schema. It comes from outside: check it.
    Given(Value),
    /// Somebody read it and would not say.
    Declined,
    /// It was put away unread.
    Dismissed,
}

/// Questions by name. A name means the same question for as long as the job lives.
pub type Questions = BTreeMap<String, Question>;

/// Answers by their questions' names.
pub type Answers = BTreeMap<String, Answer>;
