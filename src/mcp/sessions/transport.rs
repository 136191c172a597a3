//! Between rmcp's half of a session, which speaks the protocol, and the session's streams.
//!
//! rmcp's own worker keeps several large queues for every session, also while nothing happens; this keeps one of pointers, and
//! each message goes straight to the stream that it belongs to.

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;

use rmcp::RoleServer;
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::Transport;
use time::OffsetDateTime;
use tokio::sync::{mpsc, oneshot};

use super::SessionError;
use super::live::Live;

/// How many messages of a client wait for the handler at most; more make the client's requests wait.
const WAITING: usize = 16;

/// The way to rmcp's half.
pub(super) struct Half {
    to_handler: mpsc::Sender<Box<ClientJsonRpcMessage>>,
    /// Brings the answer to `initialize`, which belongs to no stream.
    opening: Option<oneshot::Receiver<ServerJsonRpcMessage>>,
    /// Whether that came: before, nothing else may be asked.
    is_open: bool,
    /// When it was last asked for.
    pub(super) used: OffsetDateTime,
}

/// What rmcp's half hears and speaks through.
pub(in crate::mcp) struct SessionTransport {
    live: Arc<Live>,
    incoming: mpsc::Receiver<Box<ClientJsonRpcMessage>>,
    opening: Option<oneshot::Sender<ServerJsonRpcMessage>>,
}

impl Half {
    fn is_alive(&self) -> bool {
        self.is_open && !self.to_handler.is_closed()
    }
}

impl Live {
    /// A new half for the session, in place of the one before.
    pub(super) fn open_half(self: &Arc<Self>) -> SessionTransport {
        let (to_handler, incoming) = mpsc::channel(WAITING);
        let (answer, answered) = oneshot::channel();
        let half = Half { to_handler, opening: Some(answered), is_open: false, used: self.app.core.ports.clock.now() };
        *self.half.lock() = Some(half);
        SessionTransport { live: Arc::clone(self), incoming, opening: Some(answer) }
    }

    /// Whether there is a half, which is then kept for a while.
    pub(super) fn use_half(&self) -> bool {
        let mut half = self.half.lock();
        let alive = half.as_mut().filter(|half| half.is_alive());
        alive.map(|half| half.used = self.app.core.ports.clock.now()).is_some()
    }

    /// Hands a message to the handler.
    pub(super) async fn hand_over(&self, message: ClientJsonRpcMessage) -> Result<(), SessionError> {
        let to_handler = self.half.lock().as_ref().map(|half| half.to_handler.clone());
        let to_handler = to_handler.ok_or(SessionError::Unknown)?;
        to_handler.send(Box::new(message)).await.map_err(|_| SessionError::Unknown)
    }

    /// Hands `initialize` to the handler; gives its answer.
    pub(super) async fn initialize(&self, message: ClientJsonRpcMessage) -> Result<ServerJsonRpcMessage, SessionError> {
        let opening = self.half.lock().as_mut().and_then(|half| half.opening.take());
        self.hand_over(message).await?;
        let answer = opening.ok_or(SessionError::Unknown)?.await.map_err(|_| SessionError::Unknown)?;
        if let Some(half) = self.half.lock().as_mut() {
            half.is_open = true;
        }
        Ok(answer)
    }
}

impl Transport<RoleServer> for SessionTransport {
    type Error = Infallible;

    fn send(&mut self, message: ServerJsonRpcMessage) -> impl Future<Output = Result<(), Infallible>> + Send + 'static {
        match self.opening.take() {
            Some(opening) => drop(opening.send(message)), // who opened the session may have gone
            None => self.live.route(message),
        }
        ready(Ok(()))
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        self.incoming.recv().await.map(|message| *message)
    }

    async fn close(&mut self) -> Result<(), Infallible> {
        self.incoming.close();
        Ok(())
    }
}

/// The half is gone, and answers nothing any more.
impl Drop for SessionTransport {
    fn drop(&mut self) {
        if !self.live.app.hang_up.is_cancelled() {
            self.live.take_over();
        }
    }
}
