//! What is remembered of one conversation between its requests.
//!
//! A session's is kept with the session, since rmcp's half of it comes and goes; where there is none, with the handler.

use actix::Addr;
use actors::model::Owner;
use actors::{CoreError, OpenSession, Session};
use tokio::sync::OnceCell;

use super::calls::Calls;
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
