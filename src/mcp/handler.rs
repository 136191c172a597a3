//! Answers the protocol's requests: who we are, which tools there are, call one.

use actix_web::web;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, Implementation, JsonObject, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Value, json};
use std::sync::Arc;

use super::service::Caller;
use super::{call, listing, service};
use crate::app::App;
use crate::auth::Principal;
use crate::error::{AppError, ErrorKind};

/// What a client's model reads about the server as a whole.
const INSTRUCTIONS: &str = "Heavylift runs heavy data and picture jobs on the server. Files live in a workspace: list them with \
file_list, put small ones there with file_put, big ones over HTTP. A call that takes longer than its wait_seconds answers \
with a job_id: go on with job_wait. Results are kept; what a job wrote (jobs/<job_id>/<name>) can be the next call's input.";

/// One session's, or one request's, handler.
#[derive(Clone)]
pub(super) struct Handler {
    app: Arc<App>,
}

impl Handler {
    pub(super) fn new(app: web::Data<App>) -> Self {
        Self { app: app.into_inner() }
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
        Ok(ListToolsResult::with_all_items(listing::all(&self.app.core.catalogue)))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        listing::all(&self.app.core.catalogue).into_iter().find(|tool| tool.name == name)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let principal = principal(&context)?;
        let arguments = request.arguments.unwrap_or_default();
        let result = match service::find(&request.name) {
            Some(tool) => {
                let caller = Caller { app: &self.app, principal: &principal, context: &context };
                tool.call(&caller, Value::Object(arguments)).await.map(CallToolResult::structured)
            }
            None => self.compute(&request.name, arguments, &principal, context).await,
        };
        match result {
            Ok(result) => Ok(result.into()),
            // The model that called reads a result, but seldom a protocol error: what it can mend goes there.
            Err(error) if is_for_the_caller(&error) => {
                Ok(CallToolResult::structured_error(json!({"error": error.view()})).into())
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl Handler {
    async fn compute(
        &self,
        name: &str,
        arguments: JsonObject,
        principal: &Principal,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResult, AppError> {
        if self.app.core.catalogue.get(name).is_err() {
            let names = listing::all(&self.app.core.catalogue);
            let hint = tools::suggest::did_you_mean(name, names.iter().map(|tool| tool.name.as_ref()));
            return Err(AppError::new(ErrorKind::UnknownTool, format!("there is no tool called {name:?}{hint}")));
        }
        call::run(&self.app, principal, name, arguments, context).await
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
