//! What a session of 2025-11-25 or older hears: of lists always, of resources that it subscribed to. On its own stream.
//!
//! Nothing waits for news here: whoever brings them has a short task say them.

use std::sync::{Arc, OnceLock};

use actors::model::Owner;
use rmcp::RoleServer;
use rmcp::model::ResourceUpdatedNotificationParam;
use rmcp::service::{Peer, ServiceError};
use tokio::runtime::Handle;

use super::{MOST_URIS, too_many, watch};
use crate::changes::{Changes, Lists, News, Ring, Subscription};
use crate::mcp::handler::Handler;
use crate::mcp::resources;
use crate::mcp::surface::CallError;

/// One session's place among the subscribers; taken when it says that it is ready, gone with the session.
#[derive(Default)]
pub(in crate::mcp) struct Legacy(OnceLock<Subscription>);

impl Legacy {
    /// Begins to tell `peer` of `owner`'s changes.
    pub(in crate::mcp) fn begin(&self, changes: &Changes, owner: &Owner, peer: &Peer<RoleServer>) -> &Subscription {
        self.0.get_or_init(|| changes.subscribe(owner, Lists::ALL, ring(peer.clone())))
    }

    /// `resources/subscribe`.
    ///
    /// # Errors
    /// An address that no resource can have, too many of them, a store that does not answer.
    pub(in crate::mcp) async fn subscribe(
        &self,
        handler: &Handler,
        owner: &Owner,
        peer: &Peer<RoleServer>,
        uri: &str,
    ) -> Result<(), CallError> {
        let subscription = self.begin(&handler.app.changes, owner, peer);
        if subscription.subscriber().names() >= MOST_URIS && !subscription.subscriber().knows(uri) {
            return Err(too_many().into());
        }
        let watched = watch(handler, subscription, owner, uri).await;
        if watched.is_err() {
            self.unsubscribe(handler, uri);
        }
        watched
    }

    /// `resources/unsubscribe`. What was not subscribed to is so afterwards too.
    pub(in crate::mcp) fn unsubscribe(&self, handler: &Handler, uri: &str) {
        let canonical = resources::canonical(&handler.offer.surface, uri);
        if let (Some(subscription), Some(canonical)) = (self.0.get(), canonical) {
            subscription.forget(&canonical, uri);
        }
    }
}

fn ring(peer: Peer<RoleServer>) -> Ring {
    let runtime = Handle::current(); // who brings news may stand outside of any
    Ring::Call(Box::new(move |subscriber| {
        let (peer, subscriber) = (peer.clone(), Arc::clone(subscriber));
        runtime.spawn(async move {
            // A session that has ended hears nothing, and its place goes with it.
            let _ = send(&peer, subscriber.take()).await;
        });
    }))
}

async fn send(peer: &Peer<RoleServer>, news: News) -> Result<(), ServiceError> {
    if news.lists.tools {
        peer.notify_tool_list_changed().await?;
    }
    if news.lists.prompts {
        peer.notify_prompt_list_changed().await?;
    }
    if news.lists.resources {
        peer.notify_resource_list_changed().await?;
    }
    for uri in news.updated {
        peer.notify_resource_updated(ResourceUpdatedNotificationParam::new(uri)).await?;
    }
    Ok(())
}
