//! What this process knows of the queue between two looks: how long it was, what was added and removed since, what is held
//! here, and which messages are its own.

use std::collections::{HashMap, VecDeque};

use actors::model::JobId;
use actors::ports::Message;
use time::{Duration, OffsetDateTime};

use super::receipt::Held;

/// How long a count serves.
const FRESH: Duration = Duration::seconds(1);
/// How many of its own messages a process remembers, for `forget`.
const REMEMBERED: usize = 4096;

#[derive(Default)]
pub(super) struct Count {
    /// The service's count, and when it was asked for.
    counted: Option<(usize, OffsetDateTime)>,
    added: usize,
    removed: usize,
    /// By message: the receipt of the delivery, and until when it hides the message.
    held: HashMap<String, (String, OffsetDateTime)>,
    /// The newest messages sent, with the receipt that disposes of them until they are delivered.
    sent: VecDeque<(JobId, Held)>,
}

impl Count {
    /// How much waits, if that can be told without asking; by an old count, too, where `old` will do.
    pub(super) fn waiting(&mut self, now: OffsetDateTime, old: bool) -> Option<usize> {
        let (counted, at) = self.counted?;
        let fresh = (Duration::ZERO..FRESH).contains(&(now - at));
        (fresh || old).then(|| self.without_held(counted, now))
    }

    /// Takes note of the service's count.
    pub(super) fn counted(&mut self, length: usize, now: OffsetDateTime) -> usize {
        (self.counted, self.added, self.removed) = (Some((length, now)), 0, 0);
        self.without_held(length, now)
    }

    fn without_held(&mut self, counted: usize, now: OffsetDateTime) -> usize {
        self.held.retain(|_, (_, until)| *until > now);
        (counted + self.added).saturating_sub(self.removed + self.held.len())
    }

    pub(super) fn added(&mut self, message: &Message, receipt: Option<Held>) {
        self.added += 1;
        if self.sent.len() == REMEMBERED {
            self.sent.pop_front();
        }
        self.sent.extend(receipt.map(|receipt| (message.job.clone(), receipt)));
    }

    pub(super) fn holds(&mut self, held: &Held, until: OffsetDateTime) {
        self.held.insert(held.message().to_owned(), (held.pop().to_owned(), until));
        self.sent.retain(|(_, sent)| sent.message() != held.message());
    }

    pub(super) fn released(&mut self, held: &Held) {
        if self.held.get(held.message()).is_some_and(|(pop, _)| pop == held.pop()) {
            self.held.remove(held.message());
        }
    }

    pub(super) fn removed(&mut self, held: &Held) {
        self.removed += 1;
        self.released(held);
    }

    /// The own message of `job` that was not yet delivered here, once.
    pub(super) fn sent(&mut self, job: &JobId) -> Option<Held> {
        let at = self.sent.iter().position(|(sent, _)| sent == job)?;
        self.sent.remove(at).map(|(_, held)| held)
    }
}
