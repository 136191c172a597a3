//! A tiny tool on plain rmcp and axum: `peer sse` or `peer json`, which says where it listens and runs until it is killed.
//!
//! Started by `benches/round_trip.rs` and `benches/streams.rs`, beside the server that they measure.

use std::error::Error;
use std::sync::Arc;

use axum::Router;
use axum::serve::ListenerExt as _;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ServerCapabilities, ServerConfig, SubscriptionFilter,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Value, json};
use tokio::net::TcpListener;

struct Tiny;

impl ServerHandler for Tiny {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().enable_tool_list_changed().build())
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn call_tool(
        &self,
        _: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        Ok(CallToolResult::structured(answer()).into())
    }
}

/// As long as Heavylift's `server_info`, and built for every call like that one.
fn answer() -> Value {
    json!({
        "name": "heavylift", "version": "0.1.0", "principal": "local", "base_url": "http://127.0.0.1:8000",
        "slots": 2, "running": 0, "waiting": 0, "max_waiting": 10000,
        "limits": {
            "threads": 2, "memory_bytes": 1_073_741_824, "max_input_bytes": 68_719_476_736_u64,
            "max_output_bytes": 68_719_476_736_u64, "max_upload_bytes": 8_589_934_592_u64, "max_pixels": 268_435_456,
            "max_side": 32_768, "max_files": 10_000, "job_deadline_seconds": 3600, "result_ttl_seconds": 604_800,
            "wait_seconds": 50
        },
        "table_formats": ["csv", "tsv", "parquet", "json", "ndjson", "arrow"],
        "picture_formats": ["jpeg", "png", "webp", "gif", "tiff", "bmp", "ico", "pnm", "qoi"]
    })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let json = std::env::args().nth(1).is_some_and(|answers| answers == "json");
    let config = StreamableHttpServerConfig::default().with_json_response(json);
    let sessions = Arc::new(LocalSessionManager::default());
    let service = StreamableHttpService::new(|| Ok(Tiny), sessions, config);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listens on {}", listener.local_addr()?);
    let listener = listener.tap_io(|connection| {
        let _ = connection.set_nodelay(true);
    });
    axum::serve(listener, Router::new().nest_service("/mcp", service)).await?;
    Ok(())
}
