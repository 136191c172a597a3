//! Answers the protocol's requests: who we are, which tools there are, call one.

use actix::Addr;
use actix_web::web;
use actors::model::Owner;
use actors::{CoreError, LeaveJob, OpenSession, Session};
use futures_util::FutureExt as _;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CancelledNotificationParam, ContentBlock, Implementation,
    JsonObject, ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::{NotificationContext, RequestContext};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Value, json};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::sync::OnceCell;

use super::calls::Calls;
use super::service::Caller;
use super::{call, service};
use crate::app::App;
use crate::auth::Principal;
use crate::error::{AppError, ErrorKind};

/// What a client's model reads about the server as a whole.
const INSTRUCTIONS: &str = "Heavylift runs heavy data and picture jobs on the server. Files live in a workspace: list them with \
file_list, put small ones there with file_put, and give people a link for big ones with file_upload_link. A call that takes longer than its wait_seconds answers \
with a job_id: go on with job_wait. Results are kept; what a job wrote (jobs/<job_id>/<name>) can be the next call's input.";

/// One session's, or one request's, handler.
#[derive(Clone)]
pub(super) struct Handler {
    app: Arc<App>,
    tools: Arc<[Tool]>,
    /// The conversation behind a session or request, and whose it is: opened by the first one who asks.
    session: Arc<OnceCell<(Owner, Addr<Session>)>>,
    calls: Arc<Calls>,
}

impl Handler {
    pub(super) fn new(app: web::Data<App>, tools: Arc<[Tool]>) -> Self {
        Self { app: app.into_inner(), tools, session: Arc::default(), calls: Arc::default() }
    }

    /// The actor behind this conversation, which belongs to one principal for good.
    ///
    /// # Errors
    /// `NotFound` for anyone else.
    pub(super) async fn session(&self, principal: &Principal) -> Result<Addr<Session>, AppError> {
        let open = || async {
            let owner = principal.owner.clone();
            let session = self.app.supervisor.send(OpenSession(owner.clone())).await.map_err(CoreError::from)?;
            Ok::<_, AppError>((owner, session))
        };
        let (owner, session) = self.session.get_or_try_init(open).await?;
        if *owner == principal.owner {
            return Ok(session.clone());
        }
        Err(AppError::not_found("there is no such session; initialize a new one"))
    }
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().build();
        let own = Implementation::new("heavylift", env!("CARGO_PKG_VERSION")).with_title("Heavylift");
        ServerConfig::new(capabilities).with_server_info(own).with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.tools.to_vec()))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.tools.iter().find(|tool| tool.name == name).cloned()
    }

    /// Only a request of the same session can be named, and a session is its owner's alone.
    async fn on_cancelled(&self, cancelled: CancelledNotificationParam, _: NotificationContext<RoleServer>) {
        let Some(job) = cancelled.request_id.and_then(|request| self.calls.cancelled(request)) else { return };
        if let Some((_, session)) = self.session.get() {
            session.do_send(LeaveJob { job, on_purpose: true });
        }
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        // A panic here would leave the caller without an answer for as long as it cares to wait.
        let answered = AssertUnwindSafe(self.answer(request, context)).catch_unwind().await;
        answered.unwrap_or_else(|_| {
            Err(AppError::internal("the server broke on this call; its log has the details").into())
        })
    }
}

impl Handler {
    async fn answer(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let principal = principal(&context)?;
        let arguments = request.arguments.unwrap_or_default();
        let result = match service::find(&request.name) {
            Some(tool) => {
                let caller = Caller { app: &self.app, principal: &principal, handler: self, context: &context };
                tool.call(&caller, Value::Object(arguments)).await.map(CallToolResult::structured)
            }
            None => self.compute(&request.name, arguments, &principal, context).await,
        };
        match result {
            Ok(result) => Ok(result.into()),
            // The model that called reads a result, but seldom a protocol error: what it can mend goes there.
            // Not as structured content, which must fit the tool's schema also in an error.
            Err(error) if is_for_the_caller(&error) => {
                let text = json!({"error": error.view()}).to_string();
                Ok(CallToolResult::error(vec![ContentBlock::text(text)]).into())
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn compute(
        &self,
        name: &str,
        arguments: JsonObject,
        principal: &Principal,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResult, AppError> {
        if self.app.core.catalogue.get(name).is_err() {
            let hint = tools::suggest::did_you_mean(name, self.tools.iter().map(|tool| tool.name.as_ref()));
            return Err(AppError::new(ErrorKind::UnknownTool, format!("there is no tool called {name:?}{hint}")));
        }
        let session = self.session(principal).await?;
        call::run(&self.app, principal, name, arguments, &session, &self.calls, context).await
    }
}

fn is_for_the_caller(error: &AppError) -> bool {
    !matches!(error.kind, ErrorKind::Unauthorized | ErrorKind::Forbidden | ErrorKind::UnknownTool | ErrorKind::Internal)
}

/// Who calls. Put into the request by the gate in front of the endpoint; without it nothing is answered.
fn principal(context: &RequestContext<RoleServer>) -> Result<Principal, AppError> {
    let parts = context.extensions.get::<http::request::Parts>();
    let carried = parts.and_then(|parts| parts.extensions.get::<rmcp::model::Extensions>());
    let principal = carried.and_then(|carried| carried.get::<Principal>()).cloned();
    principal.ok_or_else(|| AppError::new(ErrorKind::Unauthorized, "this request brought no API key"))
}
