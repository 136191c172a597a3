//! Tools that ask the client in the middle of a call, as sessions do up to 2025-11-25.

use std::sync::Arc;

use futures_util::FutureExt as _;
use heavylift::error::{AppError, ErrorKind};
use heavylift::mcp::surface::{CallError, Caller, DirectTool};
use rmcp::model::{CallToolRequestParams, ElicitRequestParams};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::tool::{Answer, Nothing, function, parameters, text};

/// The tools.
pub(crate) fn all() -> Vec<Arc<dyn DirectTool>> {
    vec![
        function::<Sampling>("test_sampling", "Has the client's model answer a prompt.", sampling),
        function::<Elicitation>("test_elicitation", "Asks the user for a name and an address.", elicitation),
        function::<Nothing>("test_elicitation_sep1034_defaults", "Asks with a default for every type.", defaults),
        function::<Nothing>("test_elicitation_sep1330_enums", "Asks with every kind of choice.", enums),
    ]
}

#[derive(Deserialize, JsonSchema)]
struct Sampling {
    /// What the model is to answer.
    prompt: String,
}

#[expect(deprecated, reason = "sampling is part of the older protocols that the suite tests")]
fn sampling<'a>(caller: &'a Caller<'a>, request: CallToolRequestParams) -> Answer<'a> {
    use rmcp::model::{CreateMessageRequestParams, SamplingMessage};
    async move {
        let Sampling { prompt } = parameters(&request)?;
        let asked = CreateMessageRequestParams::new(vec![SamplingMessage::user_text(prompt)], 100);
        let reply = caller.context.peer.create_message(asked).await.map_err(no_answer)?;
        let words = reply.message.content.first().and_then(|content| content.as_text());
        Ok(text(format!("LLM response: {}", words.map_or("no text", |words| words.text.as_str()))).into())
    }
    .boxed()
}

#[derive(Deserialize, JsonSchema)]
struct Elicitation {
    /// What the user is shown.
    message: String,
}

fn elicitation<'a>(caller: &'a Caller<'a>, request: CallToolRequestParams) -> Answer<'a> {
    async move {
        let Elicitation { message } = parameters(&request)?;
        let said = ask(caller, &message, user_schema()).await?;
        Ok(text(format!("User response: {said}")).into())
    }
    .boxed()
}

fn defaults<'a>(caller: &'a Caller<'a>, _: CallToolRequestParams) -> Answer<'a> {
    complete(caller, "Please check these values", default_schema()).boxed()
}

fn enums<'a>(caller: &'a Caller<'a>, _: CallToolRequestParams) -> Answer<'a> {
    complete(caller, "Please choose", enum_schema()).boxed()
}

async fn complete(
    caller: &Caller<'_>,
    message: &str,
    schema: Value,
) -> Result<rmcp::model::CallToolResponse, CallError> {
    let said = ask(caller, message, schema).await?;
    Ok(text(format!("Elicitation completed: {said}")).into())
}

/// Asks the user; gives what was done and said.
async fn ask(caller: &Caller<'_>, message: &str, schema: Value) -> Result<String, CallError> {
    let form = json!({"mode": "form", "message": message, "requestedSchema": schema});
    let form: ElicitRequestParams =
        serde_json::from_value(form).map_err(|error| AppError::internal(error.to_string()))?;
    let reply = caller.context.peer.create_elicitation(form).await.map_err(no_answer)?;
    Ok(format!("action={}, content={}", json!(reply.action), json!(reply.content)))
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
fn no_answer(error: rmcp::ServiceError) -> AppError {
    AppError::new(ErrorKind::Unavailable, format!("the client did not answer: {error}"))
}

fn user_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "username": {"type": "string", "description": "User's response"},
            "email": {"type": "string", "description": "User's email address"}
        },
        "required": ["username", "email"]
    })
}

fn default_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "name": {"type": "string", "default": "John Doe"},
            "age": {"type": "integer", "default": 30},
            "score": {"type": "number", "default": 95.5},
            "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
            "verified": {"type": "boolean", "default": true}
        }
    })
}

fn enum_schema() -> Value {
    let titled = json!([
        {"const": "value1", "title": "First Option"},
        {"const": "value2", "title": "Second Option"},
        {"const": "value3", "title": "Third Option"}
    ]);
    let options = json!(["option1", "option2", "option3"]);
    json!({
        "type": "object",
        "properties": {
            "untitledSingle": {"type": "string", "enum": options},
            "titledSingle": {"type": "string", "oneOf": titled},
            "legacyEnum": {
                "type": "string",
                "enum": ["opt1", "opt2", "opt3"],
                "enumNames": ["Option One", "Option Two", "Option Three"]
            },
            "untitledMulti": {"type": "array", "items": {"type": "string", "enum": options}},
            "titledMulti": {"type": "array", "items": {"anyOf": titled}}
        }
    })
}
