//! Answers the protocol's requests: who we are, which tools there are, call one.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use actix::Addr;
use actix_web::web;
use actors::model::Owner;
use actors::{CoreError, LeaveJob, OpenSession, Session};
use futures_util::FutureExt as _;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CancelTaskParams, CancelledNotificationParam,
    CompleteRequestParams, CompleteResult, ContentBlock, CustomRequest, CustomResult, ErrorCode,
    GetPromptRequestParams, GetPromptResponse, GetTaskParams, GetTaskResult, Implementation, JsonObject,
    ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
    ReadResourceRequestParams, ReadResourceResponse, ServerCapabilities, ServerConfig, Tool, UpdateTaskParams,
};
use rmcp::service::{NotificationContext, RequestContext};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::json;
use tokio::sync::OnceCell;

use super::calls::Calls;
use super::sessions::Conversation;
use super::surface::{CallError, Caller, DirectTool, Surface};
use super::{call, completion, listing, prompts, resources, tasks};
use crate::app::App;
use crate::auth::Principal;
use crate::error::{AppError, ErrorKind};

/// What a client's model reads about the server as a whole.
const INSTRUCTIONS: &str = "Heavylift runs heavy data and picture jobs on the server. Files live in a workspace: list them with \
file_list, put small ones there with file_put, and give people a link for big ones with file_upload_link. A call that takes longer than its wait_seconds answers \
with a job_id: go on with job_wait. Results are kept; what a job wrote (jobs/<job_id>/<name>) can be the next call's input.";

/// The requests that take parameters, and so can be misspelled.
const METHODS: [&str; 16] = [
    "completion/complete",
    "initialize",
    "logging/setLevel",
    "prompts/get",
    "prompts/list",
    "resources/list",
    "resources/read",
    "resources/subscribe",
    "resources/templates/list",
    "resources/unsubscribe",
    "subscriptions/listen",
    "tasks/cancel",
    "tasks/get",
    "tasks/update",
    "tools/call",
    "tools/list",
];

/// One session's, or one request's, handler.
#[derive(Clone)]
pub(super) struct Handler {
    app: Arc<App>,
    offer: Arc<Offer>,
    /// The conversation behind a session or request, and whose it is: opened by the first one who asks.
    session: Arc<OnceCell<(Owner, Addr<Session>)>>,
    /// Which of its requests became which job.
    pub(super) calls: Arc<Calls>,
}

/// What is offered, with the list that clients see. The same for all.
pub(super) struct Offer {
    pub(super) surface: Surface,
    tools: Vec<Tool>,
    direct: HashMap<String, Arc<dyn DirectTool>>,
}

impl Offer {
    pub(super) fn new(app: &App, surface: Surface) -> Self {
        let named = |tool: &Arc<dyn DirectTool>| (tool.listed().name.into_owned(), Arc::clone(tool));
        let direct = surface.tools.iter().rev().map(named).collect(); // the first of a name wins
        Self { tools: listing::all(&app.core.catalogue, &surface.tools), direct, surface }
    }
}

impl Handler {
    pub(super) fn new(app: web::Data<App>, offer: Arc<Offer>) -> Self {
        Self { app: app.into_inner(), offer, session: Arc::default(), calls: Arc::default() }
    }

