//! A direct tool as one function, and one whose answer is always the same.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use heavylift::mcp::surface::{CallError, Caller, DirectTool};
use rmcp::model::{CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, JsonObject, Tool};
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// What a tool's function gives back.
pub(crate) type Answer<'a> = BoxFuture<'a, Result<CallToolResponse, CallError>>;

/// A tool's function.
pub(crate) type Answering = for<'a> fn(&'a Caller<'a>, CallToolRequestParams) -> Answer<'a>;

/// The parameters of a tool that takes none.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Nothing {}

struct Function {
    listed: Tool,
    answer: Answering,
}

#[async_trait]
impl DirectTool for Function {
    fn listed(&self) -> Tool {
        self.listed.clone()
    }

    async fn call(&self, caller: &Caller<'_>, request: CallToolRequestParams) -> Result<CallToolResponse, CallError> {
        (self.answer)(caller, request).await
    }
}

/// The tool `name` that takes a `P` and is answered by `answer`.
pub(crate) fn function<P: JsonSchema>(name: &str, description: &str, answer: Answering) -> Arc<dyn DirectTool> {
    Arc::new(Function { listed: listed(name, description, tools::tool::schema_of::<P>()), answer })
}

struct Given {
    listed: Tool,
    answer: CallToolResult,
}

#[async_trait]
impl DirectTool for Given {
    fn listed(&self) -> Tool {
        self.listed.clone()
    }

    async fn call(&self, _: &Caller<'_>, _: CallToolRequestParams) -> Result<CallToolResponse, CallError> {
        Ok(self.answer.clone().into())
    }
}

/// The tool `name` that takes what `input_schema` says and always answers `answer`.
pub(crate) fn given(name: &str, description: &str, input_schema: Value, answer: CallToolResult) -> Arc<dyn DirectTool> {
    Arc::new(Given { listed: listed(name, description, input_schema), answer })
}

/// The schema of a tool that takes no parameters.
pub(crate) fn no_parameters() -> Value {
    json!({"type": "object"})
}

/// What `tools/list` shows of a tool.
pub(crate) fn listed(name: &str, description: &str, input_schema: Value) -> Tool {
    let Value::Object(mut schema) = input_schema else { panic!("the input schema of {name} is no object") };
    schema.entry("type").or_insert_with(|| json!("object"));
    Tool::new(name.to_owned(), description.to_owned(), Arc::new(schema))
}

/// The parameters of a call of the tool `name`.
pub(crate) fn parameters<P: DeserializeOwned>(request: &CallToolRequestParams) -> Result<P, CallError> {
    let arguments: JsonObject = request.arguments.clone().unwrap_or_default();
    Ok(tools::tool::parse(&request.name, &Value::Object(arguments))?)
}

/// A result that is one text.
pub(crate) fn text(text: impl Into<String>) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}
