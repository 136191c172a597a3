//! A user of rmcp's client: calls one tool and stays with it over a network that breaks, until it is answered.
//!
//! Started by `tests/it/clients.rs` with the endpoint's address, the protocol's version, and the call as JSON. Says one line of
//! JSON when it hears of the call's progress for the first time, and one at its end. It knows nothing of Heavylift.

use std::io::Write as _;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use parking_lot::Mutex;
use rmcp::model::{
    CallToolRequestParams, CallToolResult, ClientCapabilities, ClientConfig, Implementation, ProgressNotificationParam,
    ProtocolVersion,
};
use rmcp::service::{ClientLifecycleMode, ClientServiceExt as _, NotificationContext, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientHandler, RoleClient};
use serde_json::{Value, json};

const MOST_CALLS: usize = 100;
const SESSIONLESS: &str = "2026-07-28";

/// What was heard of progress, and which request it was about.
type Heard = Arc<Mutex<Vec<(String, [Value; 2])>>>;

#[derive(Clone, Default)]
struct Listener(Heard);

impl ClientHandler for Listener {
    async fn on_progress(&self, note: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        let mut heard = self.0.lock();
        if heard.is_empty() {
            say(&json!({"began": true}));
        }
        heard.push((json!(note.progress_token).to_string(), [json!(note.progress), json!(note.total)]));
    }

    fn get_info(&self) -> ClientConfig {
        ClientConfig::new(ClientCapabilities::default(), Implementation::new("rmcp", "1"))
    }
}

impl Listener {
    /// The progress of each request by itself.
    fn by_request(&self) -> Vec<Vec<[Value; 2]>> {
        let heard = self.0.lock();
        heard
            .chunk_by(|one, next| one.0 == next.0)
            .map(|notes| notes.iter().map(|note| note.1.clone()).collect())
            .collect()
    }
}

type Service = RunningService<RoleClient, Listener>;

async fn connect(url: &str, era: &str, listener: &Listener) -> anyhow::Result<Service> {
    let lifecycle = if era == SESSIONLESS {
        ClientLifecycleMode::Auto { preferred_versions: vec![ProtocolVersion::V_2026_07_28], legacy_version: None }
    } else {
        ClientLifecycleMode::Initialize
    };
    // As it comes: it resumes a broken stream at once, and goes on trying for ever.
    let http = reqwest::Client::builder().no_proxy().build()?;
    let config = StreamableHttpClientTransportConfig::with_uri(url.to_owned());
    let transport = StreamableHttpClientTransport::with_client(http, config);
    Box::pin(listener.clone().serve_with_lifecycle(transport, lifecycle)).await.context("connecting")
}

/// Calls until there is an answer; gives how often.
async fn answer(service: &Service, call: &CallToolRequestParams) -> anyhow::Result<(CallToolResult, Vec<String>)> {
    let mut errors = Vec::new();
    while errors.len() < MOST_CALLS {
        match Box::pin(service.call_tool(call.clone())).await {
            Ok(result) => return Ok((result, errors)),
            Err(error) => errors.push(error.to_string()),
        }
    }
    bail!("no answer to {MOST_CALLS} calls: {:?}", errors.last());
}

fn say(what: &Value) {
    drop(writeln!(std::io::stdout(), "{what}"));
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    drop(rustls::crypto::ring::default_provider().install_default());
    let [url, era, call] = <[String; 3]>::try_from(std::env::args().skip(1).collect::<Vec<_>>())
        .map_err(|_| anyhow::anyhow!("three arguments: address, version, call"))?;
    let call: CallToolRequestParams = serde_json::from_str(&call)?;
    let listener = Listener::default();
    let service = connect(&url, &era, &listener).await?;
    let version = service.peer().peer_info().map(|info| json!(info.protocol_version));
    let (result, errors) = answer(&service, &call).await?;
    let (reissued, progress) = (errors.len(), listener.by_request());
    let result = result.structured_content;
    say(&json!({"version": version, "result": result, "reissued": reissued, "progress": progress, "errors": errors}));
    Ok(())
}
