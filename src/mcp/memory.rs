//! What is remembered of one conversation between its requests.
//!
//! A session's is kept with the session, since rmcp's half of it comes and goes; where there is none, with the handler.

use actix::Addr;
use actors::model::Owner;
use actors::{CoreError, OpenSession, Session};
use rmcp::RoleServer;
use rmcp::model::{Extensions, ServerNotification};
use rmcp::service::Peer;
use tokio::sync::OnceCell;

use super::calls::Calls;
use super::logging::SessionLevel;
use super::sessions::{Conversation, Overheard};
use super::subscriptions::Legacy;
use crate::app::App;
use crate::auth::Principal;
use crate::error::AppError;

/// One conversation's memory.
#[derive(Default)]
pub(super) struct Memory {
    /// The actor behind a conversation that is no session, and whose it is: opened for the first one who asks.
    actor: OnceCell<(Owner, Addr<Session>)>,
    /// Which of its requests became which job.
    pub(super) calls: Calls,
    /// What it wants to be told of.
    pub(super) changes: Legacy,
    /// How grave notes must be to be told.
    pub(super) level: SessionLevel,
}

impl Memory {
    /// The actor, which belongs to one principal for good.
    ///
    /// # Errors
    /// `NotFound` for anyone else.
    pub(super) async fn actor(&self, app: &App, principal: &Principal) -> Result<Addr<Session>, AppError> {
        let open = || async {
            let owner = principal.owner.clone();
            let session = app.supervisor.send(OpenSession::with(owner.clone())).await.map_err(CoreError::from)?;
            Ok::<_, AppError>((owner, session))
        };
        let (owner, session) = self.actor.get_or_try_init(open).await?;
        if *owner == principal.owner {
            return Ok(session.clone());
        }
        Err(AppError::not_found("there is no such session; initialize a new one"))
    }

    /// The actor, if somebody asked for it.
    pub(super) fn opened_actor(&self) -> Option<Addr<Session>> {
        self.actor.get().map(|(_, session)| session.clone())
    }
}

/// Who hears what no request asked for.
pub(super) enum Ear {
    /// A session, whether its half is there or not.
    Session(Overheard),
    /// Whoever is at the other end.
    Peer(Peer<RoleServer>),
}

impl Ear {
    /// The one behind a request or notification with these `extensions`, that came from `peer`.
    pub(super) fn of(extensions: &Extensions, peer: &Peer<RoleServer>) -> Self {
        let session = extensions.get::<Conversation>().map(Conversation::overheard);
        session.map_or_else(|| Self::Peer(peer.clone()), Self::Session)
    }

    /// Says it. Who has gone hears nothing.
    pub(super) async fn say(&self, note: ServerNotification) {
        match self {
            Self::Session(session) => session.say(note),
            Self::Peer(peer) => drop(peer.send_notification(note).await),
        }
    }
}
