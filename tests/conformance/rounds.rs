//! A tool that asks twice, and remembers the first answer in nothing but the state that the client carries.

use std::sync::Arc;

use futures_util::FutureExt as _;
use heavylift::mcp::surface::{CallError, Caller, DirectTool};
use rmcp::model::{CallToolRequestParams, CallToolResponse, InputRequiredResult, InputResponses};
use serde_json::{Value, json};

use crate::input::{all_said, form, requests, require};
use crate::seal;
use crate::tool::{Answer, Nothing, function, text};

const NAME: &str = "test_input_required_result_multi_round";

/// The tool.
pub(crate) fn all() -> Vec<Arc<dyn DirectTool>> {
    vec![function::<Nothing>(NAME, "Asks for a name, then for a colour.", rounds)]
}

fn rounds<'a>(caller: &'a Caller<'a>, request: CallToolRequestParams) -> Answer<'a> {
    async move {
        let answers = request.input_responses.unwrap_or_default();
        let known = match request.request_state {
            Some(state) => seal::open(caller, NAME, &state)?,
            None => json!({"round": 1}),
        };
        match known["round"].as_u64() {
            Some(1) => first(caller, &answers),
            _ => second(caller, &known, &answers),
        }
    }
    .boxed()
}

/// Asks for the name, or goes on where it is there.
fn first(caller: &Caller<'_>, answers: &InputResponses) -> Result<CallToolResponse, CallError> {
    let question = json!({"step1": form("Step 1: What is your name?", "name", "string")});
    match all_said(&requests(question.clone()), answers) {
        Some(name) => second(caller, &json!({"round": 2, "name": name}), &InputResponses::new()),
        None => ask(caller, question, &json!({"round": 1})),
    }
}

/// Asks for the colour, or answers where it is there.
fn second(caller: &Caller<'_>, known: &Value, answers: &InputResponses) -> Result<CallToolResponse, CallError> {
    let question = json!({"step2": form("Step 2: What is your favorite color?", "color", "string")});
    let name = known["name"].as_str().unwrap_or("somebody");
    match all_said(&requests(question.clone()), answers) {
        Some(colour) => Ok(text(format!("{name} likes {colour}.")).into()),
        None => ask(caller, question, known),
    }
}

fn ask(caller: &Caller<'_>, question: Value, known: &Value) -> Result<CallToolResponse, CallError> {
    let questions = requests(question);
    require(caller, &questions)?;
    let state = seal::seal(caller, NAME, known);
    Ok(InputRequiredResult::new(Some(questions), Some(state)).into())
}
