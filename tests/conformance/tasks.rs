//! The doors to the suite's jobs. The suite means every call as a new one, so none is answered with an earlier one's result.

use std::sync::Arc;

use futures_util::FutureExt as _;
use heavylift::mcp::surface::{CallError, Caller, DirectTool};
use rmcp::model::{CallToolRequestParams, CallToolResponse, InputRequiredResult, JsonObject};
use serde_json::{Value, json};

use crate::input::{all_said, name, requests, require};
use crate::jobs::{GREET_LATER, SlowParams};
use crate::questions::DeleteParams;
use crate::tool::{Answer, Nothing, function};

/// The tools.
pub(crate) fn all() -> Vec<Arc<dyn DirectTool>> {
    vec![
        function::<SlowParams>("slow_compute", "Takes as many seconds as asked.", anew),
        function::<Nothing>("test_tool_with_progress", "Tells of its progress three times.", anew),
        function::<Nothing>("test_reconnection", "Ends its connection and answers on the next one.", reconnection),
        function::<DeleteParams>("confirm_delete", "Deletes nothing, and only if that is confirmed.", anew),
        function::<Nothing>("multi_input", "Asks for two names at once.", anew),
        function::<Nothing>("failing_job", "Works for a second and then fails as a tool fails.", as_task),
        function::<Nothing>("protocol_error_job", "Breaks as a faulty server breaks.", as_task),
        function::<Nothing>("test_tool_with_task", "Asks for a name, then greets it in a task.", ask_then_task),
    ]
}

/// A job, answered as the server thinks best.
fn anew<'a>(caller: &'a Caller<'a>, request: CallToolRequestParams) -> Answer<'a> {
    async move { caller.run_job(&request.name, fresh(request.arguments)).await }.boxed()
}

/// A job whose caller comes again for the answer, maybe to another server.
fn reconnection<'a>(caller: &'a Caller<'a>, _: CallToolRequestParams) -> Answer<'a> {
    async move {
        caller.let_poll();
        let arguments = [("seconds".to_owned(), json!(1)), ("label".to_owned(), json!("the next connection"))];
        caller.run_job("slow_compute", fresh(Some(JsonObject::from_iter(arguments)))).await
    }
    .boxed()
}

/// A job that is a task or nothing.
fn as_task<'a>(caller: &'a Caller<'a>, request: CallToolRequestParams) -> Answer<'a> {
    async move { caller.run_task(&request.name, fresh(request.arguments)).await }.boxed()
}

fn fresh(arguments: Option<JsonObject>) -> JsonObject {
    let mut arguments = arguments.unwrap_or_default();
    arguments.insert("fresh".to_owned(), Value::Bool(true));
    arguments
}

fn ask_then_task<'a>(caller: &'a Caller<'a>, request: CallToolRequestParams) -> Answer<'a> {
    async move { greet(caller, request).await }.boxed()
}

async fn greet(caller: &Caller<'_>, request: CallToolRequestParams) -> Result<CallToolResponse, CallError> {
    caller.require_tasks()?;
    let questions = requests(json!({"user_name": name()}));
    if let Some(name) = all_said(&questions, &request.input_responses.unwrap_or_default()) {
        let arguments = JsonObject::from_iter([("name".to_owned(), Value::String(name))]);
        return caller.run_task(GREET_LATER, fresh(Some(arguments))).await;
    }
    require(caller, &questions)?;
    Ok(InputRequiredResult::from_input_requests(questions).into())
}