    fn caller<'a>(&'a self, principal: &'a Principal, context: &'a RequestContext<RoleServer>) -> Caller<'a> {
        Caller { app: &self.app, principal, context, handler: self }
    }

    /// The actor behind this conversation, which belongs to one principal for good: a session's own, or one that is opened for
    /// the first who asks.
    ///
    /// # Errors
    /// `NotFound` for anyone else.
    pub(super) async fn session(&self, caller: &Caller<'_>) -> Result<Addr<Session>, AppError> {
        if let Some(conversation) = caller.context.extensions.get::<Conversation>() {
            return Ok(conversation.actor());
        }
        let principal = caller.principal;
        let open = || async {
            let owner = principal.owner.clone();
            let session = self.app.supervisor.send(OpenSession::with(owner.clone())).await.map_err(CoreError::from)?;
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
        let capabilities = ServerCapabilities::builder().enable_tools().enable_tasks().build();
        let own = Implementation::new("heavylift", env!("CARGO_PKG_VERSION")).with_title("Heavylift");
        ServerConfig::new(capabilities).with_server_info(own).with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.offer.tools.clone()))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.offer.tools.iter().find(|tool| tool.name == name).cloned()
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

    /// Only a request of the same session can be named, and a session is its owner's alone.
    async fn on_cancelled(&self, cancelled: CancelledNotificationParam, context: NotificationContext<RoleServer>) {
        let Some(request) = cancelled.request_id else { return };
        let conversation = context.extensions.get::<Conversation>();
        let known = self.calls.cancelled(request.clone());
        // Another replica may have the call: the job is called by its request.
        let Some(job) = known.or_else(|| Some(conversation?.job_of(&request))) else { return };
        let own = self.session.get().map(|(_, session)| session.clone());
        if let Some(session) = conversation.map(Conversation::actor).or(own) {
            session.do_send(LeaveJob { job, on_purpose: true });
        }
    }

    /// What rmcp cannot read as any request that it knows: another method, or a known one with other parameters.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        let method = request.method;
        let is_misspelled = METHODS.contains(&method.as_str());
        let message = format!("the parameters of {method} are not as the protocol has them");
        Err(if is_misspelled {
            ErrorData::invalid_params(message, None)
        } else {
            ErrorData::new(ErrorCode::METHOD_NOT_FOUND, method, None)
        })
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(prompts::list(&self.offer.surface, request.as_ref())?)
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let principal = principal(&context)?;
        Ok(prompts::get(&self.offer.surface, &self.caller(&principal, &context), request).await?)
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let principal = principal(&context)?;
        Ok(resources::list(&self.offer.surface, &self.caller(&principal, &context), request.as_ref()).await?)
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(resources::templates(&self.offer.surface, request.as_ref())?)
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let principal = principal(&context)?;
        Ok(resources::read(&self.offer.surface, &self.caller(&principal, &context), &request).await?)
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        let principal = principal(&context)?;
        Ok(tasks::get(&self.caller(&principal, &context), &request).await?)
    }

    async fn update_task(
        &self,
        request: UpdateTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let principal = principal(&context)?;
        Ok(tasks::update(&self.caller(&principal, &context), &request).await?)
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let principal = principal(&context)?;
        Ok(tasks::cancel(&self.caller(&principal, &context), &request).await?)
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let principal = principal(&context)?;
        Ok(completion::complete(&self.offer.surface, &self.caller(&principal, &context), &request).await?)
    }
}

impl Handler {
    async fn answer(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let principal = principal(&context)?;
        let caller = self.caller(&principal, &context);
        let result = match self.offer.direct.get(request.name.as_ref()) {
            Some(tool) => tool.call(&caller, request).await,
            None => self.compute(&request.name, request.arguments.unwrap_or_default(), &caller).await,
        };
        match result {
            // The model that called reads a result, but seldom a protocol error: what it can mend goes there.
            // Not as structured content, which must fit the tool's schema also in an error.
            Err(CallError::App(error)) if is_for_the_caller(&error) => {
                let text = json!({"error": error.view()}).to_string();
                Ok(CallToolResult::error(vec![ContentBlock::text(text)]).into())
            }
            result => Ok(result?),
        }
    }

    async fn compute(
        &self,
        name: &str,
        arguments: JsonObject,
        caller: &Caller<'_>,
    ) -> Result<CallToolResponse, CallError> {
        if self.app.core.catalogue.get(name).is_err() {
            let hint = tools::suggest::did_you_mean(name, self.offer.tools.iter().map(|tool| tool.name.as_ref()));
            let message = format!("there is no tool called {name:?}{hint}");
            return Err(AppError::new(ErrorKind::UnknownTool, message).into());
        }
        let request = call::Request { tool: name.to_owned(), arguments, always_a_task: false };
        Ok(call::run(request, caller).await?)
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
