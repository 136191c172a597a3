//! `subscriptions/listen`: one stream on which a client of 2026-07-28 hears of what it asked for, until either side ends it.
//!
//! rmcp sends the acknowledgement before it comes here, and puts the subscription's id on every frame and on the final result.
//! A stream that stands still holds its request, its place among the subscribers and nothing else: no task, no timer.

use actors::model::Owner;
use futures_util::stream::{self, StreamExt as _};
use rmcp::ErrorData;
use rmcp::model::SubscriptionFilter;
use rmcp::service::SubscriptionContext;
use tokio::sync::Notify;

use super::{MOST_URIS, too_many, watch, words};
use crate::changes::{Lists, Ring, Subscription};
use crate::mcp::handler::{Handler, principal};
use crate::mcp::offer::Offer;
use crate::mcp::resources;

const LOOKS_AT_ONCE: usize = 8;

/// What of a request is granted: every list, and the resources whose addresses can be any. All of them or none: with too many
/// the stream says so and ends.
pub(in crate::mcp) fn accepted(offer: &Offer, requested: &SubscriptionFilter) -> SubscriptionFilter {
    let mut accepted = requested.clone();
    let is_fine = |uri: &String| resources::canonical(&offer.surface, uri).is_some();
    let uris = accepted.resource_subscriptions.take().filter(|uris| uris.len() <= MOST_URIS);
    accepted.resource_subscriptions = uris.map(|uris| uris.into_iter().filter(is_fine).collect());
    accepted
}

/// Tells one client of changes until it goes, or the server does: then by a result.
///
/// # Errors
/// Too many resources.
pub(in crate::mcp) async fn listen(handler: &Handler, context: SubscriptionContext) -> Result<(), ErrorData> {
    let principal = principal(&context.request_context().extensions)?;
    if context.requested().resource_subscriptions.as_ref().is_some_and(|uris| uris.len() > MOST_URIS) {
        return Err(too_many().into());
    }
    let subscription = Box::pin(subscribe(handler, &principal.owner, context.accepted())).await;
    let (subscriber, ended) = (subscription.subscriber(), &handler.app.shutdown);
    loop {
        // Another source of news is another arm here.
        let news = tokio::select! {
            biased;
            () = ended.cancelled() => return Ok(()),
            () = context.cancelled() => return Ok(()),
            news = subscriber.next() => news,
        };
        for word in words(news) {
            if context.sink().send(word).await.is_err() {
                return Ok(()); // the reader has gone
            }
        }
    }
}

pub(super) async fn subscribe(handler: &Handler, owner: &Owner, accepted: &SubscriptionFilter) -> Subscription {
    let lists = Lists {
        tools: accepted.tools_list_changed == Some(true),
        prompts: accepted.prompts_list_changed == Some(true),
        resources: accepted.resources_list_changed == Some(true),
    };
    let subscription = handler.app.changes.subscribe(owner, lists, Ring::Bell(Notify::new()));
    let uris = accepted.resource_subscriptions.iter().flatten();
    let watched = stream::iter(uris).for_each_concurrent(LOOKS_AT_ONCE, async |uri: &String| {
        if let Err(error) = watch(&handler.app, &handler.offer.surface, &subscription, owner, uri).await {
            tracing::debug!(?error, "no first look at what is watched");
        }
    });
    watched.await;
    subscription
}
