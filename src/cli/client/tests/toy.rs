//! A real MCP server with toy tools and toy files, and the line to it, which tests cut.

use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use parking_lot::Mutex;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, Implementation, JsonObject, ListToolsResult,
    PaginatedRequestParams, ProgressNotificationParam, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use rmcp_actix_web::transport::StreamableHttpService;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::super::Server;
use super::files::{self, ToyFiles};
use crate::auth::{Keyring, authenticate};
use crate::error::{AppError, ErrorKind};
use crate::links::tests::real as links;

/// The only job there is.
pub(super) const JOB: &str = "0123456789abcdefghjkmnpqrs";

type Hook = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Shared {
    calls: Mutex<Vec<(String, Value)>>,
    at_next_call: Mutex<Option<Hook>>,
    finish: Notify,
}

/// The server, reached through `line`.
pub(super) struct Toy {
    shared: Arc<Shared>,
    pub(super) files: Arc<ToyFiles>,
    pub(super) line: Line,
    url: String,
}

impl Toy {
    pub(super) async fn start() -> Self {
        Self::serve(Keyring::open()).await
    }

    /// A server that lets in `secret` alone.
    pub(super) async fn start_with_key(secret: &str) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("keys.toml");
        let hash = crate::config::keys::KeyHash::of(secret);
        std::fs::write(&path, format!("[keys]\nada = \"{hash}\"\n")).expect("write");
        Self::serve(Keyring::load(&path).expect("keys")).await
    }

    async fn serve(keyring: Keyring) -> Self {
        let (shared, files) = (Arc::new(Shared::default()), Arc::new(ToyFiles::default()));
        let (tools, kept) = (Arc::clone(&shared), Arc::clone(&files));
        let mcp = StreamableHttpService::builder()
            .service_factory(Arc::new(move || Ok(ToyTools { shared: Arc::clone(&tools) })))
            .session_manager(Arc::new(LocalSessionManager::default()))
            .build();
        let app = move || {
            App::new()
                .app_data(web::Data::new(keyring.clone()))
                .app_data(web::Data::new(links()))
                .app_data(web::Data::from(Arc::clone(&kept)))
                .wrap(from_fn(authenticate))
                .configure(files::routes)
                .service(mcp.clone().scope_with_path("/mcp"))
        };
        let server = HttpServer::new(app).workers(1).disable_signals().bind("127.0.0.1:0").expect("a port");
        let behind = server.addrs()[0];
        actix_web::rt::spawn(server.run());
        let line = Line::open(behind).await;
        Self { shared, files, url: format!("http://{}", line.addr), line }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn client(&self) -> Server {
        Server::new(&self.url, None).expect("an address")
    }

    /// Which tools were called, in order.
    pub(super) fn called(&self) -> Vec<String> {
        self.shared.calls.lock().iter().map(|(tool, _)| tool.clone()).collect()
    }

    /// With what, in order.
    pub(super) fn arguments(&self) -> Vec<Value> {
        self.shared.calls.lock().iter().map(|(_, arguments)| arguments.clone()).collect()
    }

    pub(super) fn at_next_call(&self, hook: impl FnOnce() + Send + 'static) {
        *self.shared.at_next_call.lock() = Some(Box::new(hook));
    }

    /// Lets the tool `endless` come to its end.
    pub(super) fn finish_endless(&self) -> impl Fn() + Send + use<> {
        let shared = Arc::clone(&self.shared);
        move || shared.finish.notify_one()
    }

    pub(super) fn cut_at_next_call(&self) {
        let line = self.line.clone();
        self.at_next_call(move || line.cut());
    }
}

#[derive(Clone)]
struct ToyTools {
    shared: Arc<Shared>,
}

impl ServerHandler for ToyTools {
    fn get_info(&self) -> ServerConfig {
        let mut info = ServerConfig::new(ServerCapabilities::builder().enable_tools().build());
        info.server_info = Implementation::new("toy", "1");
        info
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(vec![Tool::new("quick", "answers at once", JsonObject::new())]))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = Value::Object(request.arguments.unwrap_or_default());
        let again = self.shared.calls.lock().iter().any(|(tool, _)| *tool == request.name);
        self.shared.calls.lock().push((request.name.to_string(), arguments));
        if let Some(hook) = self.shared.at_next_call.lock().take() {
            hook();
        }
        let result = match request.name.as_ref() {
            "quick" => json!({"status": "succeeded", "columns": [{"name": "n", "dtype": "BIGINT"}], "rows": [[1]]}),
            "slow" => {
                progress(&context, 1.0).await;
                json!({"status": "running", "job_id": JOB, "poll_after_seconds": 0.1, "next": "Call job_wait"})
            }
            "endless" => {
                progress(&context, 1.0).await;
                self.shared.finish.notified().await;
                let cancelled = self.shared.calls.lock().iter().any(|(tool, _)| tool == "job_cancel");
                json!({"status": if cancelled { "cancelled" } else { "succeeded" }, "job_id": JOB})
            }
            "mute" if again => json!({"status": "succeeded", "job_id": JOB}),
            "mute" => {
                context.ct.cancelled().await;
                json!({"status": "cancelled"})
            }
            "job_wait" => json!({"status": "succeeded", "job_id": JOB, "summary": "done"}),
            "job_cancel" => {
                self.shared.finish.notify_one();
                json!({"status": "running", "job_id": JOB})
            }
            name => return Err(AppError::new(ErrorKind::NotFound, format!("no tool is called {name}")).into()),
        };
        Ok(CallToolResult::structured(result).into())
    }
}

async fn progress(context: &RequestContext<RoleServer>, done: f64) {
    let token = context.meta.get_progress_token().expect("the client asks for progress");
    let mut params = ProgressNotificationParam::new(token, done).with_total(4.0).with_message("reading");
    let meta = json!({"heavylift/job_id": JOB});
    params.meta = Some(serde_json::from_value(meta).expect("a map"));
    context.peer.notify_progress(params).await.expect("sent");
}

/// A line to a server, byte for byte, until it is cut.
#[derive(Clone)]
pub(super) struct Line {
    addr: SocketAddr,
    connections: Arc<Mutex<CancellationToken>>,
    closed: CancellationToken,
}

impl Line {
    async fn open(behind: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("an address");
        let line = Self { addr, connections: Arc::default(), closed: CancellationToken::new() };
        let mine = line.clone();
        tokio::spawn(async move {
            while let Some(Ok((near, _))) = mine.closed.run_until_cancelled(listener.accept()).await {
                let cut = mine.connections.lock().clone();
                tokio::spawn(async move { cut.run_until_cancelled(carry(near, behind)).await });
            }
        });
        line
    }

    /// Breaks every connection; new ones are fine.
    pub(super) fn cut(&self) {
        std::mem::take(&mut *self.connections.lock()).cancel();
    }

    /// Breaks every connection and takes no more.
    pub(super) fn close(&self) {
        self.closed.cancel();
        self.cut();
    }
}

async fn carry(mut near: TcpStream, behind: SocketAddr) {
    let mut far = TcpStream::connect(behind).await.expect("the toy listens");
    // Either side may go at any time.
    drop(tokio::io::copy_bidirectional(&mut near, &mut far).await);
}
