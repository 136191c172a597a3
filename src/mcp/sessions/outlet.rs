//! One stream of a session: what the server says on it, kept until a connection has had it, whichever connection that is.
//!
//! Who speaks ([`Outlet::say`]) never waits for who listens. Progress is kept as the latest note alone, so a slow or absent
//! listener costs little and misses nothing that still matters.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use actors::InUse;
use futures_util::Stream;
use parking_lot::Mutex;
use rmcp::model::{JsonRpcMessage, ServerJsonRpcMessage, ServerNotification};
use rmcp::transport::streamable_http_server::session::ServerSseMessage;
use time::OffsetDateTime;

/// At most this many messages wait for a listener, answers and questions aside.
const KEPT: usize = 64;

/// Which of several connections hears what is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hears {
    /// The latest: who comes again for the answer to a request has lost the connection before.
    Newest,
    /// The first that lives: several may listen for what no request asked, and each message is for one of them. The others
    /// wait, instead of pushing each other out for ever.
    Oldest,
}

/// One stream.
pub(super) struct Outlet {
    hears: Hears,
    state: Mutex<State>,
}

struct State {
    kept: VecDeque<Kept>,
    /// The number of the latest message.
    number: u64,
    /// The highest progress that was told.
    progress: Option<f64>,
    /// When the last word was said.
    ended: Option<OffsetDateTime>,
    listeners: VecDeque<Listener>,
    /// The number of the latest listener.
    came: u64,
    /// The highest number that anybody heard.
    heard: u64,
    /// Listeners up to this one are sent away once they have heard everything.
    dismissed: u64,
}

struct Kept {
    number: u64,
    /// The highest progress that was told by then.
    progress: Option<f64>,
    is_progress: bool,
    event: Event,
}

struct Listener {
    number: u64,
    waker: Option<Waker>,
}

/// What is said, without its id.
#[derive(Clone)]
enum Event {
    Message(Arc<ServerJsonRpcMessage>),
    /// Tells a client to come again after this time where the connection ends.
    Retry(Duration),
}

/// What a new listener has heard before.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Heard {
    /// Up to which number.
    pub(super) number: u64,
    /// The highest progress: lower ones would be steps back.
    pub(super) progress: Option<f64>,
}

/// Makes the id of an event from its number and the highest progress by then.
pub(super) type Name = Box<dyn Fn(u64, Option<f64>) -> String + Send + Sync>;

impl Outlet {
    pub(super) fn new(hears: Hears) -> Self {
        let state = State {
            kept: VecDeque::new(),
            number: 0,
            progress: None,
            ended: None,
            listeners: VecDeque::new(),
            came: 0,
            heard: 0,
            dismissed: 0,
        };
        Self { hears, state: Mutex::new(state) }
    }

    /// Says a message.
    pub(super) fn say(&self, message: ServerJsonRpcMessage) {
        let progress = progress_of(&message);
        let mut state = self.state.lock();
        if let Some(progress) = progress {
            state.progress = Some(state.progress.map_or(progress, |highest| highest.max(progress)));
            state.kept.retain(|kept| !kept.is_progress);
        }
        state.keep(Event::Message(Arc::new(message)), progress.is_some());
    }

    /// Tells listeners when to come again should the connection end.
    pub(super) fn say_retry(&self, after: Duration) {
        let mut state = self.state.lock();
        state.kept.retain(|kept| !matches!(kept.event, Event::Retry(_)));
        state.keep(Event::Retry(after), false);
    }

    /// Nothing more is said.
    pub(super) fn end(&self, now: OffsetDateTime) {
        let mut state = self.state.lock();
        state.ended.get_or_insert(now);
        state.wake();
    }

    /// When the last word was said.
    pub(super) fn ended(&self) -> Option<OffsetDateTime> {
        self.state.lock().ended
    }

    /// Whether anybody listens.
    pub(super) fn is_heard(&self) -> bool {
        !self.state.lock().listeners.is_empty()
    }

    /// Sends away who listens now, to come again after a while. What is said goes on.
    pub(super) fn dismiss(&self, after: Duration) {
        let mut state = self.state.lock();
        state.keep(Event::Retry(after), false);
        state.dismissed = state.came;
        state.wake();
    }

