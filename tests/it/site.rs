//! A store and a queue on Azurite, and the servers that share them.

use std::sync::Arc;

use tempfile::TempDir;

use crate::azurite::{self, by_way_of};
use crate::harness::Server;
use crate::proxy::Proxy;

/// What several servers share.
pub(crate) struct Site {
    pub(crate) store: String,
    pub(crate) queue: String,
    pub(crate) folder: Arc<TempDir>,
}

impl Site {
    /// A new container and a new queue.
    pub(crate) async fn new() -> Self {
        let azurite = azurite::shared().await;
        let folder = Arc::new(tempfile::tempdir().expect("temporary folder"));
        Self { store: azurite.new_container(), queue: azurite.new_queue(), folder }
    }

    /// The same place, by way of two proxies: before the store and before the queue.
    pub(crate) async fn by_proxies(&self) -> (Self, [Proxy; 2]) {
        let azurite = azurite::shared().await;
        let proxies = [Proxy::before(&azurite.blob).await, Proxy::before(&azurite.queue).await];
        let (store, queue) = (by_way_of(&self.store, proxies[0].port), by_way_of(&self.queue, proxies[1].port));
        (Self { store, queue, folder: Arc::clone(&self.folder) }, proxies)
    }

    /// A server that has joined the others.
    pub(crate) async fn server(&self, flags: &[&str]) -> Server {
        let scratch = self.scratch();
        Server::start_in(Arc::clone(&self.folder), &[&self.own(&scratch), flags].concat()).await
    }

    /// One that has the conformance suite's tools.
    pub(crate) async fn fixture(&self, flags: &[&str]) -> Server {
        let scratch = self.scratch();
        Server::start_fixture_in(Arc::clone(&self.folder), &[&self.own(&scratch), flags].concat()).await
    }

    fn scratch(&self) -> String {
        self.folder.path().join("scratch").display().to_string()
    }

    fn own<'a>(&'a self, scratch: &'a str) -> [&'a str; 6] {
        ["--store", &self.store, "--queue", &self.queue, "--scratch", scratch]
    }
}
