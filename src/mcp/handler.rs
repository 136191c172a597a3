//! Answers the protocol's requests: who we are, which tools there are, call one.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use actix::Addr;
use actors::{LeaveJob, Session};
use futures_util::FutureExt as _;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CancelTaskParams, CancelledNotificationParam,
    CompleteRequestParams, CompleteResult, ContentBlock, CustomRequest, CustomResult, DiscoverResult, ErrorCode,
    Extensions, GetPromptRequestParams, GetPromptResponse, GetTaskParams, GetTaskResult, Implementation,
    ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
    ProtocolVersion, ReadResourceRequestParams, ReadResourceResponse, ServerCapabilities, ServerConfig,
    SubscribeRequestParams, SubscriptionFilter, Tool, UnsubscribeRequestParams, UpdateTaskParams,
};
use rmcp::service::{NotificationContext, Peer, RequestContext, SubscriptionContext};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::json;

use super::freshness::{OF_ALL, fresh};
use super::logging::{Level, SetLevel, level_of};
use super::memory::Memory;
use super::offer::Offer;
use super::sessions::Conversation;
use super::subscriptions::{self, Legacy, Place, Voice, Wishes};
use super::surface::{CallError, Caller};
use super::{ask, call, completion, cursor, prompts, questions, resources, tasks};
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

/// Those that 2026-07-28 has no more: there they are unknown, whatever their parameters.
const REMOVED: [&str; 5] = ["initialize", "logging/setLevel", "ping", "resources/subscribe", "resources/unsubscribe"];

/// One session's, or one request's, handler.
#[derive(Clone)]
pub(super) struct Handler {
    pub(super) app: Arc<App>,
    pub(super) offer: Arc<Offer>,
    /// Of a conversation that is no session.
    memory: Arc<Memory>,
    /// What such a conversation of older protocols wants to be told of.
    place: Arc<Place>,
}

impl Handler {
    pub(super) fn new(app: Arc<App>, offer: Arc<Offer>) -> Self {
        Self { app, offer, memory: Arc::default(), place: Arc::default() }
    }

    /// The conversation as one of older protocols.
    pub(super) fn legacy(&self, principal: &Principal, extensions: &Extensions, peer: &Peer<RoleServer>) -> Legacy {
        let connection = || Voice::Connection(peer.clone(), Arc::clone(&self.place));
        let voice = extensions.get::<Conversation>().cloned().map_or_else(connection, Voice::Session);
        let (app, offer) = (Arc::clone(&self.app), Arc::clone(&self.offer));
        Legacy { app, offer, owner: principal.owner.clone(), voice }
    }

    fn caller<'a>(&'a self, principal: &'a Principal, context: &'a RequestContext<RoleServer>) -> Caller<'a> {
        Caller { app: &self.app, principal, context, handler: self }
    }

    /// What is remembered of the conversation that a request or notification with these `extensions` belongs to.
    pub(super) fn memory<'a>(&'a self, extensions: &'a Extensions) -> &'a Memory {
        extensions.get::<Conversation>().map_or(&self.memory, Conversation::memory)
    }

    /// The actor behind a request's conversation.
    ///
    /// # Errors
    /// `NotFound` where that belongs to somebody else.
    pub(super) async fn session(&self, caller: &Caller<'_>) -> Result<Addr<Session>, AppError> {
        match caller.context.extensions.get::<Conversation>() {
            Some(conversation) => Ok(conversation.actor()),
            None => self.memory.actor(&self.app, caller.principal).await,
        }
    }
}

