//! Tools that cannot go on before the client has answered, as of 2026-07-28: the call ends with what is asked, and the client
//! makes it again with its answers.

use std::sync::Arc;

use async_trait::async_trait;
use heavylift::mcp::surface::{CallError, Caller, DirectTool};
use rmcp::ErrorData;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, ClientCapabilities, ElicitResult, InputRequest, InputRequests,
    InputRequiredResult, InputResponses, Tool,
};
use serde_json::{Value, json};

use crate::seal;
use crate::tool::{listed, no_parameters, text};

/// The tools.
pub(crate) fn all() -> Vec<Arc<dyn DirectTool>> {
    let all_three = json!({"user_name": name(), "greeting": sampling("Generate a greeting"), "client_roots": roots()});
    let confirm = || json!({"confirm": form("Please confirm", "ok", "boolean")});
    let capital = || json!({"capital_question": sampling("What is the capital of France?")});
    vec![
        asking("test_input_required_result_elicitation", "Hello, ", json!({"user_name": name()})),
        asking("test_input_required_result_sampling", "The model said: ", capital()),
        asking("test_input_required_result_list_roots", "Your roots: ", json!({"client_roots": roots()})),
        asking("test_streaming_elicitation", "Hello, ", json!({"user_name": name()})),
        asking("test_missing_capability", "The model said: ", capital()),
        sealing("test_input_required_result_request_state", "state-ok: ", confirm()),
        sealing("test_input_required_result_tampered_state", "state-ok: ", confirm()),
        sealing("test_input_required_result_multiple_inputs", "All is there: ", all_three.clone()),
        Arc::new(Asking { contents_itself: true, ..plain("test_input_required_result_capabilities", "", all_three) }),
    ]
}

/// A tool that asks once.
struct Asking {
    listed: Tool,
    /// How the answer begins; what the client said follows.
    before: &'static str,
    questions: InputRequests,
    /// Whether it gives out a state, and takes no other back.
    seals: bool,
    /// Whether it asks only what the client can answer, instead of asking all or refusing.
    contents_itself: bool,
}

fn plain(name: &str, before: &'static str, questions: Value) -> Asking {
    let listed = listed(name, "Asks the client before it answers.", no_parameters());
    Asking { listed, before, questions: requests(questions), seals: false, contents_itself: false }
}

fn asking(name: &str, before: &'static str, questions: Value) -> Arc<dyn DirectTool> {
    Arc::new(plain(name, before, questions))
}

fn sealing(name: &str, before: &'static str, questions: Value) -> Arc<dyn DirectTool> {
    Arc::new(Asking { seals: true, ..plain(name, before, questions) })
}

#[async_trait]
impl DirectTool for Asking {
    fn listed(&self) -> Tool {
        self.listed.clone()
    }

    async fn call(&self, caller: &Caller<'_>, request: CallToolRequestParams) -> Result<CallToolResponse, CallError> {
        let mut questions = self.questions.clone();
        if self.contents_itself {
            questions.retain(|_, question| is_declared(caller, question));
        } else {
            require(caller, &questions)?;
        }
        let answers = request.input_responses.unwrap_or_default();
        let goes_on = match request.request_state {
            Some(state) if self.seals => seal::open(caller, &self.listed.name, &state).map(|_| true)?,
            _ => !self.seals,
        };
        if let Some(said) = all_said(&questions, &answers).filter(|_| goes_on) {
            return Ok(text(format!("{}{said}", self.before)).into());
        }
        let state = self.seals.then(|| seal::seal(caller, &self.listed.name, &json!({"asked": questions.len()})));
        Ok(InputRequiredResult::new(Some(questions), state).into())
    }
}

/// The questions that `written` spells out as they go over the wire.
pub(crate) fn requests(written: Value) -> InputRequests {
    serde_json::from_value(written).expect("questions as the protocol spells them")
}

/// Asks for a name.
pub(crate) fn name() -> Value {
    form("What is your name?", "name", "string")
}

/// Asks the user for one field.
pub(crate) fn form(message: &str, field: &str, kind: &str) -> Value {
    let mut properties = json!({});
    properties[field] = json!({"type": kind});
    let schema = json!({"type": "object", "properties": properties, "required": [field]});
    json!({"method": "elicitation/create", "params": {"mode": "form", "message": message, "requestedSchema": schema}})
}

fn sampling(prompt: &str) -> Value {
    let message = json!({"role": "user", "content": {"type": "text", "text": prompt}});
    json!({"method": "sampling/createMessage", "params": {"messages": [message], "maxTokens": 100}})
}

fn roots() -> Value {
    json!({"method": "roots/list", "params": {}})
}

/// What the client said to all questions; nothing while an answer is missing or is none.
pub(crate) fn all_said(questions: &InputRequests, answers: &InputResponses) -> Option<String> {
    let said = questions.iter().map(|(key, question)| said(question, answers.get(key)?));
    said.collect::<Option<Vec<_>>>().map(|said| said.join(", "))
}

#[expect(deprecated, reason = "sampling and roots are part of the protocol that the suite tests")]
fn said(question: &InputRequest, answer: &Value) -> Option<String> {
    use rmcp::model::{CreateMessageResult, ListRootsResult};
    let answer = answer.clone();
    match question {
        InputRequest::Elicitation(_) => {
            let ElicitResult { action, content, .. } = serde_json::from_value(answer).ok()?;
            let fields = content.as_ref().and_then(Value::as_object).map(|fields| fields.values());
            let words = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            Some(fields.map_or_else(|| json!(action).to_string(), |fields| fields.map(words).collect()))
        }
        InputRequest::CreateMessage(_) => {
            let reply: CreateMessageResult = serde_json::from_value(answer).ok()?;
            reply.message.content.first()?.as_text().map(|words| words.text.clone())
        }
        InputRequest::ListRoots(_) => {
            let ListRootsResult { roots, .. } = serde_json::from_value(answer).ok()?;
            Some(roots.into_iter().map(|root| root.uri).collect::<Vec<_>>().join(" "))
        }
        _ => None,
    }
}

/// What a client must have declared to be asked.
fn capability(question: &InputRequest) -> &'static str {
    match question {
        InputRequest::CreateMessage(_) => "sampling",
        InputRequest::ListRoots(_) => "roots",
        _ => "elicitation",
    }
}

fn is_declared(caller: &Caller<'_>, question: &InputRequest) -> bool {
    let declared = json!(caller.context.client_capabilities());
    declared.get(capability(question)).is_some()
}

/// # Errors
/// -32021 that names what the client would have to declare to be asked all of `questions`.
pub(crate) fn require(caller: &Caller<'_>, questions: &InputRequests) -> Result<(), CallError> {
    let missing = questions.values().filter(|question| !is_declared(caller, question)).map(capability);
    let missing: serde_json::Map<String, Value> = missing.map(|name| (name.to_owned(), json!({}))).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let missing: ClientCapabilities = serde_json::from_value(Value::Object(missing)).expect("names of capabilities");
    Err(CallError::Protocol(ErrorData::missing_required_client_capability(missing)))
}
