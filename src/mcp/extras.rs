//! The three parameters that every compute tool takes beside its own.

use std::time::Duration;

use rmcp::model::JsonObject;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::error::AppError;
use crate::wait;

/// How a call is to be run; no part of what is computed.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub(super) struct Extras {
    /// How many seconds this call may stay open before it answers with a handle; then go on with `job_wait`. Default 50.
    #[schemars(range(min = 0, max = 3600))]
    pub(super) wait_seconds: Option<u64>,
    /// A name of your own for this call: repeating the call with the same key gives the same job, never a second one.
    #[schemars(length(min = 1, max = 200))]
    pub(super) idempotency_key: Option<String>,
    /// Run again even if an identical call on the same files is running or has a kept result. Default false.
    #[serde(default)]
    pub(super) fresh: bool,
}

impl Extras {
    const NAMES: [&str; 3] = ["wait_seconds", "idempotency_key", "fresh"];

    /// Takes the extras out of a call's `arguments`.
    ///
    /// # Errors
    /// `InvalidParams`, naming the one that is wrong.
    pub(super) fn take(tool: &str, arguments: &mut JsonObject) -> Result<Self, AppError> {
        let mut own = JsonObject::new();
        for name in Self::NAMES {
            if let Some(value) = arguments.remove(name).filter(|value| !value.is_null()) {
                own.insert(name.to_owned(), value);
            }
        }
        let extras: Self = tools::tool::parse(tool, &Value::Object(own))?;
        if extras.wait_seconds.is_some_and(|seconds| seconds > wait::MOST_SECONDS) {
            let most = wait::MOST_SECONDS;
            return Err(AppError::invalid(format!(
                "{tool}, parameter wait_seconds: at most {most}, then ask again with job_wait"
            )));
        }
        if extras.idempotency_key.as_ref().is_some_and(|key| key.is_empty() || key.chars().count() > 200) {
            return Err(AppError::invalid(format!("{tool}, parameter idempotency_key: 1 to 200 characters")));
        }
        Ok(extras)
    }

    /// How long the call may stay open.
    pub(super) fn budget(&self, default: Duration) -> Duration {
        self.wait_seconds.map_or(default, Duration::from_secs)
    }

    /// Adds the extras to a tool's input schema.
    pub(super) fn add_to(schema: &mut Value) {
        let own = tools::tool::schema_of::<Self>();
        let Some(properties) = own.get("properties").and_then(Value::as_object) else { return };
        let Some(schema) = schema.as_object_mut() else { return };
        let all = schema.entry("properties").or_insert_with(|| Value::Object(JsonObject::new()));
        if let Some(all) = all.as_object_mut() {
            all.extend(properties.clone());
        }
    }
}
