//! Whose turn it is: owners take turns, and what is one owner's waits in line.
//!
//! Used by `waiting` alone. Knows neither times nor receipts.

use std::collections::{BTreeMap, HashMap};

use crate::model::Owner;

/// Lines of waiting messages, one per owner, served in turn.
#[derive(Debug, Default)]
pub(super) struct Turns {
    by_owner: HashMap<Owner, Line>,
    /// Who is served next, first come first: exactly the owners in `by_owner`.
    order: BTreeMap<u64, Owner>,
    /// The next number for a turn or a place; numbers only grow.
    next: u64,
}

/// One owner's line; never empty.
#[derive(Debug)]
struct Line {
    turn: u64,
    waiting: BTreeMap<u64, u64>,
}

impl Turns {
    /// Puts message `id` at the end of its owner's line and says at which place it stands there.
    pub(super) fn join(&mut self, owner: &Owner, id: u64) -> u64 {
        let place = self.number();
        if let Some(line) = self.by_owner.get_mut(owner) {
            line.waiting.insert(place, id);
            return place;
        }
        let turn = self.number();
        self.order.insert(turn, owner.clone());
        self.by_owner.insert(owner.clone(), Line { turn, waiting: BTreeMap::from([(place, id)]) });
        place
    }

    /// Takes the first message of the owner whose turn it is; that owner's next turn comes after all others'.
    pub(super) fn take(&mut self) -> Option<u64> {
        let (_, owner) = self.order.pop_first()?;
        let turn = self.number();
        let line = self.by_owner.get_mut(&owner).expect("who has a turn has a line");
        let (_, id) = line.waiting.pop_first().expect("a line is never empty");
        line.turn = turn;
        if line.waiting.is_empty() {
            self.by_owner.remove(&owner);
        } else {
            self.order.insert(turn, owner);
        }
        Some(id)
    }

    /// Takes the message at `place` out of its owner's line.
    pub(super) fn leave(&mut self, owner: &Owner, place: u64) {
        let Some(line) = self.by_owner.get_mut(owner) else { return };
        line.waiting.remove(&place);
        if line.waiting.is_empty() {
            self.order.remove(&line.turn);
            self.by_owner.remove(owner);
        }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}
