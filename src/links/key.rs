//! The key that signs links: 32 random bytes in the store, the same for all replicas.
//!
//! Whoever reads it can make links to anything, so it is shown nowhere: no log, no error, no debug output. Removing it and
//! starting again makes every link void.

use std::fmt;

use actors::layout;
use actors::ports::{BlobStore, Expect, StoreErrorKind};
use anyhow::{Context as _, bail};
use bytes::Bytes;
use rand::RngExt as _;
use ring::hmac;

const BYTES: usize = 32;

/// The key.
pub struct LinkKey(pub(super) hmac::Key);

impl LinkKey {
    /// The key of `store`, made if this is the first process that asks.
    ///
    /// # Errors
    /// When the store fails, or holds something else under the key's name.
    pub async fn load(store: &dyn BlobStore) -> anyhow::Result<Self> {
        let place = layout::link_key();
        if store.head(&place).await.context("looking for the key of links")?.is_none() {
            let new: [u8; BYTES] = rand::rng().random();
            match store.put(&place, Bytes::copy_from_slice(&new), Expect::Absent).await {
                Err(error) if error.kind != StoreErrorKind::Conflict => bail!("the key of links was not kept: {error}"),
                _ => {} // written, or another replica was first
            }
        }
        let found = store.get(&place).await.context("reading the key of links")?.map(|blob| blob.value);
        match found.filter(|bytes| bytes.len() == BYTES) {
            Some(bytes) => Ok(Self::new(&bytes)),
            None => bail!("{place} in the store is no key of links; remove it, and a new one is made (all links end)"),
        }
    }

    /// A key of these bytes.
    pub fn new(bytes: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }
}

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkKey")
    }
}

#[cfg(test)]
mod tests {
    use actors::ports::memory::MemoryStore;

    use super::*;

    #[tokio::test]
    async fn all_who_ask_get_one_key() {
        let store = MemoryStore::default();
        let (one, other) = tokio::join!(LinkKey::load(&store), LinkKey::load(&store));
        let tags = [one, other, LinkKey::load(&store).await].map(|key| hmac::sign(&key.expect("a key").0, b"x"));
        assert!(tags.iter().all(|tag| tag.as_ref() == tags[0].as_ref()));
        let kept = store.get(&layout::link_key()).await.expect("store").expect("it is kept");
        assert_eq!(kept.value.len(), BYTES);
        assert_eq!(format!("{:?}", LinkKey::new(&kept.value)), "LinkKey");
    }

    #[tokio::test]
    async fn something_else_is_not_taken_for_a_key() {
        let store = MemoryStore::default();
        store.put(&layout::link_key(), Bytes::from_static(b"short"), Expect::Any).await.expect("put");
        let error = LinkKey::load(&store).await.expect_err("refused").to_string();
        assert!(error.contains("server/link-key") && !error.contains("short"), "{error}");
    }
}
