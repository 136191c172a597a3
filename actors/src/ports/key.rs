//! Names of blobs.

use std::fmt;

/// A blob's name: parts joined by `/`, none empty, `.` or `..`, no control characters or backslashes, at most 1,024 bytes
/// (Azure's limit for a blob's name).
///
/// Built only by `layout`, from ids, owners and paths that were checked when they came in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

impl Key {
    const MAX_BYTES: usize = 1024;

    /// The key `text`.
    ///
    /// # Panics
    /// When it is not a key: whoever built it did not check what it was given.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        assert!(is_key(&text), "a key is built from checked parts, got {text:?}");
        Self(text)
    }

    /// A key read back from a store's listing; `None` for what no key could be.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        is_key(text).then(|| Self(text.to_owned()))
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What follows `prefix`, where the key begins with it.
    #[must_use]
    pub fn after(&self, prefix: &str) -> Option<&str> {
        self.0.strip_prefix(prefix)
    }
}

fn is_key(text: &str) -> bool {
    let harmless = |part: &str| !matches!(part, "" | "." | "..") && !part.chars().any(|c| c.is_control() || c == '\\');
    text.len() <= Key::MAX_BYTES && text.split('/').all(harmless)
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[test]
fn a_key_cannot_climb() {
    assert!(Key::parse("jobs/1/job.json").is_some());
    for bad in ["", "/a", "a//b", "a/../b", "a/.", "a\\b", "a\0"] {
        assert!(Key::parse(bad).is_none(), "{bad:?}");
    }
}
