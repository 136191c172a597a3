//! A conversation over a transport of its own, which belongs to one principal from its first word to its last.
//!
//! Standard streams ([`pipe`](super::pipe)) and the old HTTP+SSE transport ([`sse`](super::sse)) are served like this. The end
//! of such a conversation cancels no job in an era of sessions: only a cancel by name does.

use std::sync::Arc;

use rmcp::model::{ClientJsonRpcMessage, GetExtensions as _, ServerJsonRpcMessage};
use rmcp::transport::{IntoTransport, Transport};
use rmcp::{RoleServer, serve_server};
use tokio_util::sync::CancellationToken;

use super::handler::Handler;
use super::offer::Offer;
use crate::app::App;
use crate::auth::Principal;

/// Begins conversations.
#[derive(Clone)]
pub(super) struct Talks {
    pub(super) app: Arc<App>,
    pub(super) offer: Arc<Offer>,
}

impl Talks {
    /// Answers one conversation's, or one request's, messages.
    pub(super) fn handler(&self) -> Handler {
        Handler::new(Arc::clone(&self.app), Arc::clone(&self.offer))
    }

    /// Serves `principal` over `transport` until it ends, `end` says so or the server hangs up.
    pub(super) async fn serve<T, E, A>(&self, principal: Principal, transport: T, end: &CancellationToken)
    where
        T: IntoTransport<RoleServer, E, A>,
        E: std::error::Error + Send + Sync + 'static,
    {
        let handler = self.handler();
        let transport = Owned { inner: transport.into_transport(), principal, begun: false };
        // rmcp cancels what it is given when it ends, so it is given a token of its own.
        let begun = tokio::select! {
            begun = serve_server(handler, transport) => begun,
            () = end.cancelled() => return,
            () = self.app.hang_up.cancelled() => return,
        };
        let service = match begun {
            Ok(service) => service,
            Err(error) => return tracing::debug!(%error, "a conversation did not begin"),
        };
        let over = service.cancellation_token();
        let ended = service.waiting();
        tokio::pin!(ended);
        tokio::select! {
            _ = &mut ended => return,
            () = end.cancelled() => {}
            () = self.app.hang_up.cancelled() => {}
        }
        over.cancel();
        // What is answered already still goes out.
        let _ = ended.await;
    }
}

/// A transport all of whose messages come from one principal.
struct Owned<T> {
    inner: T,
    principal: Principal,
    /// Whether something was asked. What is said before means nothing, and rmcp would end the conversation over it.
    begun: bool,
}

impl<T: Transport<RoleServer>> Transport<RoleServer> for Owned<T> {
    type Error = T::Error;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        self.inner.send(message)
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            let mut message = self.inner.receive().await?;
            match &mut message {
                ClientJsonRpcMessage::Request(asked) => {
                    self.begun = true;
                    asked.request.extensions_mut().insert(self.principal.clone());
                }
                ClientJsonRpcMessage::Notification(told) => {
                    told.notification.extensions_mut().insert(self.principal.clone());
                }
                ClientJsonRpcMessage::Response(_) | ClientJsonRpcMessage::Error(_) => {}
            }
            if self.begun {
                return Some(message);
            }
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.inner.close().await
    }
}
