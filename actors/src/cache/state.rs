//! What is in the cache, what is on its way, and what may go: decided under one lock, without touching the disk.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::{BoxFuture, WeakShared};
use lru::LruCache;

use super::{CachedFile, Fetch, Held, Version};
use crate::ports::StoreError;

/// What whoever wants a version is to do.
pub(super) enum Claim {
    /// Take it.
    Ready(Held),
    /// Wait for it.
    Fetch(Fetch),
    /// Bring it elsewhere.
    NoRoom,
}

/// One fetch under way. Who waits for it keeps it alive.
struct Coming {
    number: u64,
    fetch: WeakShared<BoxFuture<'static, Result<Option<Held>, StoreError>>>,
}

pub(super) struct State {
    capacity_bytes: u64,
    /// Of the files that are here and of those on their way.
    used_bytes: u64,
    /// Most recently used first.
    here: LruCache<Version, Arc<CachedFile>>,
    coming: HashMap<Version, Coming>,
    /// The number of the next fetch.
    next: u64,
}

impl State {
    pub(super) fn new(capacity_bytes: u64) -> Self {
        Self { capacity_bytes, used_bytes: 0, here: LruCache::unbounded(), coming: HashMap::new(), next: 0 }
    }

    /// The version, if it is here or on its way.
    pub(super) fn known(&mut self, version: &Version) -> Option<Claim> {
        if let Some(file) = self.here.get(version) {
            return Some(Claim::Ready(Held(Arc::clone(file))));
        }
        self.coming.get(version)?.fetch.upgrade().map(Claim::Fetch)
    }

    /// Takes out what must go so that `bytes` more fit; `None`, and nothing is taken out, where that is not enough.
    pub(super) fn make_room(&mut self, bytes: u64) -> Option<Vec<Arc<CachedFile>>> {
        let needed = self.used_bytes.checked_add(bytes)?.saturating_sub(self.capacity_bytes);
        let mut freed = 0;
        let idle = self.here.iter().rev().filter(|(_, file)| is_idle(file));
        let going = idle.take_while(|(_, file)| {
            let wanted = freed < needed;
            freed += if wanted { file.bytes } else { 0 };
            wanted
        });
        let going: Vec<Version> = going.map(|(version, _)| version.clone()).collect();
        (freed >= needed).then(|| self.evict(&going))
    }

    /// Takes out all that nobody holds.
    pub(super) fn evict_all(&mut self) -> Vec<Arc<CachedFile>> {
        let idle = self.here.iter().filter(|(_, file)| is_idle(file));
        let going: Vec<Version> = idle.map(|(version, _)| version.clone()).collect();
        self.evict(&going)
    }

    fn evict(&mut self, going: &[Version]) -> Vec<Arc<CachedFile>> {
        let gone: Vec<_> = going.iter().filter_map(|version| self.here.pop(version)).collect();
        self.used_bytes -= gone.iter().map(|file| file.bytes).sum::<u64>();
        gone
    }

    /// Sets `bytes` aside for a new fetch, which gets the number that is returned.
    pub(super) fn reserve(&mut self, bytes: u64) -> u64 {
        self.used_bytes += bytes;
        self.next += 1;
        self.next
    }

    pub(super) fn expect(&mut self, version: &Version, number: u64, fetch: &Fetch) {
        let fetch = fetch.downgrade().expect("it has not been polled yet");
        self.coming.insert(version.clone(), Coming { number, fetch });
    }

    /// The file of a fetch is whole, and has the room that was set aside for it.
    pub(super) fn arrived(&mut self, version: &Version, held: &Held) {
        if let Some(old) = self.here.put(version.clone(), Arc::clone(&held.0)) {
            self.used_bytes -= old.bytes;
        }
    }

    /// A fetch is over, however it ended, and needs none of `bytes` any more.
    pub(super) fn over(&mut self, version: &Version, number: u64, bytes: u64) {
        self.used_bytes -= bytes;
        // Another one may have begun since nobody waited for this any more.
        if self.coming.get(version).is_some_and(|coming| coming.number == number) {
            self.coming.remove(version);
        }
    }

    #[cfg(test)]
    pub(super) fn used_bytes(&self) -> u64 {
        self.used_bytes
    }
}

/// Whether nobody but the cache has the file.
fn is_idle(file: &Arc<CachedFile>) -> bool {
    Arc::strong_count(file) == 1
}
