//! What a session's client asked for: which resources to watch, how grave notes must be. Kept with the session in the store, so
//! that whichever replica its client listens to knows.

use serde::{Deserialize, Serialize};

use crate::mcp::logging::Level;

/// A resource to watch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::mcp) struct Wish {
    /// By the client's name.
    pub(super) uri: String,
    /// What it was when the client was told that it is watched; nothing where there was nothing.
    pub(super) version: Option<String>,
}

/// What a session's client asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::mcp) struct Wishes {
    /// The resources to watch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) resources: Vec<Wish>,
    /// The least grave of the notes to be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::mcp) level: Option<Level>,
}

impl Wishes {
    /// Whether what the client calls `uri` is to be watched.
    pub(super) fn has(&self, uri: &str) -> bool {
        self.resources.iter().any(|wish| wish.uri == uri)
    }

    /// What was kept. What cannot be read was written by a later version: then nothing is known.
    pub(in crate::mcp) fn read(kept: Option<&[u8]>) -> Self {
        kept.and_then(|kept| serde_json::from_slice(kept).ok()).unwrap_or_default()
    }

    /// The same to be kept.
    pub(in crate::mcp) fn write(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

#[test]
fn wishes_are_read_as_they_were_written() {
    let wish = Wish { uri: "heavylift://files/a.csv".to_owned(), version: Some("1".to_owned()) };
    let wishes = Wishes { resources: vec![wish], level: Some(Level::Warning) };
    assert!(wishes.has("heavylift://files/a.csv") && !wishes.has("heavylift://files/b.csv"));
    assert_eq!(Wishes::read(Some(&wishes.write())), wishes);
    assert_eq!(Wishes::read(None), Wishes::default());
    assert_eq!(Wishes::read(Some(b"{\"later\": 1}")), Wishes::default());
    assert_eq!(Wishes::read(Some(b"nonsense")), Wishes::default());
}
