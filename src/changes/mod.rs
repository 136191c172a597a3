//! Who wants to hear of which change, and who is told.
//!
//! Whoever changes something says so here: the file routes and tools, the job core (by its board), a tool that changes the
//! offer. `mcp` subscribes for its clients, and tells here what it sees of other replicas' writes by looking at versions.
//! Nothing here knows a protocol, and nothing piles up: a subscriber that does not listen keeps one note of each change.

mod desk;
mod subscriber;
#[cfg(test)]
mod tests;
pub mod uri;

use std::sync::{Arc, OnceLock};

use actors::model::{JobOutcome, JobRecord, Owner};
use parking_lot::Mutex;
use tools::WorkspacePath;

use desk::Desk;
pub use subscriber::{Call, Lists, News, Ring, Subscriber};
use uri::Target;

/// What is known of a resource's version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// Nobody looked yet, or it has just become another one.
    #[default]
    Unknown,
    /// There is nothing.
    Absent,
    /// This one: equal for equal versions.
    Is(String),
}

impl From<Option<String>> for Version {
    fn from(version: Option<String>) -> Self {
        version.map_or(Self::Absent, Self::Is)
    }
}

/// A list that became another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List<'a> {
    /// Everyone's tools.
    Tools,
    /// Everyone's prompts.
    Prompts,
    /// One principal's resources.
    Resources(&'a Owner),
}

/// One watched resource.
#[derive(Clone, Debug)]
pub struct Watched {
    /// Whose.
    pub owner: Owner,
    /// Its address.
    pub uri: String,
    /// Its version, as far as is known.
    pub version: Version,
}

/// Begins to look at versions.
pub type Looker = Box<dyn Fn() + Send + Sync>;

/// Who wants to hear of what. Clones share it.
#[derive(Clone, Default)]
pub struct Changes {
    desk: Arc<Mutex<Desk>>,
    looker: Arc<OnceLock<Looker>>,
}

impl Changes {
    /// Has `looker` called whenever something is watched and nobody looks at versions. There is one at most.
    pub fn look_by(&self, looker: Looker) {
        let _ = self.looker.set(looker);
    }

    /// A place for somebody of `owner`'s who wants to hear of `lists`, and of single resources once they
    /// [`watch`](Subscription::watch) them. It ends when it is dropped.
    pub fn subscribe(&self, owner: &Owner, lists: Lists, ring: Ring) -> Subscription {
        let subscriber = Arc::new(Subscriber::new(lists, ring));
        let id = self.desk.lock().add(owner, &subscriber);
        Subscription { changes: self.clone(), owner: owner.clone(), id, subscriber }
    }

    /// A list became another one.
    pub fn list(&self, list: List<'_>) {
        let told = self.desk.lock().listeners(list);
        for subscriber in told {
            subscriber.list_changed(list);
        }
    }

    /// The resource at `uri`, or another of this name, is now `version`. Nobody is told of what was known.
    pub fn resource(&self, owner: &Owner, uri: &str, version: Version) {
        let told = self.desk.lock().changed(owner, uri, version);
        for subscriber in told {
            subscriber.updated(uri);
        }
    }

    /// As [`resource`](Self::resource), by somebody who looked while the version was `before`: what was told meanwhile is newer.
    pub fn looked(&self, before: &Watched, version: Version) {
        let told = self.desk.lock().looked(before, version);
        for subscriber in told {
            subscriber.updated(&before.uri);
        }
    }

    /// A workspace file was written, or is gone.
    pub fn file(&self, owner: &Owner, path: &WorkspacePath, version: Option<&str>) {
        self.resource(owner, &uri::of_file(path), version.map(str::to_owned).into());
        self.list(List::Resources(owner));
    }

    /// A job is there, begins an attempt or ends.
    pub fn job(&self, record: &JobRecord) {
        if !self.desk.lock().has(&record.owner) {
            return;
        }
        let uri = Target::Job(record.id.clone()).uri();
        self.resource(&record.owner, &uri, Version::Is(version_of(record)));
        if let Some(JobOutcome::Succeeded { artifacts, .. }) = &record.outcome {
            for artifact in artifacts {
                if let Ok(path) = format!("jobs/{}/{}", record.id, artifact.name).parse() {
                    self.resource(&record.owner, &uri::of_file(&path), Version::Unknown);
                }
            }
        }
        // It joins the list with its result: a change for every turn before would have clients read lists all the time.
        if record.state.is_terminal() {
            self.list(List::Resources(&record.owner));
        }
    }

    /// Everything that is watched. Where that is nothing, whoever asked is to ask no more: it is called when to begin again.
    pub fn watched(&self) -> Vec<Watched> {
        self.desk.lock().watched()
    }
}

/// A job's version: another one with every turn of its life.
pub fn version_of(record: &JobRecord) -> String {
    format!("{:?}-{}", record.state, record.attempt)
}

/// A place among the subscribers, until it is dropped.
pub struct Subscription {
    changes: Changes,
    owner: Owner,
    id: u64,
    subscriber: Arc<Subscriber>,
}

impl Subscription {
    /// What there is to hear, now.
    pub fn subscriber(&self) -> &Arc<Subscriber> {
        &self.subscriber
    }

    /// Begins to watch the resource at `uri`, which the subscriber calls `name`.
    pub fn watch(&self, uri: &str, name: &str) {
        self.subscriber.watch(uri, name);
        let first = self.changes.desk.lock().watch(&self.owner, self.id, uri);
        if let Some(looker) = self.changes.looker.get().filter(|_| first) {
            looker();
        }
    }

    /// Ends that.
    pub fn forget(&self, uri: &str, name: &str) {
        if self.subscriber.forget(uri, name) {
            self.changes.desk.lock().forget(&self.owner, self.id, uri);
        }
    }

    /// The first look at a resource that is watched.
    pub fn looked(&self, uri: &str, version: Version) {
        let before = Watched { owner: self.owner.clone(), uri: uri.to_owned(), version: Version::Unknown };
        self.changes.looked(&before, version);
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let watched = self.subscriber.watched();
        self.changes.desk.lock().remove(&self.owner, self.id, &watched);
    }
}
