//! What rmcp asks of whoever keeps its sessions.
//!
//! Every question comes within a request and is answered for that request's principal alone: to anybody else the session
//! does not exist (I5).

use std::sync::Arc;
use std::time::Duration;

use actors::CoreError;
use actors::model::SessionId;
use async_trait::async_trait;
use futures_util::future::Either;
use futures_util::{Stream, stream};
use rmcp::model::{
    CallToolRequestParams, ClientJsonRpcMessage, ClientNotification, ClientRequest, GetMeta as _, JsonRpcMessage,
    JsonRpcRequest, RequestId, ServerJsonRpcMessage,
};
use rmcp::transport::streamable_http_server::SessionManager;
use rmcp::transport::streamable_http_server::session::{
    RestoreOutcome, ServerSseMessage, SessionState, SessionStore, SessionStoreError,
};

use super::event_id::{Does, EventId, Topic};
use super::live::{Conversation, Live, Speaker};
use super::outlet::{Hears, Listening};
use super::transport::SessionTransport;
use super::{SessionError, Sessions, resume, scope};
use crate::mcp::service;
use crate::wait;

/// What rmcp calls a session by.
type Name = rmcp::transport::streamable_http_server::SessionId;

impl SessionManager for Sessions {
    type Error = SessionError;
    type Transport = SessionTransport;

    async fn create_session(&self) -> Result<(Name, Self::Transport), SessionError> {
        let id = SessionId::random();
        let transport = self.open(id.clone()).await?;
        Ok((id.as_str().into(), transport))
    }

