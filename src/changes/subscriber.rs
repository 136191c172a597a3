//! One who wants to hear of changes, and what there is to tell them.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::List;

/// Which lists somebody wants to hear of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lists {
    /// Tools.
    pub tools: bool,
    /// Prompts.
    pub prompts: bool,
    /// Their resources.
    pub resources: bool,
}

impl Lists {
    /// All of them.
    pub const ALL: Self = Self { tools: true, prompts: true, resources: true };

    fn has(self, list: List<'_>) -> bool {
        match list {
            List::Tools => self.tools,
            List::Prompts => self.prompts,
            List::Resources(_) => self.resources,
        }
    }

    fn add(&mut self, list: List<'_>) {
        match list {
            List::Tools => self.tools = true,
            List::Prompts => self.prompts = true,
            List::Resources(_) => self.resources = true,
        }
    }
}

/// What changed since the subscriber last asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// These lists.
    pub lists: Lists,
    /// These resources, by the names that the subscriber gave.
    pub updated: BTreeSet<String>,
}

impl News {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What is called when there is news.
pub type Call = Box<dyn Fn(&Arc<Subscriber>) + Send + Sync>;

/// How a subscriber learns that there is something to hear. Called once, until they ask.
pub enum Ring {
    /// They wait for it.
    Bell(Notify),
    /// They are called, on whichever thread brings the news: it must be quick.
    Call(Call),
}

/// One who wants to hear of changes.
pub struct Subscriber {
    lists: Lists,
    state: Mutex<State>,
    ring: Ring,
}

#[derive(Default)]
struct State {
    /// What they watch: the address, and what they call it. There are few.
    names: Vec<(String, String)>,
    news: News,
}

impl Subscriber {
    pub(super) fn new(lists: Lists, ring: Ring) -> Self {
        Self { lists, state: Mutex::default(), ring }
    }

    /// Waits for news. Only for those who wait for a bell; everyone else waits for good.
    pub async fn next(&self) -> News {
        loop {
            let news = self.take();
            if !news.is_empty() {
                return news;
            }
            match &self.ring {
                Ring::Bell(bell) => bell.notified().await,
                Ring::Call(_) => std::future::pending().await,
            }
        }
    }

    /// The news so far.
    pub fn take(&self) -> News {
        std::mem::take(&mut self.state.lock().news)
    }

    pub(super) fn wants(&self, list: List<'_>) -> bool {
        self.lists.has(list)
    }

    pub(super) fn list_changed(self: &Arc<Self>, list: List<'_>) {
        self.tell(|state| state.news.lists.add(list));
    }

    pub(super) fn updated(self: &Arc<Self>, uri: &str) {
        self.tell(|state| {
            let names = state.names.iter().filter(|(watched, _)| watched == uri).map(|(_, name)| name.clone());
            state.news.updated.extend(names);
        });
    }

    /// What they call `name` may have changed before they were there.
    pub fn updated_as(self: &Arc<Self>, name: &str) {
        self.tell(|state| {
            state.news.updated.insert(name.to_owned());
        });
    }

    fn tell(self: &Arc<Self>, add: impl FnOnce(&mut State)) {
        let mut state = self.state.lock();
        let quiet = state.news.is_empty();
        add(&mut state);
        let is_news = quiet && !state.news.is_empty();
        drop(state);
        if is_news {
            match &self.ring {
                Ring::Bell(bell) => bell.notify_one(),
                Ring::Call(call) => call(self),
            }
        }
    }

    pub(super) fn watch(&self, uri: &str, name: &str) {
        let (names, wanted) = (&mut self.state.lock().names, (uri.to_owned(), name.to_owned()));
        if !names.contains(&wanted) {
            names.push(wanted);
        }
    }

    /// True when the resource is watched under no other name.
    pub(super) fn forget(&self, uri: &str, name: &str) -> bool {
        let mut state = self.state.lock();
        state.names.retain(|(watched, known)| watched != uri || known != name);
        state.news.updated.remove(name);
        !state.names.iter().any(|(watched, _)| watched == uri)
    }

    pub(super) fn watched(&self) -> Vec<String> {
        self.state.lock().names.iter().map(|(uri, _)| uri.clone()).collect()
    }
}
