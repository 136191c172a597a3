//! The books: which subscribers each principal has, and what is known of the resources that they watch.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use actors::model::Owner;

use super::{List, Subscriber, Version, Watched};

/// All subscribers.
#[derive(Default)]
pub(super) struct Desk {
    owners: HashMap<Owner, Circle>,
    next: u64,
    /// Whether somebody looks at the versions of what is watched.
    looked_after: bool,
}

/// One principal's.
#[derive(Default)]
struct Circle {
    subscribers: BTreeMap<u64, Arc<Subscriber>>,
    watched: BTreeMap<String, Entry>,
}

#[derive(Default)]
struct Entry {
    version: Version,
    by: BTreeSet<u64>,
}

impl Circle {
    fn of(&self, entry: &Entry) -> Vec<Arc<Subscriber>> {
        entry.by.iter().filter_map(|id| self.subscribers.get(id)).map(Arc::clone).collect()
    }
}

impl Desk {
    pub(super) fn add(&mut self, owner: &Owner, subscriber: &Arc<Subscriber>) -> u64 {
        self.next += 1;
        let circle = self.owners.entry(owner.clone()).or_default();
        circle.subscribers.insert(self.next, Arc::clone(subscriber));
        self.next
    }

    pub(super) fn remove(&mut self, owner: &Owner, id: u64, watched: &[String]) {
        for uri in watched {
            self.forget(owner, id, uri);
        }
        let Some(circle) = self.owners.get_mut(owner) else { return };
        circle.subscribers.remove(&id);
        if circle.subscribers.is_empty() {
            self.owners.remove(owner);
        }
    }

    pub(super) fn has(&self, owner: &Owner) -> bool {
        self.owners.contains_key(owner)
    }

    pub(super) fn listeners(&self, list: List<'_>) -> Vec<Arc<Subscriber>> {
        let circles: Vec<&Circle> = match list {
            List::Resources(owner) => self.owners.get(owner).into_iter().collect(),
            List::Tools | List::Prompts => self.owners.values().collect(),
        };
        let all = circles.into_iter().flat_map(|circle| circle.subscribers.values());
        all.filter(|subscriber| subscriber.wants(list)).map(Arc::clone).collect()
    }

    pub(super) fn watch(&mut self, owner: &Owner, id: u64, uri: &str) -> bool {
        let Some(circle) = self.owners.get_mut(owner) else { return false };
        circle.watched.entry(uri.to_owned()).or_default().by.insert(id);
        !std::mem::replace(&mut self.looked_after, true)
    }

    pub(super) fn forget(&mut self, owner: &Owner, id: u64, uri: &str) {
        let Some(circle) = self.owners.get_mut(owner) else { return };
        let Some(entry) = circle.watched.get_mut(uri) else { return };
        entry.by.remove(&id);
        if entry.by.is_empty() {
            circle.watched.remove(uri);
        }
    }

    pub(super) fn changed(&mut self, owner: &Owner, uri: &str, version: Version) -> Vec<Arc<Subscriber>> {
        let Some(circle) = self.owners.get_mut(owner) else { return Vec::new() };
        let Some(entry) = circle.watched.get_mut(uri) else { return Vec::new() };
        if entry.version == version && version != Version::Unknown {
            return Vec::new(); // seen before it was told
        }
        entry.version = version;
        circle.watched.get(uri).map(|entry| circle.of(entry)).unwrap_or_default()
    }

    pub(super) fn looked(&mut self, before: &Watched, version: Version) -> Vec<Arc<Subscriber>> {
        let circle = self.owners.get_mut(&before.owner);
        let entry = circle.and_then(|circle| circle.watched.get_mut(&before.uri));
        match entry {
            Some(entry) if entry.version != before.version => Vec::new(),
            Some(entry) if entry.version == Version::Unknown => {
                entry.version = version;
                Vec::new()
            }
            Some(_) => self.changed(&before.owner, &before.uri, version),
            None => Vec::new(),
        }
    }

    pub(super) fn watched(&mut self) -> Vec<Watched> {
        let of = |(owner, circle): (&Owner, &Circle)| {
            let seen = |(uri, entry): (&String, &Entry)| Watched {
                owner: owner.clone(),
                uri: uri.clone(),
                version: entry.version.clone(),
            };
            circle.watched.iter().map(seen).collect::<Vec<_>>()
        };
        let all: Vec<Watched> = self.owners.iter().flat_map(of).collect();
        self.looked_after = !all.is_empty();
        all
    }
}
