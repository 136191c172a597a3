//! Tools that say something while they run.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use heavylift::error::{AppError, ErrorKind};
use heavylift::mcp::surface::{CallError, Caller, DirectTool};
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
            log(caller, words).await?;
        }
        Ok(text("Three lines were logged.").into())
    }
    .boxed()
}

#[expect(deprecated, reason = "logging is part of the protocol that the suite tests")]
async fn log(caller: &Caller<'_>, words: &str) -> Result<(), CallError> {
    use rmcp::model::{LoggingLevel, LoggingMessageNotificationParam};
    if caller.is_sessionless() && caller.context.meta.log_level().is_none() {
        return Ok(());
    }
    let line = LoggingMessageNotificationParam::new(LoggingLevel::Info, json!(words));
    let sent = caller.context.peer.notify_logging_message(line).await;
    Ok(sent.map_err(|error| AppError::new(ErrorKind::Unavailable, error.to_string()))?)
}
