//! What a session of 2025-11-25 or older hears: of lists always, of resources that it subscribed to. On its own stream.
//!
//! Nothing waits for news here: whoever brings them has a short task say them.

use std::sync::{Arc, OnceLock};

use actors::model::Owner;
use rmcp::model::{
    PromptListChangedNotification, ResourceListChangedNotification, ResourceUpdatedNotification,
    ResourceUpdatedNotificationParam, ServerNotification, ToolListChangedNotification,
};
use tokio::runtime::Handle;

use super::{MOST_URIS, too_many, watch};
use crate::changes::{Changes, Lists, News, Ring, Subscription};
use crate::mcp::handler::Handler;
use crate::mcp::memory::Ear;
use crate::mcp::resources;
use crate::mcp::surface::CallError;

/// One session's place among the subscribers; taken when it says that it is ready, gone with the session.
#[derive(Default)]
pub(in crate::mcp) struct Legacy(OnceLock<Subscription>);

impl Legacy {
    /// Begins to tell `ear` of `owner`'s changes.
    pub(in crate::mcp) fn begin(&self, changes: &Changes, owner: &Owner, ear: impl FnOnce() -> Ear) -> &Subscription {
        self.0.get_or_init(|| changes.subscribe(owner, Lists::ALL, ring(ear())))
    }

    /// `resources/subscribe`.
    ///
    /// # Errors
    /// An address that no resource can have, too many of them, a store that does not answer.
    pub(in crate::mcp) async fn subscribe(
        &self,
        handler: &Handler,
        owner: &Owner,
        ear: impl FnOnce() -> Ear,
        uri: &str,
    ) -> Result<(), CallError> {
        let subscription = self.begin(&handler.app.changes, owner, ear);
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

fn ring(ear: Ear) -> Ring {
    let (runtime, ear) = (Handle::current(), Arc::new(ear)); // who brings news may stand outside of any
    Ring::Call(Box::new(move |subscriber| {
        let (ear, subscriber) = (Arc::clone(&ear), Arc::clone(subscriber));
        runtime.spawn(async move { send(&ear, subscriber.take()).await });
    }))
}

async fn send(ear: &Ear, news: News) {
    if news.lists.tools {
        ear.say(ServerNotification::ToolListChangedNotification(ToolListChangedNotification::default())).await;
    }
    if news.lists.prompts {
        ear.say(ServerNotification::PromptListChangedNotification(PromptListChangedNotification::default())).await;
    }
    if news.lists.resources {
        ear.say(ServerNotification::ResourceListChangedNotification(ResourceListChangedNotification::default())).await;
    }
    for uri in news.updated {
        let update = ResourceUpdatedNotification::new(ResourceUpdatedNotificationParam::new(uri));
        ear.say(ServerNotification::ResourceUpdatedNotification(update)).await;
    }
}
