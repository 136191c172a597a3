//! The API keys that are known, and the check of a presented one in constant time.

use std::collections::BTreeMap;
use std::path::Path;

use actors::Quota;
use actors::model::Owner;
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

use super::Principal;
use crate::config::keys::{self, KeyEntry, KeyFileError, KeyHash};

/// Who is let in: everybody as `local`, or the holders of known keys.
#[derive(Clone)]
pub struct Keyring {
    /// `None`: no keys are asked for.
    entries: Option<Vec<KeyEntry>>,
    quotas: BTreeMap<Owner, Quota>,
}

impl Keyring {
    /// A server without keys: everything is `local`.
    #[must_use]
    pub fn open() -> Self {
        Self { entries: None, quotas: BTreeMap::new() }
    }

    /// The keys of the file at `path`.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub fn load(path: &Path) -> Result<Self, KeyFileError> {
        let keys = keys::read(path)?;
        Ok(Self { entries: Some(keys.entries), quotas: keys.quotas })
    }

    /// What lowers the limits of some principals' jobs.
    pub fn quotas(&self) -> &BTreeMap<Owner, Quota> {
        &self.quotas
    }

    /// Whether callers must bring a key.
    pub fn asks(&self) -> bool {
        self.entries.is_some()
    }

    /// Whether `owner` can come in at all.
    pub fn knows(&self, owner: &Owner) -> bool {
        match &self.entries {
            None => *owner == Owner::local(),
            Some(entries) => entries.iter().any(|entry| entry.owner == *owner),
        }
    }

    /// Who presents `secret`, if anybody may come in with it.
    pub fn principal(&self, secret: Option<&str>) -> Option<Principal> {
        let Some(entries) = &self.entries else {
            return Some(Principal { owner: Owner::local() });
        };
        let position = find(entries, &KeyHash::of(secret?))?;
        entries.get(position).map(|entry| Principal { owner: entry.owner.clone() })
    }
}

/// Where `hash` is among `entries`. Looks at all of all of them, so that the time tells nothing of how near a guess came.
fn find(entries: &[KeyEntry], hash: &KeyHash) -> Option<usize> {
    let mut found = Choice::from(0);
    let mut at = 0_u64;
    for (index, entry) in (0_u64..).zip(entries) {
        let same = entry.hash.0.ct_eq(&hash.0);
        at.conditional_assign(&index, same);
        found |= same;
    }
    if bool::from(found) { usize::try_from(at).ok() } else { None }
}