impl ServerHandler for Handler {
    #[expect(deprecated, reason = "the protocol keeps logging for a while yet, and clients show it")]
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .enable_prompts()
            .enable_prompts_list_changed()
            .enable_resources()
            .enable_resources_list_changed()
            .enable_resources_subscribe()
            .enable_completions()
            .enable_logging()
            .enable_tasks()
            .build();
        let own = Implementation::new("heavylift", env!("CARGO_PKG_VERSION")).with_title("Heavylift");
        ServerConfig::new(capabilities).with_server_info(own).with_instructions(INSTRUCTIONS)
    }

    async fn discover(&self, _: RequestContext<RoleServer>) -> Result<DiscoverResult, ErrorData> {
        let versions = self.supported_protocol_versions().into_owned();
        Ok(fresh!(DiscoverResult::from_server_info(versions, self.get_info()), OF_ALL))
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let (tools, next) = cursor::page(self.offer.tools.clone(), request.as_ref(), |tool| tool.name.to_string())?;
        let mut result = fresh!(ListToolsResult::with_all_items(tools), OF_ALL);
        result.next_cursor = next;
        Ok(result)
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

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        if let Ok(principal) = principal(&context.extensions) {
            let legacy = self.legacy(&principal, &context.extensions, &context.peer);
            legacy.ready(&context.extensions).await;
        }
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let principal = principal(&context.extensions)?;
        Ok(self.legacy(&principal, &context.extensions, &context.peer).subscribe(&request.uri).await?)
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let principal = principal(&context.extensions)?;
        Ok(self.legacy(&principal, &context.extensions, &context.peer).unsubscribe(&request.uri).await?)
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(subscriptions::accepted(&self.offer, requested))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let request = context.request_context().clone();
        let principal = principal(&request.extensions)?;
        let listening = subscriptions::listen(self, context);
        Box::pin(tasks::beside(&self.caller(&principal, &request), listening)).await
    }

    async fn set_level(&self, request: SetLevel, context: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        let principal = principal(&context.extensions)?;
        if self.caller(&principal, &context).is_sessionless() {
            return Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, "logging/setLevel", None));
        }
        let level = Level::of(&request);
        let legacy = self.legacy(&principal, &context.extensions, &context.peer);
        let set = |wishes: &mut Wishes| {
            wishes.level = Some(level);
            Ok(())
        };
        Ok(legacy.change(set).await?)
    }

    /// Only a request of the same session can be named, and a session is its owner's alone.
    async fn on_cancelled(&self, cancelled: CancelledNotificationParam, context: NotificationContext<RoleServer>) {
        let Some(request) = cancelled.request_id else { return };
        let (conversation, memory) = (context.extensions.get::<Conversation>(), self.memory(&context.extensions));
        let known = memory.calls.cancelled(request.clone());
        // Another replica may have the call: the job is called by its request.
        let Some(job) = known.or_else(|| Some(conversation?.job_of(&request))) else { return };
        if let Some(session) = conversation.map(Conversation::actor).or_else(|| memory.opened_actor()) {
            session.do_send(LeaveJob { job, on_purpose: true });
        }
    }

    /// What rmcp cannot read as any request that it knows: another method, or a known one with other parameters.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        let method = request.method;
        let is_gone = is_sessionless(&context) && REMOVED.contains(&method.as_str());
        let is_misspelled = METHODS.contains(&method.as_str()) && !is_gone;
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
        let principal = principal(&context.extensions)?;
        Ok(prompts::get(&self.offer.surface, &self.caller(&principal, &context), request).await?)
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let principal = principal(&context.extensions)?;
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
        let principal = principal(&context.extensions)?;
        Ok(resources::read(&self.offer.surface, &self.caller(&principal, &context), &request).await?)
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        let principal = principal(&context.extensions)?;
        Ok(tasks::get(&self.caller(&principal, &context), &request).await?)
    }

    async fn update_task(
        &self,
        request: UpdateTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let principal = principal(&context.extensions)?;
        Ok(tasks::update(&self.caller(&principal, &context), &request).await?)
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let principal = principal(&context.extensions)?;
        Ok(tasks::cancel(&self.caller(&principal, &context), &request).await?)
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let principal = principal(&context.extensions)?;
        Ok(completion::complete(&self.offer.surface, &self.caller(&principal, &context), &request).await?)
    }
}

impl Handler {
    async fn answer(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let principal = principal(&context.extensions)?;
        level_of(&context)?;
        let caller = self.caller(&principal, &context);
        let result = match (questions::job_of(&caller, &request), self.offer.direct.get(request.name.as_ref())) {
            // Whichever tool began it: the answers are the job's.
            (Some(job), _) => call::resume(&job, request, &caller).await.map_err(CallError::App),
            (None, Some(tool)) => tool.call(&caller, request).await,
            (None, None) if request.request_state.is_some() => Err(questions::bad_state()),
            (None, None) => self.compute(request, &caller).await,
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
        request: CallToolRequestParams,
        caller: &Caller<'_>,
    ) -> Result<CallToolResponse, CallError> {
        let (name, answers) = (request.name.as_ref(), request.input_responses.as_ref());
        let arguments = request.arguments.unwrap_or_default();
        if self.app.core.catalogue.get(name).is_err() {
            let hint = tools::suggest::did_you_mean(name, self.offer.tools.iter().map(|tool| tool.name.as_ref()));
            let message = format!("there is no tool called {name:?}{hint}");
            return Err(AppError::new(ErrorKind::UnknownTool, message).into());
        }
        if let Some(wanted) = ask::before_large(name, &arguments, answers, caller).await? {
            return Ok(wanted.into());
        }
        let request = call::Request { tool: name.to_owned(), arguments, always_a_task: false };
        Ok(call::run(request, caller).await?)
    }
}

/// Whether a request stands for itself, as from 2026-07-28 on: no session remembers what was said before.
pub(super) fn is_sessionless(context: &RequestContext<RoleServer>) -> bool {
    context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28)
}

fn is_for_the_caller(error: &AppError) -> bool {
    !matches!(error.kind, ErrorKind::Unauthorized | ErrorKind::Forbidden | ErrorKind::UnknownTool | ErrorKind::Internal)
}

/// Who calls. Put into the request by the door, or by a transport that has one caller alone; without it nothing is answered.
pub(super) fn principal(extensions: &Extensions) -> Result<Principal, AppError> {
    let principal = extensions.get::<Principal>().or_else(|| carried(extensions)).cloned();
    principal.ok_or_else(|| AppError::new(ErrorKind::Unauthorized, "this request brought no API key"))
}

/// What the door gave a request on its way.
pub(super) fn carried<T: Send + Sync + 'static>(extensions: &Extensions) -> Option<&T> {
    extensions.get::<http::request::Parts>()?.extensions.get::<T>()
}
