//! What a call wants to know again when the client comes back: in the client's hands, but sealed, with the key that all servers
//! of a store share.

use heavylift::mcp::surface::{CallError, Caller};
use rmcp::ErrorData;
use serde_json::{Value, json};

/// `state` for the next round of the tool `tool`, to be opened by the same caller alone.
pub(crate) fn seal(caller: &Caller<'_>, tool: &str, state: &Value) -> String {
    caller.app.links.seal(&caller.principal.owner, &json!([tool, state]).to_string())
}

/// What was sealed.
///
/// # Errors
/// -32602 for what was not, or for another tool.
pub(crate) fn open(caller: &Caller<'_>, tool: &str, sealed: &str) -> Result<Value, CallError> {
    let words = caller.app.links.unseal(&caller.principal.owner, sealed);
    let opened = words.and_then(|words| serde_json::from_str::<(String, Value)>(&words).ok());
    let altered = "this requestState is none that was given out for this call; begin anew without one";
    match opened.filter(|(of, _)| of == tool) {
        Some((_, state)) => Ok(state),
        None => Err(CallError::Protocol(ErrorData::invalid_params(altered, None))),
    }
}
