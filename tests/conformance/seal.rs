//! What a call wants to know again when the client comes back: in the client's hands, but sealed.
//!
//! The key is the one that signs links, in the store: so every server that shares it opens what another one sealed.

use actors::layout;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use heavylift::error::AppError;
use heavylift::mcp::surface::{CallError, Caller};
use ring::hmac;
use rmcp::ErrorData;
use serde_json::Value;

/// `state` for the next round of the tool `tool`, to be opened by the same caller alone.
pub(crate) async fn seal(caller: &Caller<'_>, tool: &str, state: &Value) -> Result<String, CallError> {
    let state = state.to_string();
    let tag = hmac::sign(&key(caller).await?, &terms(caller, tool, &state));
    Ok(format!("{}.{}", URL_SAFE_NO_PAD.encode(state), URL_SAFE_NO_PAD.encode(tag)))
}

/// What was sealed.
pub(crate) async fn open(caller: &Caller<'_>, tool: &str, sealed: &str) -> Result<Value, CallError> {
    let key = key(caller).await?;
    let opened = || {
        let (state, tag) = sealed.split_once('.')?;
        let state = String::from_utf8(URL_SAFE_NO_PAD.decode(state).ok()?).ok()?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        hmac::verify(&key, &terms(caller, tool, &state), &tag).ok()?;
        serde_json::from_str(&state).ok()
    };
    let altered = "this requestState is none that was given out for this call; begin anew without one";
    opened().ok_or_else(|| CallError::Protocol(ErrorData::invalid_params(altered, None)))
}

/// What the seal covers.
fn terms(caller: &Caller<'_>, tool: &str, state: &str) -> Vec<u8> {
    format!("request-state\n{}\n{tool}\n{state}", caller.principal.owner).into_bytes()
}

async fn key(caller: &Caller<'_>) -> Result<hmac::Key, CallError> {
    let found = caller.app.core.ports.store.get(&layout::link_key()).await?;
    let bytes = found.ok_or_else(|| AppError::internal("the store has no key"))?.value;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}