    async fn initialize_session(
        &self,
        id: &Name,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, SessionError> {
        let live = self.live(id)?;
        if let JsonRpcMessage::Request(request) = &message
            && let ClientRequest::InitializeRequest(initialize) = &request.request
        {
            *live.initialize.lock() = Some(initialize.params.clone());
        }
        live.initialize(message).await.inspect_err(SessionError::report)
    }

    async fn has_session(&self, id: &Name) -> Result<bool, SessionError> {
        match self.here(id) {
            Some(live) => Ok(self.is_there(&live).await? && live.use_half()),
            None => Ok(false),
        }
    }

    async fn close_session(&self, id: &Name) -> Result<(), SessionError> {
        match scope::owner() {
            Some(owner) => self.close(&owner, id).await.inspect_err(SessionError::report),
            None => Ok(()), // rmcp's half has ended; the session goes on without
        }
    }

    async fn create_stream(
        &self,
        id: &Name,
        mut message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionError> {
        let live = self.live(id)?;
        let JsonRpcMessage::Request(request) = &message else { return Ok(Either::Right(stream::empty())) };
        let request_id = request.id.clone();
        let speaker = match live.begin(&request_id, self.topic(request), true) {
            Ok(speaker) => speaker,
            Err(refused) => return Ok(Either::Left(live.refuse(resume::refusal(refused, &request_id)))),
        };
        let listening = live.listen(&speaker, None);
        message.insert_extension(Conversation(Arc::clone(&live)));
        message.insert_extension(live.ticket(&request_id, &speaker));
        let mut unsent = Unsent { live: &live, request: Some(&request_id) };
        live.hand_over(message).await.inspect_err(SessionError::report)?;
        unsent.request = None;
        Ok(Either::Left(listening))
    }

    async fn accept_message(&self, id: &Name, mut message: ClientJsonRpcMessage) -> Result<(), SessionError> {
        let live = self.live(id)?;
        if matches!(message, JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_)) {
            return live.answer(message).await;
        }
        let cancelled = cancelled_by(&message);
        message.insert_extension(Conversation(Arc::clone(&live)));
        live.hand_over(message).await.inspect_err(SessionError::report)?;
        if let Some(request) = cancelled {
            live.forget(&request);
        }
        Ok(())
    }

    async fn create_standalone_stream(
        &self,
        id: &Name,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionError> {
        Ok(self.live(id)?.listen_to_own(None))
    }

    async fn resume(
        &self,
        id: &Name,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionError> {
        let live = self.live(id)?;
        // An error would be logged, and have clients come with the same id for ever.
        let Some(event) = EventId::open(&last_event_id, &self.app.links, &live.id) else {
            return Ok(Either::Right(stream::empty()));
        };
        let Topic::Request { id, .. } = &event.topic else {
            return Ok(Either::Left(live.listen_to_own(Some(&event))));
        };
        if let Some(speaker) = live.speaker(id) {
            let listening = live.listen(&speaker, Some(&event));
            if speaker.outlet.ended().is_none() {
                // A client may know no more than what this connection says, should it be lost as well.
                live.say_retry(&speaker);
            }
            return Ok(Either::Left(listening));
        }
        let Ok(speaker) = live.begin(id, event.topic.clone(), false) else { return Ok(Either::Right(stream::empty())) };
        let listening = live.listen(&speaker, Some(&event));
        tokio::spawn(Arc::clone(&live).take_up(speaker, event));
        Ok(Either::Left(listening))
    }

    async fn restore_session(&self, id: Name) -> Result<RestoreOutcome<Self::Transport>, SessionError> {
        match id.parse() {
            Ok(id) => Ok(RestoreOutcome::Restored(self.open(id).await?)),
            Err(_) => Ok(RestoreOutcome::NotSupported),
        }
    }
}

impl Sessions {
    /// What the answer to `request` is about.
    fn topic(&self, request: &JsonRpcRequest<ClientRequest>) -> Topic {
        let token = request.request.get_meta().get_progress_token();
        let does = match &request.request {
            ClientRequest::CallToolRequest(call) => self.does(&call.params),
            _ => Does::Other,
        };
        Topic::Request { id: request.id.clone(), token, does }
    }

    fn does(&self, call: &CallToolRequestParams) -> Does {
        let argument = |name| call.arguments.as_ref()?.get(name);
        let seconds = argument("wait_seconds").and_then(serde_json::Value::as_u64);
        let budget =
            seconds.map_or(self.app.config.wait, |seconds| Duration::from_secs(seconds.min(wait::MOST_SECONDS)));
        let until = (self.app.core.ports.clock.now() + budget).unix_timestamp();
        let waited_for = argument("job_id").and_then(serde_json::Value::as_str).and_then(|job| job.parse().ok());
        match waited_for.filter(|_| call.name == service::WAIT) {
            Some(job) => Does::Wait(job, until),
            None if self.app.core.catalogue.get(&call.name).is_ok() => Does::Compute(until),
            None => Does::Call(until),
        }
    }
}

impl Live {
    /// A stream that says one thing and ends.
    fn refuse(self: &Arc<Self>, message: ServerJsonRpcMessage) -> Listening {
        let speaker = Speaker::new(Topic::Session, Hears::Newest, false);
        let listening = self.listen(&speaker, None);
        speaker.outlet.say(message);
        speaker.outlet.end(self.app.core.ports.clock.now());
        listening
    }

    /// A connection to the session's own stream.
    fn listen_to_own(self: &Arc<Self>, event: Option<&EventId>) -> Listening {
        let own = self.own();
        let listening = self.listen(&own, event);
        self.say_retry(&own);
        self.wishes_matter();
        listening
    }
}

/// A request that has a stream and is on its way to who answers it. Dropped on the way, it takes its stream along.
struct Unsent<'a> {
    live: &'a Live,
    request: Option<&'a RequestId>,
}

impl Drop for Unsent<'_> {
    fn drop(&mut self) {
        if let Some(request) = self.request {
            self.live.forget(request);
        }
    }
}

/// The request that a message takes back.
fn cancelled_by(message: &ClientJsonRpcMessage) -> Option<RequestId> {
    let JsonRpcMessage::Notification(note) = message else { return None };
    let ClientNotification::CancelledNotification(cancelled) = &note.notification else { return None };
    cancelled.params.request_id.clone()
}

/// A fault of the store's, told in the log.
fn reported(error: CoreError) -> SessionStoreError {
    let error = SessionError::from(error);
    error.report();
    error.into()
}

/// A session that this replica does not have is taken up from what the store keeps of it.
#[async_trait]
impl SessionStore for Sessions {
    async fn load(&self, id: &str) -> Result<Option<SessionState>, SessionStoreError> {
        self.load_state(id).await.map_err(reported)
    }

    async fn store(&self, id: &str, state: &SessionState) -> Result<(), SessionStoreError> {
        self.save_state(id, state).await.map_err(reported)
    }

    async fn delete(&self, id: &str) -> Result<(), SessionStoreError> {
        self.remove_state(id).await.map_err(reported)
    }
}
