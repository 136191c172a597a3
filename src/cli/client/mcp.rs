//! One MCP connection: rmcp's client over Streamable HTTP, with progress as it comes.

use std::time::Duration;

use rmcp::model::{
    CallToolRequest, CallToolRequestParams, CallToolResult, ClientCapabilities, ClientConfig, ClientRequest,
    ContentBlock, Implementation, JsonObject, NotificationMetaObject, ProgressNotificationParam, ProtocolVersion,
    ServerResult,
};
use rmcp::service::{
    ClientLifecycleMode, ClientServiceExt as _, NotificationContext, PeerRequestOptions, RunningService,
};
use rmcp::transport::common::client_side_sse::NeverRetry;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::transport::{IntoTransport, StreamableHttpClientTransport};
use rmcp::{ClientHandler, RoleClient};
use serde_json::Value;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use super::{ClientError, Envelope, ProgressView, Server, classify};

/// Progress that waits for a slow listener; older ones are dropped, since each says all that the earlier did.
const PROGRESS_BUFFER: usize = 256;

/// Which era of the protocol to speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Era {
    /// 2026-07-28, and 2025-11-25 where the server knows no newer.
    #[default]
    Newest,
    /// 2025-11-25 with a session, from the start.
    Session,
}

/// Passes progress on to whoever waits for it.
struct Listener {
    progress: broadcast::Sender<ProgressNotificationParam>,
}

impl ClientHandler for Listener {
    async fn on_progress(&self, mut params: ProgressNotificationParam, context: NotificationContext<RoleClient>) {
        // rmcp moves `_meta` from the parameters into the extensions (and means to give it as `context.meta`).
        let moved = context.extensions.get::<NotificationMetaObject>().cloned();
        params.meta.get_or_insert_with(|| moved.unwrap_or(context.meta));
        // Nobody listening is fine.
        drop(self.progress.send(params));
    }

    fn get_info(&self) -> ClientConfig {
        let me = Implementation::new("heavylift-cli", env!("CARGO_PKG_VERSION"));
        ClientConfig::new(ClientCapabilities::default(), me)
    }
}

/// A connection that was agreed on. Dropped, it ends.
pub struct Connection {
    service: RunningService<RoleClient, Listener>,
    progress: broadcast::Sender<ProgressNotificationParam>,
}

/// What a tool said.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Whether the tool says that it failed.
    pub is_error: bool,
    /// The structured result, as it came.
    pub raw: Value,
    /// The same, read as the envelope that every tool has.
    pub envelope: Envelope,
    /// What stood in the text parts.
    pub text: String,
}

impl Server {
    /// Connects to the MCP endpoint.
    ///
    /// # Errors
    /// `Unreachable`; `Refused`.
    pub async fn connect(&self, era: Era) -> Result<Connection, ClientError> {
        let mut config = StreamableHttpClientTransportConfig::with_uri(self.at(["mcp"]).as_str());
        // rmcp resumes a broken stream once; then we ask again ourselves, by the job's id. Its own retries would go on for
        // ever where the server replays nothing: each empty stream counts as a success.
        config.retry_config = std::sync::Arc::new(NeverRetry::default());
        config.reinit_on_expired_session = false;
        Connection::over(StreamableHttpClientTransport::with_client(self.mcp_client()?, config), era).await
    }
}

impl Connection {
    /// Connects over a transport that is there already, like the standard streams of a server that was started for it.
    ///
    /// # Errors
    /// `Unreachable`; `Refused`.
    pub async fn over<T, E, A>(transport: T, era: Era) -> Result<Self, ClientError>
    where
        T: IntoTransport<RoleClient, E, A>,
        E: std::error::Error + Send + Sync + 'static,
    {
        let (progress, _) = broadcast::channel(PROGRESS_BUFFER);
        let lifecycle = match era {
            Era::Newest => ClientLifecycleMode::Auto {
                preferred_versions: vec![ProtocolVersion::V_2026_07_28],
                legacy_version: None,
            },
            Era::Session => ClientLifecycleMode::Initialize,
        };
        let listener = Listener { progress: progress.clone() };
        let service = listener.serve_with_lifecycle(transport, lifecycle).await;
        let service = service.map_err(|error| classify::initialize(&error))?;
        Ok(Self { service, progress })
    }

