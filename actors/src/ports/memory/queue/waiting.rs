//! What waits, what is held, and when that changes by itself.
//!
//! Plain state without a clock: `queue` says what time it is and keeps the lock.

use std::collections::{BTreeSet, HashMap};

use time::OffsetDateTime;

use super::turns::Turns;
use crate::model::JobId;
use crate::ports::{Delivery, Message, Receipt};

/// Every message that was sent and not yet deleted.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    entries: HashMap<u64, Entry>,
    /// The messages of each job.
    jobs: BTreeSet<(JobId, u64)>,
    /// What may be handed out now.
    turns: Turns,
    /// What may be handed out later: exactly the entries that are delayed or held.
    timed: BTreeSet<(OffsetDateTime, u64)>,
    /// How many entries nobody holds.
    free: usize,
    /// The latest number given to a message or a delivery.
    number: u64,
}

#[derive(Debug)]
struct Entry {
    message: Message,
    sent: OffsetDateTime,
    phase: Phase,
    /// The delivery whose receipt is good; an overdue one stays so until the message is handed out again.
    delivery: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// May be handed out; stands at this place of its owner's line.
    InLine(u64),
    /// Was sent with a delay.
    Delayed(OffsetDateTime),
    /// Was handed out.
    Held(OffsetDateTime),
}

impl Waiting {
    /// How many could be handed out now or later, without those handed out.
    pub(super) fn len(&self) -> usize {
        self.free
    }

    /// When the longest waiting message was sent, of those that nobody holds.
    pub(super) fn oldest(&self) -> Option<OffsetDateTime> {
        let waits = |entry: &&Entry| !matches!(entry.phase, Phase::Held(_));
        self.entries.values().filter(waits).map(|entry| entry.sent).min()
    }

    /// When something delayed or held becomes visible, if nothing happens before.
    pub(super) fn next_change(&self) -> Option<OffsetDateTime> {
        self.timed.first().map(|(until, _)| *until)
    }

    /// Lets in line whose time has come by `now`.
    pub(super) fn mature(&mut self, now: OffsetDateTime) {
        while let Some((_, id)) = self.timed.first().filter(|(until, _)| *until <= now) {
            self.line_up(*id);
        }
    }

    /// Adds a message that was sent at `now`, to be handed out from `until` on, and says its number.
    pub(super) fn add(&mut self, message: Message, now: OffsetDateTime, until: Option<OffsetDateTime>) -> u64 {
        let id = self.next_number();
        self.jobs.insert((message.job.clone(), id));
        let phase = match until {
            Some(until) => {
                self.timed.insert((until, id));
                Phase::Delayed(until)
            }
            None => Phase::InLine(self.turns.join(&message.owner, id)),
        };
        self.entries.insert(id, Entry { message, sent: now, phase, delivery: None });
        self.free += 1;
        id
    }

    pub(super) fn take(&mut self, most: usize, until: OffsetDateTime) -> Vec<Delivery> {
        let mut taken = Vec::new();
        while taken.len() < most {
            let Some(id) = self.turns.take() else { break };
            let receipt = self.hold(id, until);
            taken.push(Delivery { message: self.entry(id).message.clone(), receipt });
        }
        taken
    }

    /// The message that `receipt` may dispose of.
    pub(super) fn find(&self, receipt: &Receipt) -> Option<u64> {
        let (id, delivery) = receipt.0.split_once('.')?;
        let (id, delivery) = (id.parse().ok()?, delivery.parse().ok()?);
        (self.entries.get(&id)?.delivery == Some(delivery)).then_some(id)
    }

    /// Keeps a message from others until `until`, by a receipt that replaces all before.
    pub(super) fn hold(&mut self, id: u64, until: OffsetDateTime) -> Receipt {
        self.detach(id);
        self.timed.insert((until, id));
        let delivery = self.next_number();
        let entry = self.entry(id);
        entry.phase = Phase::Held(until);
        entry.delivery = Some(delivery);
        Receipt(format!("{id}.{delivery}"))
    }

    pub(super) fn release(&mut self, id: u64) {
        self.line_up(id);
        self.entry(id).delivery = None;
    }

    pub(super) fn remove(&mut self, id: u64) {
        self.detach(id);
        if let Some(entry) = self.entries.remove(&id) {
            self.jobs.remove(&(entry.message.job, id));
        }
    }

    /// Removes the job's messages that nobody holds.
    pub(super) fn forget(&mut self, job: &JobId) {
        let of_job = (job.clone(), 0)..=(job.clone(), u64::MAX);
        let ids: Vec<u64> = self.jobs.range(of_job).map(|(_, id)| *id).collect();
        for id in ids {
            if !matches!(self.entry(id).phase, Phase::Held(_)) {
                self.remove(id);
            }
        }
    }

    /// Puts a message at the end of its owner's line.
    fn line_up(&mut self, id: u64) {
        self.detach(id);
        let owner = self.entry(id).message.owner.clone();
        self.entry(id).phase = Phase::InLine(self.turns.join(&owner, id));
        self.free += 1;
    }

    /// Takes a message out of where it is; what follows must say where it is instead.
    fn detach(&mut self, id: u64) {
        let entry = self.entries.get(&id).expect("an id in the books is an entry");
        match entry.phase {
            Phase::InLine(place) => self.turns.leave(&entry.message.owner, place),
            Phase::Delayed(until) | Phase::Held(until) => {
                self.timed.remove(&(until, id));
            }
        }
        if !matches!(entry.phase, Phase::Held(_)) {
            self.free -= 1;
        }
    }

    fn entry(&mut self, id: u64) -> &mut Entry {
        self.entries.get_mut(&id).expect("an id in the books is an entry")
    }

    fn next_number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }
}
