//! What a session of 2025-11-25 or older hears: of lists always, of resources that it subscribed to. On its own stream.
//!
//! Nothing waits for news here: whoever brings them says them. A session that several replicas have is told by the one that its
//! client listens to, which for that looks at the session's wishes as it does at resources.

use std::sync::{Arc, OnceLock};

use actors::model::{Owner, SessionId};
use futures_util::stream::{self, StreamExt as _};
use parking_lot::Mutex;
use rmcp::RoleServer;
use rmcp::model::{Extensions, ServerNotification};
use rmcp::service::Peer;
use rmcp::transport::streamable_http_server::SessionRestoreMarker;
use tokio::runtime::Handle;

use super::wishes::{Wish, Wishes};
use super::{MOST_URIS, too_many, watch, words};
use crate::app::App;
use crate::changes::{Changes, Lists, News, Ring, Subscription, Version};
use crate::error::AppError;
use crate::mcp::offer::Offer;
use crate::mcp::resources;
use crate::mcp::sessions::Conversation;
use crate::mcp::surface::CallError;

const LOOKS_AT_ONCE: usize = 8;
/// Begins the address under which a session's wishes are looked at. No client can name one.
pub(super) const WISHES: &str = "session:";

/// A session's place among the subscribers, and its wishes as far as this replica knows. It goes with the session.
#[derive(Default)]
pub(in crate::mcp) struct Place {
    subscription: OnceLock<Subscription>,
    wishes: Mutex<Option<Wishes>>,
}

impl Place {
    /// A client listens here: the session's wishes, which other replicas may change, are looked at now and from here on.
    pub(in crate::mcp) fn heard(&self, changes: &Changes, owner: &Owner, session: &SessionId) {
        if let Some(subscription) = self.subscription.get() {
            let uri = wishes_uri(session);
            subscription.watch(&uri, &uri);
            changes.resource(owner, &uri, Version::Unknown);
        }
    }

    /// Ends the looks at the wishes of a session that nobody listens to here.
    pub(in crate::mcp) fn not_heard(&self, session: &SessionId) {
        if let Some(subscription) = self.subscription.get() {
            let uri = wishes_uri(session);
            subscription.forget(&uri, &uri);
        }
    }
}

fn wishes_uri(session: &SessionId) -> String {
    format!("{WISHES}{session}")
}

/// How a session is spoken to.
#[derive(Clone)]
pub(in crate::mcp) enum Voice {
    /// It outlives its connections, and its wishes are in the store.
    Session(Conversation),
    /// It is one connection, and lives no longer.
    Connection(Peer<RoleServer>, Arc<Place>),
}

/// A session that is told of changes.
#[derive(Clone)]
pub(in crate::mcp) struct Legacy {
    pub(in crate::mcp) app: Arc<App>,
    pub(in crate::mcp) offer: Arc<Offer>,
    pub(in crate::mcp) owner: Owner,
    pub(in crate::mcp) voice: Voice,
}

impl Legacy {
    fn place(&self) -> &Place {
        match &self.voice {
            Voice::Session(conversation) => conversation.place(),
            Voice::Connection(_, place) => place,
        }
    }

    fn subscription(&self) -> &Subscription {
        let subscribe = || self.app.changes.subscribe(&self.owner, Lists::ALL, self.ring());
        self.place().subscription.get_or_init(subscribe)
    }

    /// The session is ready to hear: a new one, or one that was taken up here.
    pub(in crate::mcp) async fn ready(&self, extensions: &Extensions) {
        self.subscription();
        let is_new = extensions.get::<SessionRestoreMarker>().is_none();
        let known = {
            let mut wishes = self.place().wishes.lock();
            if is_new {
                wishes.get_or_insert_default();
            }
            wishes.is_some()
        };
        if !known || self.is_heard_of_several() {
            self.look_again().await;
        }
    }

    /// Whether others may change the wishes of a session that is listened to here.
    fn is_heard_of_several(&self) -> bool {
        match &self.voice {
            Voice::Session(conversation) => conversation.is_heard() && !self.app.core.config.exclusive,
            Voice::Connection(..) => false,
        }
    }

    /// Does what the session's wishes are now.
    pub(in crate::mcp) async fn look_again(&self) {
        let Voice::Session(conversation) = &self.voice else { return };
        let (sessions, id, subscription) = (&self.app.core.sessions, conversation.id(), self.subscription());
        if self.is_heard_of_several() {
            let uri = wishes_uri(id);
            subscription.watch(&uri, &uri);
            // Seen before they are read: what changes in between is seen again.
            if let Ok(version) = sessions.wishes_version(&self.owner, id).await {
                subscription.looked(&uri, version.into());
            }
        }
        match sessions.wishes(&self.owner, id).await {
            Ok(kept) => self.follow(Wishes::read(kept.as_deref())).await,
            Err(error) => tracing::debug!(%error, "a session's wishes are not known yet"),
        }
    }