    /// Calls `tool` and waits for its answer. `on` hears each progress, with the job's id where the server tells it. When
    /// `stop` fires the request is cancelled.
    ///
    /// # Errors
    /// `Unreachable` when the connection broke off; `Refused`; `Cancelled` after `stop`.
    pub async fn call_tool(
        &self,
        tool: &str,
        arguments: JsonObject,
        on: &mut (dyn FnMut(ProgressView, Option<String>) + Send),
        stop: &CancellationToken,
    ) -> Result<Answer, ClientError> {
        // Listening begins before asking: the first word often carries the job's id.
        let mut heard = self.progress.subscribe();
        let params = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        let request = ClientRequest::CallToolRequest(CallToolRequest::new(params));
        let sent = self.service.peer().send_cancellable_request(request, PeerRequestOptions::no_options()).await;
        let mut handle = sent.map_err(|error| classify::service(&error))?;
        let token = handle.progress_token.clone();
        loop {
            tokio::select! {
                biased;
                progress = heard.recv() => match progress {
                    Ok(progress) if progress.progress_token == token => on(view(&progress), job_of(&progress)),
                    Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return Err(gone()),
                },
                answer = &mut handle.rx => {
                    let answer = answer.map_err(|_| gone())?;
                    return read(answer.map_err(|error| classify::service(&error))?);
                }
                () = stop.cancelled() => {
                    // Whether it still arrives or not, the caller wants to leave.
                    drop(handle.cancel(Some("the user cancelled".to_owned())).await);
                    return Err(ClientError::Cancelled);
                }
            }
        }
    }

    /// The names of the server's tools.
    ///
    /// # Errors
    /// `Unreachable`; `Refused`.
    pub async fn tools(&self) -> Result<Vec<String>, ClientError> {
        let tools = self.service.peer().list_all_tools().await.map_err(|error| classify::service(&error))?;
        Ok(tools.into_iter().map(|tool| tool.name.into_owned()).collect())
    }

    /// Ends the connection, so that the server need not wait for it.
    pub async fn close(mut self) {
        drop(self.service.close_with_timeout(Duration::from_secs(2)).await);
    }
}

fn gone() -> ClientError {
    ClientError::Unreachable("the connection broke off".to_owned())
}

fn view(progress: &ProgressNotificationParam) -> ProgressView {
    let message = progress.message.clone().unwrap_or_default();
    ProgressView { done: progress.progress, total: progress.total, message }
}

fn job_of(progress: &ProgressNotificationParam) -> Option<String> {
    let meta = &progress.meta.as_ref()?.0.0;
    meta.get("heavylift/job_id")?.as_str().map(str::to_owned)
}

fn read(result: ServerResult) -> Result<Answer, ClientError> {
    match result {
        ServerResult::CallToolResult(result) => Ok(answer(result)),
        other => Err(ClientError::strange(format!("{other:?}"))),
    }
}

fn answer(result: CallToolResult) -> Answer {
    let parts = result.content.iter().filter_map(|part| match part {
        ContentBlock::Text(text) => Some(text.text.as_str()),
        _ => None,
    });
    let text = parts.collect::<Vec<_>>().join("\n");
    let parsed = || serde_json::from_str(&text).unwrap_or_else(|_| Value::String(text.clone()));
    let raw = result.structured_content.unwrap_or_else(parsed);
    let envelope = serde_json::from_value(raw.clone()).unwrap_or_default();
    Answer { is_error: result.is_error.unwrap_or(false), raw, envelope, text }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn progress_may_carry_the_job() {
        let progress = |meta: Value| {
            let params = json!({"progressToken": 1, "progress": 3, "total": 4, "message": "m", "_meta": meta});
            serde_json::from_value::<ProgressNotificationParam>(params).expect("progress")
        };
        assert_eq!(job_of(&progress(json!({"heavylift/job_id": "abc"}))).as_deref(), Some("abc"));
        assert_eq!(job_of(&progress(json!({}))), None);
        let expected = ProgressView { done: 3.0, total: Some(4.0), message: "m".to_owned() };
        assert_eq!(view(&progress(json!({}))), expected);
    }

    #[test]
    fn an_answer_is_read_from_either_part() {
        let envelope = json!({"job_id": "j", "status": "running", "progress": {"done": 1.0}, "next": "Call job_wait"});
        let structured = CallToolResult::structured(envelope.clone());
        let read = answer(structured);
        assert!(read.envelope.is_pending() && read.envelope.job_id.as_deref() == Some("j"));
        let text_only = CallToolResult::success(vec![ContentBlock::text(envelope.to_string())]);
        assert_eq!(answer(text_only).raw, envelope);
        let plain = CallToolResult::error(vec![ContentBlock::text("no file is called x")]);
        let read = answer(plain);
        assert!(read.is_error && read.text == "no file is called x" && read.envelope == Envelope::default());
    }
}
