//! One session as this replica has it: rmcp's half that speaks the protocol, the actor behind it, and its streams.
//!
//! The half is there while requests come; a session that only listens does without.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use actix::Addr;
use actors::model::{JobId, Owner, SessionId};
use actors::{Activity, Core, EndSession, Session};
use parking_lot::Mutex;
use rand::RngExt as _;
use rmcp::model::{
    GetExtensions as _, InitializeRequestParams, JsonRpcMessage, ProgressToken, ProtocolVersion, RequestId,
    ServerJsonRpcMessage, ServerNotification,
};
use rmcp::service::OriginatingRequestId;
use time::OffsetDateTime;

use super::event_id::{EventId, Topic, job_of};
use super::outlet::{Heard, Hears, Listening, Outlet};
use super::questions::Questions;
use super::transport::Half;
use crate::app::App;
use crate::mcp::memory::Memory;
use crate::mcp::subscriptions::Place;

/// When a client is to come again whose connection ends.
pub(super) const RETRY: Duration = Duration::from_secs(1);
/// How long an answer is kept for who has lost it on the way.
const ANSWER_KEPT: Duration = Duration::from_mins(1);
/// How many answers are kept at most.
const ANSWERS_KEPT: usize = 16;

/// How many requests of one session may be open at the same time.
const MOST_OPEN: usize = 1024;

/// Why a request has no stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// One of the same name is being answered.
    Taken,
    /// As many as may be are being answered.
    TooMany,
}

/// One session.
pub(in crate::mcp) struct Live {
    pub(super) app: Arc<App>,
    pub(super) id: SessionId,
    pub(super) owner: Owner,
    pub(super) actor: Addr<Session>,
    pub(super) activity: Arc<Activity>,
    pub(super) half: Mutex<Option<Half>>,
    /// What the client opened the session with.
    pub(super) initialize: Mutex<Option<InitializeRequestParams>>,
    pub(super) questions: Questions,
    memory: Memory,
    /// When it was last looked for in the store.
    pub(super) touched: Mutex<OffsetDateTime>,
    /// What it wants to be told of.
    place: Place,
    streams: Mutex<Streams>,
}

#[derive(Default)]
struct Streams {
    /// The answers to requests, under way and just given.
    requests: HashMap<RequestId, Arc<Speaker>>,
    /// What no request asked for, once somebody listens.
    own: Option<Arc<Speaker>>,
}

/// A stream and what it is about.
pub(super) struct Speaker {
    pub(super) topic: Topic,
    /// Tells this replica's numbers from another's.
    source: u32,
    /// Whether rmcp's half speaks here: then somebody else must when that goes.
    by_half: bool,
    pub(super) outlet: Arc<Outlet>,
}

/// What goes with each request of a session to its handler.
#[derive(Clone)]
pub(in crate::mcp) struct Conversation(pub(super) Arc<Live>);

impl Conversation {
    /// The actor behind the session.
    pub(in crate::mcp) fn actor(&self) -> Addr<Session> {
        self.0.actor.clone()
    }

    /// What is remembered of the session.
    pub(in crate::mcp) fn memory(&self) -> &Memory {
        &self.0.memory
    }

    /// Its id.
    pub(in crate::mcp) fn id(&self) -> &SessionId {
        &self.0.id
    }

    /// What it wants to be told of.
    pub(in crate::mcp) fn place(&self) -> &Place {
        &self.0.place
    }

    /// Says something on the session's own stream.
    pub(in crate::mcp) fn say(&self, note: ServerNotification) {
        self.0.route(ServerJsonRpcMessage::notification(note));
    }

    /// Whether a client listens to the session's own stream here.
    pub(in crate::mcp) fn is_heard(&self) -> bool {
        self.0.is_heard()
    }

    /// The same for who must not keep the session.
    pub(in crate::mcp) fn downgrade(&self) -> WeakConversation {
        WeakConversation(Arc::downgrade(&self.0))
    }

    /// The job that a request of the session became, unless it joined another one's.
    pub(in crate::mcp) fn job_of(&self, request: &RequestId) -> JobId {
        job_of(&self.0.app.links, &self.0.id, request)
    }
}

/// A session that may be gone.
pub(in crate::mcp) struct WeakConversation(Weak<Live>);

impl WeakConversation {
    pub(in crate::mcp) fn upgrade(&self) -> Option<Conversation> {
        self.0.upgrade().map(Conversation)
    }
}

/// What goes with a request that is answered by a stream.
#[derive(Clone)]
pub(in crate::mcp) struct Ticket {
    live: Arc<Live>,
    /// The id that the job is to have which the request becomes: so every replica finds it.
    pub(in crate::mcp) job: JobId,
    outlet: Arc<Outlet>,
}

