//! Tools that say something while they run.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use heavylift::mcp::surface::{Caller, DirectTool, Level};
use rmcp::model::CallToolRequestParams;
use serde_json::json;

use crate::tool::{Answer, Nothing, function, text};

/// Between two lines of a log.
const PAUSE: Duration = Duration::from_millis(50);
const WORDS: [&str; 3] = ["Tool execution started", "Tool processing data", "Tool execution completed"];

/// The tools.
pub(crate) fn all() -> Vec<Arc<dyn DirectTool>> {
    vec![
        function::<Nothing>("test_tool_with_logging", "Logs three lines.", logging),
        function::<Nothing>("test_logging_tool", "Logs three lines to whoever asks for them.", logging),
    ]
}

fn logging<'a>(caller: &'a Caller<'a>, _: CallToolRequestParams) -> Answer<'a> {
    async move {
        let mut beat = tokio::time::interval(PAUSE);
        for words in WORDS {
            beat.tick().await;
            caller.note(Level::Info, json!(words)).await;
        }
        Ok(text("Three lines were logged.").into())
    }
    .boxed()
}
