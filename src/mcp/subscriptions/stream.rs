//! `subscriptions/listen` over HTTP, answered past rmcp: its service holds four times as much for every stream on which nothing
//! happens, and acknowledges before anybody listens.
//!
//! Only what is right in every way is answered here. The rest goes on to rmcp, which knows how each thing is refused; so do the
//! listeners that name tasks.

use std::convert::Infallible;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header::{ACCEPT, CONTENT_TYPE, HeaderMap};
use actors::model::Owner;
use bytes::Bytes;
use futures_util::stream::{self, Stream};
use rmcp::ServerHandler as _;
use rmcp::model::{
    ClientJsonRpcMessage, ClientRequest, GetMeta as _, JsonRpcMessage, ProtocolVersion, RequestId,
    ServerJsonRpcMessage, ServerNotification, ServerResult, SubscriptionFilter, SubscriptionsAcknowledgedNotification,
    SubscriptionsAcknowledgedNotificationParams, SubscriptionsListenResult,
};

use super::listen::{accepted, subscribe};
use super::{MOST_URIS, words};
use crate::app::App;
use crate::changes::Subscription;
use crate::event_stream;
use crate::mcp::KEEP_ALIVE;
use crate::mcp::handler::Handler;

/// The method of who wants to listen.
pub(in crate::mcp) const LISTEN: &str = "subscriptions/listen";

/// The stream that the request begins; nothing where that is to be refused.
pub(in crate::mcp) async fn over_http(
    handler: &Handler,
    owner: &Owner,
    headers: &HeaderMap,
    body: &[u8],
) -> Option<HttpResponse> {
    if !are_right(headers) {
        return None;
    }
    let (id, requested) = request(body)?;
    let accepted = requested.intersection(&accepted(&handler.offer, &requested));
    let subscription = Box::pin(subscribe(handler, owner, &accepted)).await;
    let listener = Listener { app: Arc::clone(&handler.app), id, subscription, turn: Turn::Acknowledge(accepted) };
    Some(event_stream::response().streaming(listener.events(handler)))
}

/// Whether the headers say what the body does, in a way that the answer fits.
fn are_right(headers: &HeaderMap) -> bool {
    let says = |name: &str, value: &str| headers.get(name).is_some_and(|said| said.as_bytes() == value.as_bytes());
    let takes = |kind: &str| {
        let all = headers.get_all(ACCEPT).filter_map(|accept| accept.to_str().ok());
        all.flat_map(|accept| accept.split(',')).any(|accept| accept.trim() == kind)
    };
    says("mcp-method", LISTEN)
        && says("mcp-protocol-version", ProtocolVersion::V_2026_07_28.as_str())
        && says(CONTENT_TYPE.as_str(), "application/json")
        && takes("application/json")
        && takes("text/event-stream")
}

/// What the body asks for, if it is a whole request of 2026-07-28.
fn request(body: &[u8]) -> Option<(RequestId, SubscriptionFilter)> {
    let JsonRpcMessage::Request(request) = serde_json::from_slice::<ClientJsonRpcMessage>(body).ok()? else {
        return None;
    };
    let newest = ProtocolVersion::V_2026_07_28;
    let meta = request.request.get_meta();
    let is_whole = meta.protocol_version().as_ref() == Some(&newest) && meta.missing_required_keys(&newest).is_empty();
    let ClientRequest::SubscriptionsListenRequest(listen) = request.request else { return None };
    let requested = listen.params.notifications;
    let fits = requested.resource_subscriptions.as_ref().is_none_or(|uris| uris.len() <= MOST_URIS);
    (is_whole && fits).then_some((request.id, requested))
}

/// One who listens, over one connection.
struct Listener {
    app: Arc<App>,
    id: RequestId,
    subscription: Subscription,
    turn: Turn,
}

/// What comes next.
enum Turn {
    Acknowledge(SubscriptionFilter),
    Listen,
    End,
}

impl Listener {
    fn events(self, handler: &Handler) -> impl Stream<Item = Result<Bytes, Infallible>> + use<> {
        let own = handler.get_info().server_info;
        stream::unfold(Some((self, own)), |state| async move {
            let (mut listener, own) = state?;
            let bytes = match std::mem::replace(&mut listener.turn, Turn::Listen) {
                Turn::Acknowledge(accepted) => listener.frame(acknowledgement(accepted)),
                Turn::Listen => listener.next().await?,
                Turn::End => {
                    let mut result = SubscriptionsListenResult::complete(listener.id.clone());
                    result.meta.set_server_info(own);
                    let result = ServerResult::SubscriptionsListenResult(result);
                    let last = event(&ServerJsonRpcMessage::response(result, listener.id));
                    return Some((Ok(last), None));
                }
            };
            Some((Ok(bytes), Some((listener, own))))
        })
    }

    /// What there is to say; a comment after a while without.
    async fn next(&mut self) -> Option<Bytes> {
        tokio::select! {
            biased;
            () = self.app.shutdown.cancelled() => {
                self.turn = Turn::End;
                Some(event_stream::ALIVE)
            }
            news = self.subscription.subscriber().next() => {
                let frames: Vec<Bytes> = words(news).into_iter().map(|word| self.frame(word)).collect();
                Some(frames.concat().into())
            }
            () = self.app.core.ports.clock.sleep(KEEP_ALIVE) => Some(event_stream::ALIVE),
        }
    }

    /// A notification as an event of this subscription.
    fn frame(&self, mut word: ServerNotification) -> Bytes {
        word.get_meta_mut().set_subscription_id(self.id.clone());
        event(&ServerJsonRpcMessage::notification(word))
    }
}

fn acknowledgement(accepted: SubscriptionFilter) -> ServerNotification {
    let params = SubscriptionsAcknowledgedNotificationParams::new(accepted);
    ServerNotification::SubscriptionsAcknowledgedNotification(SubscriptionsAcknowledgedNotification::new(params))
}

fn event(message: &ServerJsonRpcMessage) -> Bytes {
    let text = serde_json::to_string(message).expect("messages are JSON");
    Bytes::from(format!("data: {text}\n\n"))
}