impl Ticket {
    /// The request became `job`, under whatever id.
    pub(in crate::mcp) async fn became(&self, core: &Core, job: &JobId, reused: bool) {
        // A job of that name that was there before may be another request's of the same id, with a note of its own.
        if *job == self.job && !reused {
            return;
        }
        if let Err(error) = core.sessions.note_job(&self.live.owner, &self.live.id, &self.job, job).await {
            tracing::warn!(%job, %error, "another replica will not find the job of this request");
        }
    }

    /// Says `note` on the stream that answers the request.
    pub(in crate::mcp) fn say(&self, note: ServerNotification) {
        self.outlet.say(JsonRpcMessage::notification(note));
    }

    /// Ends the connection that listens; the client comes again for the answer (SEP-1699).
    pub(in crate::mcp) fn let_poll(&self) {
        if self.live.knows_polling() {
            self.outlet.dismiss(RETRY);
        }
    }
}

impl Live {
    pub(super) fn new(
        app: Arc<App>,
        id: SessionId,
        owner: Owner,
        actor: Addr<Session>,
        activity: Arc<Activity>,
    ) -> Self {
        Self {
            touched: Mutex::new(app.core.ports.clock.now()),
            app,
            id,
            owner,
            actor,
            activity,
            half: Mutex::default(),
            initialize: Mutex::default(),
            questions: Questions::default(),
            memory: Memory::default(),
            place: Place::default(),
            streams: Mutex::default(),
        }
    }

    /// Lets go of old answers, and ends rmcp's half where nobody asked for it for `rest` and it has nothing to do.
    pub(super) fn rest_after(&self, rest: Duration) {
        if !self.is_heard() {
            self.place.not_heard(&self.id);
        }
        let now = self.app.core.ports.clock.now();
        self.streams.lock().forget_old(now);
        let mut half = self.half.lock();
        if half.as_ref().is_some_and(|half| half.used + rest <= now) && self.streams.lock().answering() == 0 {
            *half = None;
        }
    }

    /// Somebody listens: from here on it matters what the session asks for elsewhere.
    pub(super) fn wishes_matter(&self) {
        if !self.app.core.config.exclusive {
            self.place.heard(&self.app.changes, &self.owner, &self.id);
        }
    }

    /// Whether a client listens to the session's own stream here.
    fn is_heard(&self) -> bool {
        self.streams.lock().own.as_ref().is_some_and(|own| own.outlet.is_heard())
    }

    /// Takes over the streams on which a half spoke that is gone: who waits for an answer gets it from the job's record.
    pub(super) fn take_over(self: &Arc<Self>) {
        self.questions.forget_all();
        let left: Vec<_> = self.streams.lock().requests.values().filter(|speaker| speaker.is_left()).cloned().collect();
        for speaker in left {
            let event = speaker.beginning();
            tokio::spawn(Arc::clone(self).take_up(speaker, event));
        }
    }

    /// Ends everything that is here.
    pub(super) fn end(&self) {
        *self.half.lock() = None;
        self.actor.do_send(EndSession);
        self.questions.forget_all();
        let (now, streams) = (self.app.core.ports.clock.now(), self.streams.lock());
        streams.requests.values().chain(&streams.own).for_each(|speaker| speaker.outlet.end(now));
    }

    /// What a handler is given with the request behind `speaker`.
    pub(super) fn ticket(self: &Arc<Self>, request: &RequestId, speaker: &Speaker) -> Ticket {
        let job = job_of(&self.app.links, &self.id, request);
        Ticket { live: Arc::clone(self), job, outlet: Arc::clone(&speaker.outlet) }
    }

    /// Tells who listens when to come again, in an event without a message (SEP-1699). Clients of older protocols than 2025-11-25
    /// take that for a broken one; they come again by the ids of messages.
    pub(super) fn say_retry(&self, speaker: &Speaker) {
        if self.knows_polling() {
            speaker.outlet.say_retry(RETRY);
        }
    }

    fn knows_polling(&self) -> bool {
        let version = self.initialize.lock().as_ref().map(|initialize| initialize.protocol_version.clone());
        version.is_some_and(|version| version.as_str() >= ProtocolVersion::V_2025_11_25.as_str())
    }

    /// A new stream about `topic`, on which rmcp's half speaks or somebody else.
    ///
    /// # Errors
    /// Where the same request is being answered, or too many are.
    pub(super) fn begin(&self, request: &RequestId, topic: Topic, by_half: bool) -> Result<Arc<Speaker>, Refused> {
        let now = self.app.core.ports.clock.now();
        let mut streams = self.streams.lock();
        streams.forget_old(now);
        if streams.requests.get(request).is_some_and(|speaker| speaker.outlet.ended().is_none()) {
            return Err(Refused::Taken);
        }
        if streams.answering() >= MOST_OPEN {
            return Err(Refused::TooMany);
        }
        let speaker = Arc::new(Speaker::new(topic, Hears::Newest, by_half));
        self.say_retry(&speaker);
        streams.requests.insert(request.clone(), Arc::clone(&speaker));
        Ok(speaker)
    }

    /// The stream that answers `request`, if this replica has it.
    pub(super) fn speaker(&self, request: &RequestId) -> Option<Arc<Speaker>> {
        self.streams.lock().requests.get(request).cloned()
    }

