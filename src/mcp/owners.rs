//! Whose session is whose.
//!
//! A session's id says nothing about who sends it, and rmcp asks no further: this stands before it, and another's session is
//! as one that does not exist.

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};
use actors::model::Owner;
use parking_lot::Mutex;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;

use crate::auth::Principal;

const SESSION_ID: &str = "mcp-session-id";
/// Below this many entries it is not worth looking for sessions that are over.
const FEW: usize = 256;

/// The owner of every session.
pub(super) struct Owners {
    owners: Mutex<HashMap<String, Owner>>,
    sessions: Arc<LocalSessionManager>,
}

impl Owners {
    pub(super) fn new(sessions: Arc<LocalSessionManager>) -> Self {
        Self { owners: Mutex::default(), sessions }
    }

    fn may_use(&self, owner: &Owner, session: &[u8]) -> bool {
        let session = std::str::from_utf8(session).ok();
        session.is_some_and(|session| self.owners.lock().get(session) == Some(owner))
    }

    /// Writes down a new session. Now and then those that are over go, so that there are never more than twice the living.
    async fn add(&self, session: &str, owner: Owner) {
        let full = {
            let mut owners = self.owners.lock();
            let full = owners.len() >= FEW && owners.len() == owners.capacity();
            owners.entry(session.to_owned()).or_insert(owner);
            full
        };
        if full {
            let living = self.sessions.sessions.read().await;
            let mut owners = self.owners.lock();
            owners.retain(|session, _| living.contains_key(session.as_str()));
            let room = FEW.max(owners.len() * 2);
            owners.shrink_to(room);
        }
    }
}

/// Middleware (`from_fn`): answers 404 to whoever names a session that is not theirs. The [`Owners`] are app data.
///
/// # Errors
/// What the service behind it fails with.
pub(super) async fn check_owner<B: MessageBody + 'static>(
    owners: web::Data<Owners>,
    principal: Principal,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let own = |id: &actix_web::http::header::HeaderValue| owners.may_use(&principal.owner, id.as_bytes());
    if !request.headers().get_all(SESSION_ID).all(own) {
        let missing = HttpResponse::NotFound().body("Not Found: Session not found");
        return Ok(request.into_response(missing).map_into_right_body());
    }
    let response = next.call(request).await?;
    if let Some(session) = response.headers().get(SESSION_ID).and_then(|id| id.to_str().ok()) {
        owners.add(session, principal.owner).await;
    }
    Ok(response.map_into_left_body())
}
