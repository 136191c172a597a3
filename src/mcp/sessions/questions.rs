//! What the server asks a session's client (elicitation, sampling, roots), and the way of the answers.
//!
//! An answer comes to whichever replica the client's next request meets. So a question goes out under a name of its own in
//! place of rmcp's number, and a replica that did not ask leaves the answer in the store for the one that did.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actors::model::{JobId, SessionId};
use parking_lot::Mutex;
use rmcp::model::{
    ClientJsonRpcMessage, GetExtensions as _, JsonRpcMessage, NumberOrString, RequestId, ServerJsonRpcMessage,
    ServerNotification,
};
use rmcp::service::OriginatingRequestId;

use super::live::Live;
use crate::links::Links;

/// How often a store is asked for an answer that may come by another replica.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How much of a question's name is random; the rest seals it.
const HEAD: usize = 13;

/// Questions that wait for their answers, by what the client calls each.
#[derive(Default)]
pub(super) struct Questions(Mutex<HashMap<JobId, Question>>);

struct Question {
    /// What rmcp's half calls it; a later half gives the same numbers again.
    id: RequestId,
    /// The request that it was asked for.
    cause: Option<RequestId>,
}

impl Questions {
    fn ask(&self, name: &JobId, id: RequestId, cause: Option<RequestId>) {
        self.0.lock().insert(name.clone(), Question { id, cause });
    }

    fn answered(&self, name: &JobId) -> Option<RequestId> {
        self.0.lock().remove(name).map(|question| question.id)
    }

    fn is_open(&self, name: &JobId) -> bool {
        self.0.lock().contains_key(name)
    }

    /// Takes back the question that rmcp calls `id`.
    fn withdrawn(&self, id: &RequestId) -> Option<JobId> {
        let mut open = self.0.lock();
        let name = open.iter().find(|(_, question)| question.id == *id).map(|(name, _)| name.clone())?;
        open.remove(&name);
        Some(name)
    }

    /// Nobody waits any more for what was asked for `request`.
    pub(super) fn forget_those_of(&self, request: &RequestId) {
        self.0.lock().retain(|_, question| question.cause.as_ref() != Some(request));
    }

    /// Nobody waits any more for anything: who asked is gone.
    pub(super) fn forget_all(&self) {
        self.0.lock().clear();
    }
}

/// A new name for a question of `session`'s, which any replica knows for one.
fn new_name(links: &Links, session: &SessionId) -> JobId {
    let random = JobId::random();
    let (head, _) = random.as_str().split_at(HEAD);
    sealed(links, session, head)
}

fn sealed(links: &Links, session: &SessionId, head: &str) -> JobId {
    let tag = JobId::of_digest(&links.digest(&format!("heavylift question 1\n{session}\n{head}")));
    format!("{head}{}", &tag.as_str()[HEAD..]).parse().expect("two halves of ids are one")
}

/// Whether some replica asked `session`'s client a question of this name.
fn was_asked(links: &Links, session: &SessionId, name: &JobId) -> bool {
    sealed(links, session, &name.as_str()[..HEAD]) == *name
}

impl Live {
    /// A message as the client is to see it.
    pub(super) fn outgoing(self: &Arc<Self>, mut message: ServerJsonRpcMessage) -> ServerJsonRpcMessage {
        match &mut message {
            JsonRpcMessage::Request(request) => {
                let cause = request.request.extensions().get::<OriginatingRequestId>().map(|cause| cause.0.clone());
                let name = new_name(&self.app.links, &self.id);
                self.questions.ask(&name, request.id.clone(), cause);
                request.id = NumberOrString::String(name.as_str().into());
                if !self.app.core.config.exclusive {
                    tokio::spawn(Arc::clone(self).look_for(name));
                }
            }
            JsonRpcMessage::Notification(note) => {
                if let ServerNotification::CancelledNotification(cancelled) = &mut note.notification
                    && let Some(id) = &cancelled.params.request_id
                    && let Some(name) = self.questions.withdrawn(id)
                {
                    cancelled.params.request_id = Some(NumberOrString::String(name.as_str().into()));
                }
            }
            _ => {}
        }
        message
    }

    /// A client's answer as rmcp's half is to see it; nothing where this replica did not ask, or no longer waits.
    fn incoming(&self, mut message: ClientJsonRpcMessage) -> Option<ClientJsonRpcMessage> {
        let name = name_of(&message)?;
        let id = self.questions.answered(&name)?;
        match &mut message {
            JsonRpcMessage::Response(response) => response.id = id,
            JsonRpcMessage::Error(error) => error.id = Some(id),
            _ => return None,
        }
        Some(message)
    }

    /// Takes a client's answer to where it is waited for. One to a question that nobody asked is dropped.
    pub(super) async fn answer(&self, message: ClientJsonRpcMessage) -> Result<(), super::SessionError> {
        let Some(name) = name_of(&message) else { return Ok(()) };
        if self.questions.is_open(&name) {
            return match self.incoming(message) {
                Some(message) => self.hand_over(message).await,
                None => Ok(()),
            };
        }
        if self.app.core.config.exclusive || !was_asked(&self.app.links, &self.id, &name) {
            return Ok(());
        }
        let text = serde_json::to_vec(&message).unwrap_or_default();
        Ok(self.app.core.sessions.leave_reply(&self.owner, &self.id, &name, text).await?)
    }

    /// Looks for the answer that another replica leaves, for as long as the question is open.
    async fn look_for(self: Arc<Self>, name: JobId) {
        let (sessions, clock) = (&self.app.core.sessions, &self.app.core.ports.clock);
        while self.questions.is_open(&name) && self.actor.connected() {
            clock.sleep(LOOK_EVERY).await;
            // A store that does not answer now is asked again in any case.
            let Ok(Some(text)) = sessions.take_reply(&self.owner, &self.id, &name).await else { continue };
            let Ok(message) = serde_json::from_slice(&text) else { continue };
            if let Some(message) = self.incoming(message) {
                let _ = self.hand_over(message).await; // the session has ended
            }
        }
    }
}

/// What the client calls the question that it answers.
fn name_of(message: &ClientJsonRpcMessage) -> Option<JobId> {
    let id = match message {
        JsonRpcMessage::Response(response) => &response.id,
        JsonRpcMessage::Error(error) => error.id.as_ref()?,
        _ => return None,
    };
    match id {
        NumberOrString::String(text) => text.parse().ok(),
        NumberOrString::Number(_) => None,
    }
}

#[test]
fn a_question_that_was_never_asked_has_no_name() {
    let (links, session) = (crate::links::tests::real(), SessionId::random());
    let name = new_name(&links, &session);
    assert!(was_asked(&links, &session, &name));
    assert!(!was_asked(&links, &SessionId::random(), &name) && !was_asked(&links, &session, &JobId::random()));
}
