//! Sessions of protocol 2025-11-25 and older, which any replica can take up.
//!
//! ```text
//! a request ── scope (whose it is) ── rmcp's service ── manager ── live ── rmcp's half of the session ── handler
//!                                                                   │
//!                                     connections ── outlet ◄───────┘  or resume: from the job's record
//! ```
//!
//! | to find | look in |
//! |---|---|
//! | what rmcp asks for | [`manager`] |
//! | whose request it is, and errors that rmcp has no words for | [`scope`] |
//! | one session: its actor, its streams | [`live`] |
//! | between rmcp's half and the streams | [`transport`] |
//! | one stream, whichever connection listens | [`outlet`] |
//! | what an event's id holds | [`event_id`] |
//! | an answer that another replica was giving | [`resume`] |
//! | what the server asks the client | [`questions`] |
//!
//! Every session is in the store, under its owner. What is here can go at any time, and does when it is idle or too many.

mod event_id;
mod live;
mod manager;
mod outlet;
mod questions;
mod resume;
mod scope;
mod transport;

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use actors::model::{Owner, SessionId};
use actors::ports::StoreErrorKind;
use actors::{Activity, CoreError, IdleEnd, OpenSession};
use parking_lot::Mutex;
use rmcp::transport::streamable_http_server::session::SessionState;

use crate::app::App;
use crate::error::{AppError, ErrorKind};
use live::Live;
pub(super) use live::{Conversation, Ticket};
pub(super) use scope::answer_for;
use transport::SessionTransport;

/// How long a session stays here that nobody uses. It is taken up again from the store when somebody does.
const IDLE: Duration = Duration::from_mins(30);

/// How long rmcp's half of a session stays that nobody asks: it is most of what a session costs, and made anew at once.
const REST: Duration = Duration::from_secs(1);

/// The sessions that this replica has.
pub(super) struct Sessions {
    app: Arc<App>,
    own: Weak<Self>,
    live: Mutex<HashMap<String, Arc<Live>>>,
}

/// Why a session does not do what it is asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionError {
    /// There is none of that name, or it is another principal's.
    #[error("there is no such session; initialize a new one")]
    Unknown,
    #[error("{0}")]
    App(AppError),
}

impl From<CoreError> for SessionError {
    fn from(error: CoreError) -> Self {
        Self::App(error.into())
    }
}

impl SessionError {
    /// Has the request answered with this error as every front door puts it.
    fn report(&self) {
        match self {
            Self::Unknown => scope::report(AppError::not_found(Self::Unknown.to_string())),
            Self::App(error) => scope::report(error.clone()),
        }
    }
}

impl Sessions {
    pub(super) fn new(app: Arc<App>) -> Arc<Self> {
        let sessions = Arc::new_cyclic(|own| Self { app, own: own.clone(), live: Mutex::default() });
        tokio::spawn(let_rest(Arc::downgrade(&sessions), Arc::clone(&sessions.app)));
        sessions
    }

    /// A new session of the request's principal, or one that is taken up, with a new half.
    async fn open(&self, id: SessionId) -> Result<SessionTransport, SessionError> {
        let owner = scope::owner().ok_or(SessionError::Unknown)?;
        if let Some(live) = self.here(id.as_str()) {
            return Ok(live.open_half());
        }
        self.make_room(&owner).inspect_err(SessionError::report)?;
        let activity = Activity::new(Arc::clone(&self.app.core.ports.clock));
        let idle_end = Some(self.idle_end(&id, &activity));
        let opened = self.app.supervisor.send(OpenSession { owner: owner.clone(), idle_end }).await;
        let actor = opened.map_err(CoreError::from)?;
        let live = Arc::new(Live::new(Arc::clone(&self.app), id.clone(), owner, actor, activity));
        self.live.lock().insert(id.as_str().to_owned(), Arc::clone(&live));
        Ok(live.open_half())
    }

    fn idle_end(&self, id: &SessionId, activity: &Arc<Activity>) -> IdleEnd {
        let (sessions, id, own) = (self.own.clone(), id.clone(), Arc::clone(activity));
        let tell = move || {
            let Some(sessions) = sessions.upgrade() else { return };
            // It may have been put away before, and taken up again as another one.
            let live = sessions.live.lock().get(id.as_str()).cloned();
            if live.is_some_and(|live| Arc::ptr_eq(&live.activity, &own)) {
                sessions.put_away(id.as_str());
            }
        };
        IdleEnd { after: IDLE, activity: Arc::clone(activity), tell: Box::new(tell) }
    }