    /// The session's own stream.
    pub(super) fn own(&self) -> Arc<Speaker> {
        let mut streams = self.streams.lock();
        Arc::clone(streams.own.get_or_insert_with(|| Arc::new(Speaker::new(Topic::Session, Hears::Oldest, false))))
    }

    /// Takes what rmcp's half says to the stream that it belongs to.
    pub(super) fn route(self: &Arc<Self>, message: ServerJsonRpcMessage) {
        let speaker = self.speaker_for(&message).unwrap_or_else(|| self.own());
        let is_answer = matches!(message, JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_));
        if is_answer && speaker.topic == Topic::Session {
            return; // to a request that was cancelled: nobody waits for it
        }
        let answered = match &message {
            JsonRpcMessage::Response(answer) => Some(&answer.id),
            JsonRpcMessage::Error(error) => error.id.as_ref(),
            _ => None,
        };
        if let Some(request) = answered {
            self.questions.forget_those_of(request);
        }
        speaker.outlet.say(self.outgoing(message));
        if is_answer {
            speaker.outlet.end(self.app.core.ports.clock.now());
        }
    }

    /// The stream of the request that a message answers, or was caused by.
    fn speaker_for(&self, message: &ServerJsonRpcMessage) -> Option<Arc<Speaker>> {
        let request = match message {
            JsonRpcMessage::Response(response) => &response.id,
            JsonRpcMessage::Error(error) => error.id.as_ref()?,
            JsonRpcMessage::Request(request) => &request.request.extensions().get::<OriginatingRequestId>()?.0,
            JsonRpcMessage::Notification(note) => match &note.notification {
                ServerNotification::ProgressNotification(progress) => {
                    return self.streams.lock().with_token(&progress.params.progress_token);
                }
                _ => return None,
            },
        };
        self.speaker(request).filter(|speaker| speaker.outlet.ended().is_none())
    }

    /// The client no longer waits for the answer to `request`.
    pub(super) fn forget(&self, request: &RequestId) {
        self.questions.forget_those_of(request);
        if let Some(speaker) = self.speaker(request) {
            speaker.outlet.end(self.app.core.ports.clock.now());
        }
    }

    /// A connection that listens to `speaker`, from after `event` where it has heard some of it.
    pub(super) fn listen(self: &Arc<Self>, speaker: &Speaker, event: Option<&EventId>) -> Listening {
        let heard = event.map(|event| speaker.heard(event));
        let (live, topic, source) = (Arc::clone(self), speaker.topic.clone(), speaker.source);
        let name = move |number, progress| {
            EventId { topic: topic.clone(), source, number, progress }.seal(&live.app.links, &live.id)
        };
        speaker.outlet.listen(heard, Box::new(name), self.activity.begin())
    }
}

impl Streams {
    /// How many requests wait for their answers.
    fn answering(&self) -> usize {
        self.requests.values().filter(|speaker| speaker.outlet.ended().is_none()).count()
    }

    /// The stream of the request whose progress goes under `token`.
    fn with_token(&self, token: &ProgressToken) -> Option<Arc<Speaker>> {
        let own = |speaker: &&Arc<Speaker>| match &speaker.topic {
            Topic::Request { token: Some(own), .. } => own == token && speaker.outlet.ended().is_none(),
            _ => false,
        };
        self.requests.values().find(own).cloned()
    }

    /// Lets go of answers that nobody came for.
    fn forget_old(&mut self, now: OffsetDateTime) {
        self.requests.retain(|_, speaker| speaker.outlet.ended().is_none_or(|ended| ended + ANSWER_KEPT > now));
        let ended = self.requests.iter().filter_map(|(id, speaker)| Some((speaker.outlet.ended()?, id.clone())));
        let mut ended: Vec<_> = ended.collect();
        if ended.len() > ANSWERS_KEPT {
            ended.sort_by_key(|(ended, _)| *ended);
            ended.truncate(ended.len() - ANSWERS_KEPT);
            self.requests.retain(|id, _| !ended.iter().any(|(_, old)| old == id));
        }
    }
}

impl Speaker {
    pub(super) fn new(topic: Topic, hears: Hears, by_half: bool) -> Self {
        Self { topic, source: rand::rng().random(), by_half, outlet: Arc::new(Outlet::new(hears)) }
    }

    /// What a client knows that has heard nothing of it.
    pub(super) fn beginning(&self) -> EventId {
        EventId { topic: self.topic.clone(), source: self.source, number: 0, progress: self.outlet.progress() }
    }

    /// Whether rmcp's half still owes the answer.
    fn is_left(&self) -> bool {
        self.by_half && self.outlet.ended().is_none()
    }

    /// What whoever was given `event` last has heard of this stream.
    fn heard(&self, event: &EventId) -> Heard {
        let number = if event.source == self.source { event.number } else { 0 };
        Heard { number, progress: event.progress }
    }
}
