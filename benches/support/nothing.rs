//! A call whose job does nothing: what is left is what the server itself takes.

use actors::Call;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use tools::{Context, InputSpec, Report, Tool, ToolError};

/// Call number `number`; each is another one.
pub(crate) fn call(number: usize) -> Call {
    let params = json!({"number": number});
    Call { tool: Nothing::NAME.to_owned(), params, idempotency_key: None, fresh: false, id: None, trace: None }
}

/// A tool that reads and does nothing.
pub(crate) struct Nothing;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NothingParams {
    /// Makes each call another one.
    #[expect(dead_code, reason = "only part of the call's digest")]
    number: usize,
}

impl Tool for Nothing {
    type Params = NothingParams;
    type Details = ();
    const NAME: &'static str = "bench_nothing";
    const TITLE: &'static str = "Nothing";
    const DESCRIPTION: &'static str = "Does nothing.";

    fn inputs(&self, _: &NothingParams) -> Result<Vec<InputSpec>, ToolError> {
        Ok(Vec::new())
    }

    fn run(&self, _: NothingParams, _: &mut Context) -> Result<Report, ToolError> {
        Ok(Report::default())
    }
}
