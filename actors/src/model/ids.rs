//! Ids that come from outside are checked once, here, and harmless in a key ever after.

use std::fmt;
use std::str::FromStr;

use rand::RngExt as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A text that is no id.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadId(String);

impl BadId {
    /// A refusal that says what to write instead.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// A job's id: 130 random bits as 26 characters of base 32, also the task id and the last part of its address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct JobId(String);

impl JobId {
    const LENGTH: usize = 26;
    /// Crockford's base 32: no letters that look like digits.
    const DIGITS: &'static [u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

    /// A new id, never seen before.
    #[must_use]
    pub fn random() -> Self {
        let mut rng = rand::rng();
        let digit = |_| char::from(Self::DIGITS[rng.random_range(0..32)]);
        Self((0..Self::LENGTH).map(digit).collect())
    }

    /// The id that stands for `digest`, which nobody can guess: the same one for whoever can make the digest again.
    #[must_use]
    pub fn of_digest(digest: &[u8; 32]) -> Self {
        let digit = |byte: &u8| char::from(Self::DIGITS[usize::from(byte % 32)]);
        Self(digest.iter().take(Self::LENGTH).map(digit).collect())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn is_spelled(text: &str) -> bool {
        text.len() == Self::LENGTH && text.bytes().all(|byte| Self::DIGITS.contains(&byte))
    }
}

impl FromStr for JobId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        if Self::is_spelled(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(BadId(format!(
            "{text:?} is not a job id; ids have {} characters, like those that job_list shows",
            Self::LENGTH
        )))
    }
}

/// The id of an MCP session: as long and as random as a [`JobId`], and spelled like one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(String);

impl SessionId {
    /// A new id, never seen before.
    #[must_use]
    pub fn random() -> Self {
        Self(JobId::random().0)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SessionId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let known = JobId::is_spelled(text).then(|| Self(text.to_owned()));
        known.ok_or_else(|| BadId("that is no session's id".to_owned()))
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A principal's name, as it stands in keys: `local`, an API key's name, an Entra object id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Owner(String);

impl Owner {
    /// Whose everything is on a server without API keys.
    #[must_use]
    pub fn local() -> Self {
        Self("local".to_owned())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Owner {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
        if (1..=64).contains(&text.len()) && text.chars().all(allowed) {
            return Ok(Self(text.to_owned()));
        }
        Err(BadId(format!("{text:?} is not a principal's name; use 1 to 64 of a-z, 0-9, - and _")))
    }
}

macro_rules! text_id {
    ($id:ident) => {
        impl TryFrom<String> for $id {
            type Error = BadId;

            fn try_from(text: String) -> Result<Self, BadId> {
                text.parse()
            }
        }

        impl From<$id> for String {
            fn from(id: $id) -> Self {
                id.0
            }
        }

        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(JobId);
text_id!(Owner);

#[test]
fn ids_are_checked_once() {
    let id = JobId::random();
    assert_eq!(id.as_str().parse::<JobId>().expect("valid"), id);
    assert!("../../etc/passwd".parse::<JobId>().is_err());
    assert!("Ada".parse::<Owner>().is_err() && "ada-2".parse::<Owner>().is_ok() && "".parse::<Owner>().is_err());
}