    /// A new listener, who shows what it hears under the names that `name` makes. Who does not say what it heard before hears
    /// what nobody has. `in_use` ends with it.
    pub(super) fn listen(self: &Arc<Self>, heard: Option<Heard>, name: Name, in_use: InUse) -> Listening {
        let mut state = self.state.lock();
        let heard = heard.unwrap_or(Heard { number: state.heard, progress: None });
        state.came += 1;
        let number = state.came;
        state.listeners.push_back(Listener { number, waker: None });
        state.wake(); // whoever hears no more is to know
        drop(state);
        Listening { outlet: Arc::clone(self), number, heard, name, _in_use: in_use }
    }
}

impl State {
    fn keep(&mut self, event: Event, is_progress: bool) {
        self.number += 1;
        let (number, progress) = (self.number, self.progress);
        self.kept.push_back(Kept { number, progress, is_progress, event });
        if self.kept.len() > KEPT
            && let Some(oldest) = self.kept.iter().position(|kept| kept.event.may_be_dropped())
        {
            self.kept.remove(oldest);
        }
        self.wake();
    }

    fn wake(&mut self) {
        self.listeners.iter_mut().filter_map(|listener| listener.waker.take()).for_each(Waker::wake);
    }
}

impl Event {
    /// Questions and answers are waited for by somebody; the rest is news.
    fn may_be_dropped(&self) -> bool {
        match self {
            Self::Message(message) => matches!(**message, JsonRpcMessage::Notification(_)),
            Self::Retry(_) => true,
        }
    }
}

fn progress_of(message: &ServerJsonRpcMessage) -> Option<f64> {
    let JsonRpcMessage::Notification(note) = message else { return None };
    let ServerNotification::ProgressNotification(progress) = &note.notification else { return None };
    Some(progress.params.progress)
}

/// One connection's part in a stream. Dropped, it is gone.
pub(super) struct Listening {
    outlet: Arc<Outlet>,
    number: u64,
    heard: Heard,
    name: Name,
    _in_use: InUse,
}

impl Stream for Listening {
    type Item = ServerSseMessage;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<ServerSseMessage>> {
        let this = self.get_mut();
        let outlet = Arc::clone(&this.outlet);
        let mut state = outlet.state.lock();
        let hears = match outlet.hears {
            Hears::Newest => state.listeners.back().is_some_and(|last| last.number == this.number),
            Hears::Oldest => state.listeners.front().is_some_and(|first| first.number == this.number),
        };
        if hears && let Some(message) = this.next(&mut state) {
            return Poll::Ready(Some(message));
        }
        let pushed_out = !hears && outlet.hears == Hears::Newest;
        if pushed_out || state.ended.is_some() || this.number <= state.dismissed {
            return Poll::Ready(None);
        }
        if let Some(own) = state.listeners.iter_mut().find(|listener| listener.number == this.number) {
            own.waker = Some(context.waker().clone());
        }
        Poll::Pending
    }
}

impl Listening {
    /// The next message that this connection has not heard.
    fn next(&mut self, state: &mut State) -> Option<ServerSseMessage> {
        let (number, floor) = (self.heard.number, self.heard.progress);
        let is_step_back = |kept: &Kept| kept.is_progress && floor.is_some_and(|floor| kept.progress <= Some(floor));
        let State { kept, heard, .. } = state;
        let kept = kept.iter().find(|kept| kept.number > number && !is_step_back(kept))?;
        self.heard.number = kept.number;
        *heard = (*heard).max(kept.number);
        let mut message = ServerSseMessage::default();
        message.event_id = Some((self.name)(kept.number, kept.progress.max_of(floor)));
        match &kept.event {
            Event::Message(said) => message.message = Some(Arc::clone(said)),
            Event::Retry(after) => message.retry = Some(*after),
        }
        Some(message)
    }
}

/// The higher of two numbers, either of which may be missing.
trait MaxOf {
    fn max_of(self, other: Self) -> Self;
}

impl MaxOf for Option<f64> {
    fn max_of(self, other: Self) -> Self {
        match (self, other) {
            (Some(one), Some(other)) => Some(one.max(other)),
            (one, other) => one.or(other),
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut state = self.outlet.state.lock();
        state.listeners.retain(|listener| listener.number != self.number);
        state.wake();
    }
}