    /// Puts away the session of `owner` that was idle for longest, where they have as many here as they may.
    fn make_room(&self, owner: &Owner) -> Result<(), SessionError> {
        let most = self.app.config.max_sessions;
        let idlest = {
            let live = self.live.lock();
            let own: Vec<_> = live.values().filter(|live| live.owner == *owner).collect();
            if own.len() < most {
                return Ok(());
            }
            let idle = own.iter().filter_map(|live| Some((live.activity.idle_since()?, live.id.clone())));
            idle.min_by_key(|(since, _)| *since)
        };
        let Some((_, idlest)) = idlest else {
            let message = format!("{most} sessions of yours are in use on this server; end one, or try again later");
            return Err(SessionError::App(AppError::new(ErrorKind::Busy, message)));
        };
        self.put_away(idlest.as_str());
        Ok(())
    }

    /// Ends what is here of a session. In the store it stays.
    fn put_away(&self, id: &str) {
        let live = self.live.lock().remove(id);
        if let Some(live) = live {
            live.end();
        }
    }

    /// The session called `id`, if this replica has it and it is the request's principal's.
    fn here(&self, id: &str) -> Option<Arc<Live>> {
        let owner = scope::owner()?;
        self.live.lock().get(id).filter(|live| live.owner == owner).cloned()
    }

    /// The same, where it is an error that there is none.
    fn live(&self, id: &str) -> Result<Arc<Live>, SessionError> {
        self.here(id).ok_or(SessionError::Unknown).inspect_err(SessionError::report)
    }

    /// Whether a session is still in the store: another replica may have ended it, and it must not be forgotten there.
    async fn is_there(&self, live: &Live) -> Result<bool, SessionError> {
        let sessions = &self.app.core.sessions;
        drop(live.activity.begin()); // used now: others are put away before it
        if self.app.core.config.exclusive && !sessions.is_old(*live.touched.lock()) {
            return Ok(true);
        }
        let there = match sessions.touch(&live.owner, &live.id).await {
            Ok(there) => there,
            Err(error) => {
                tracing::warn!(%error, "not seen whether a session still stands");
                return Ok(true); // a store that does not answer just now ends no session
            }
        };
        *live.touched.lock() = self.app.core.ports.clock.now();
        if !there {
            self.put_away(live.id.as_str());
        }
        Ok(there)
    }

    /// A client asks for the end of a session.
    async fn close(&self, owner: &Owner, id: &str) -> Result<(), SessionError> {
        let session = id.parse().map_err(|_| SessionError::Unknown)?;
        if !self.app.core.sessions.touch(owner, &session).await? {
            return Err(SessionError::Unknown);
        }
        self.put_away(id);
        Ok(())
    }

    async fn load_state(&self, id: &str) -> Result<Option<SessionState>, CoreError> {
        let (Some(owner), Ok(session)) = (scope::owner(), id.parse()) else { return Ok(None) };
        if let Some(live) = self.here(id)
            && let Some(initialize) = live.initialize.lock().clone()
        {
            return Ok(Some(SessionState::new(initialize)));
        }
        let Some(record) = self.app.core.sessions.load(&owner, &session).await? else { return Ok(None) };
        let initialize = serde_json::from_value(record.initialize);
        let initialize = initialize.map_err(|error| CoreError::Session(error.to_string()))?;
        Ok(Some(SessionState::new(initialize)))
    }

    async fn save_state(&self, id: &str, state: &SessionState) -> Result<(), CoreError> {
        let (Some(owner), Ok(session)) = (scope::owner(), id.parse()) else { return Ok(()) };
        let initialize = serde_json::to_value(&state.initialize_params);
        let initialize = initialize.map_err(|error| CoreError::Session(error.to_string()))?;
        match self.app.core.sessions.save(&owner, &session, initialize).await {
            Err(CoreError::Store(error)) if error.kind == StoreErrorKind::Full => {
                // Whoever has to make room must get in. It lives no longer than this process.
                tracing::warn!(%error, "no room to keep a session");
                Ok(())
            }
            saved => saved,
        }
    }

    async fn remove_state(&self, id: &str) -> Result<(), CoreError> {
        let (Some(owner), Ok(session)) = (scope::owner(), id.parse()) else { return Ok(()) };
        self.app.core.sessions.remove(&owner, &session).await
    }
}

/// Now and then ends the halves of sessions that only listen.
async fn let_rest(sessions: Weak<Sessions>, app: Arc<App>) {
    loop {
        app.core.ports.clock.sleep(REST).await;
        let Some(sessions) = sessions.upgrade() else { return };
        let all: Vec<Arc<Live>> = sessions.live.lock().values().cloned().collect();
        for live in all {
            live.rest_after(REST);
        }
    }
}
