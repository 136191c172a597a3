//! Existing data in everyone's workspace, to be read and never written: each mount is a folder `NAME/` that shows a store.
//!
//! Built by the server's `app`; known to `Workspace` alone, which finds files there, and to `Job`, which brings them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::model::BadId;
use crate::ports::BlobStore;

/// A mount's name: the first part of the paths of all its files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MountName(String);

impl MountName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MountName {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if !(1..=64).contains(&text.len()) || !text.chars().all(allowed) {
            return Err(BadId::new(format!("{text:?} is not a mount's name; use 1 to 64 of a-z, A-Z, 0-9, - and _")));
        }
        if text == "jobs" {
            return Err(BadId::new(
                "a mount cannot be called jobs: that folder holds what jobs made; choose another name",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for MountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The mounts of a server, in order of name. Clones share them.
#[derive(Clone, Default)]
pub struct Mounts(Arc<BTreeMap<MountName, Arc<dyn BlobStore>>>);

impl Mounts {
    /// These stores, whose keys are the paths below the mounts. Nothing is ever written to them.
    pub fn new(stores: impl IntoIterator<Item = (MountName, Arc<dyn BlobStore>)>) -> Self {
        Self(Arc::new(stores.into_iter().collect()))
    }

    /// Their names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(MountName::as_str)
    }

    /// Each with its store, in order of name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Arc<dyn BlobStore>)> {
        self.0.iter().map(|(name, store)| (name.as_str(), store))
    }

    /// The store of the mount called `name`.
    pub(crate) fn store(&self, name: &str) -> Option<&Arc<dyn BlobStore>> {
        self.iter().find_map(|(own, store)| (own == name).then_some(store))
    }

    /// The mount in which `path` lies, and the rest of it: empty for the mount itself.
    pub(crate) fn split<'a>(&self, path: &'a str) -> Option<(&'a str, &'a str)> {
        let (first, rest) = path.split_once('/').unwrap_or((path, ""));
        self.store(first).map(|_| (first, rest))
    }
}

#[test]
fn names_are_plain_folders() {
    for good in ["data", "Sales_2024", "a-b"] {
        assert!(good.parse::<MountName>().is_ok(), "{good}");
    }
    for bad in ["", "jobs", "a/b", "..", ".x", "a b", "ä", "x".repeat(65).as_str()] {
        assert!(bad.parse::<MountName>().is_err(), "{bad}");
    }
}

#[test]
fn a_path_is_split_at_its_mount() {
    let store: Arc<dyn BlobStore> = Arc::new(crate::ports::memory::MemoryStore::default());
    let mounts = Mounts::new([("data".parse().expect("a name"), store)]);
    assert_eq!(mounts.split("data/in/a.csv"), Some(("data", "in/a.csv")));
    assert_eq!(mounts.split("data"), Some(("data", "")));
    assert_eq!((mounts.split("data2/a.csv"), mounts.split("x/data/a.csv")), (None, None));
}