    /// What the client asked for, also by way of other replicas.
    pub(in crate::mcp) async fn wishes(&self) -> Wishes {
        if let Voice::Session(conversation) = &self.voice
            && !self.app.core.config.exclusive
            && let Ok(kept) = self.app.core.sessions.wishes(&self.owner, conversation.id()).await
        {
            return Wishes::read(kept.as_deref());
        }
        self.place().wishes.lock().clone().unwrap_or_default()
    }

    /// `resources/subscribe`.
    ///
    /// # Errors
    /// An address that no resource can have, too many of them, a store that does not answer.
    pub(in crate::mcp) async fn subscribe(&self, uri: &str) -> Result<(), CallError> {
        let surface = &self.offer.surface;
        let canonical = resources::canonical(surface, uri).ok_or_else(|| resources::unknown(uri))?;
        let version = resources::version(surface, &self.app, &self.owner, &canonical).await?;
        let wish = Wish { uri: uri.to_owned(), version };
        let add = |wishes: &mut Wishes| {
            if wishes.has(uri) {
                return Ok(());
            }
            if wishes.resources.len() >= MOST_URIS {
                return Err(too_many());
            }
            wishes.resources.push(wish.clone());
            Ok(())
        };
        self.change(add).await
    }

    /// `resources/unsubscribe`. What was not subscribed to is so afterwards too.
    ///
    /// # Errors
    /// A store that does not answer.
    pub(in crate::mcp) async fn unsubscribe(&self, uri: &str) -> Result<(), CallError> {
        self.change(|wishes| {
            wishes.resources.retain(|wish| wish.uri != uri);
            Ok(())
        })
        .await
    }

    /// Changes the wishes for all replicas, and does what they are then.
    ///
    /// # Errors
    /// A store that does not answer; what `change` fails with.
    pub(in crate::mcp) async fn change(
        &self,
        change: impl Fn(&mut Wishes) -> Result<(), AppError> + Send + Sync,
    ) -> Result<(), CallError> {
        let wishes = match &self.voice {
            Voice::Connection(..) => {
                let mut wishes = self.place().wishes.lock().clone().unwrap_or_default();
                change(&mut wishes)?;
                wishes
            }
            Voice::Session(conversation) => {
                let change = |kept: Option<&[u8]>| {
                    let mut wishes = Wishes::read(kept);
                    change(&mut wishes)?;
                    Ok::<_, AppError>(wishes.write())
                };
                let (kept, _) = self.app.core.sessions.change_wishes(&self.owner, conversation.id(), change).await?;
                Wishes::read(Some(&kept))
            }
        };
        self.follow(wishes).await;
        Ok(())
    }

    /// Watches what the wishes name, and nothing more.
    async fn follow(&self, wishes: Wishes) {
        let subscription = self.subscription();
        let before = self.place().wishes.lock().replace(wishes.clone()).unwrap_or_default();
        for gone in before.resources.iter().filter(|wish| !wishes.has(&wish.uri)) {
            if let Some(canonical) = resources::canonical(&self.offer.surface, &gone.uri) {
                subscription.forget(&canonical, &gone.uri);
            }
        }
        let new = wishes.resources.iter().filter(|wish| !before.has(&wish.uri));
        let watched = stream::iter(new).for_each_concurrent(LOOKS_AT_ONCE, async |wish: &Wish| {
            match watch(&self.app, &self.offer.surface, subscription, &self.owner, &wish.uri).await {
                // It may have changed before this replica heard of the wish.
                Ok(version) if version != wish.version => subscription.subscriber().updated_as(&wish.uri),
                Ok(_) => {}
                Err(error) => tracing::debug!(?error, "no first look at what is watched"),
            }
        });
        watched.await;
    }

    /// What is called when there is news. It must not hold what it is held by.
    fn ring(&self) -> Ring {
        let runtime = Handle::current(); // who brings news may stand outside of any
        let Self { app, offer, owner, voice } = self.clone();
        match voice {
            Voice::Connection(peer, _) => Ring::Call(Box::new(move |subscriber| {
                let (peer, news) = (peer.clone(), subscriber.take());
                runtime.spawn(async move { send(&peer, news).await });
            })),
            Voice::Session(conversation) => {
                let session = conversation.downgrade();
                Ring::Call(Box::new(move |subscriber| {
                    let Some(conversation) = session.upgrade() else { return };
                    let mut news = subscriber.take();
                    if news.updated.remove(&wishes_uri(conversation.id())) {
                        let (app, offer, owner) = (Arc::clone(&app), Arc::clone(&offer), owner.clone());
                        let own = Self { app, offer, owner, voice: Voice::Session(conversation.clone()) };
                        runtime.spawn(async move { own.look_again().await });
                    }
                    for word in words(news) {
                        conversation.say(word);
                    }
                }))
            }
        }
    }
}

async fn send(peer: &Peer<RoleServer>, news: News) {
    for word in words(news) {
        let word: ServerNotification = word;
        if peer.send_notification(word).await.is_err() {
            return; // the session has ended, and its place goes with it
        }
    }
}
