//! The text of a link: its terms in the open, and a signature over them and the target (HMAC-SHA-256).

use actors::model::Owner;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use time::OffsetDateTime;

use super::LinkKey;
use super::target::covering;

/// What a link allows to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    /// To read the file.
    Get,
    /// To put files, and to see the page for that.
    Put,
}

/// What a link says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) right: Right,
    pub(super) owner: Owner,
    /// In whole seconds.
    pub(super) until: OffsetDateTime,
    /// The largest file that may be put; 0 for a download.
    pub(super) max_bytes: u64,
}

impl LinkKey {
    /// The token for `target` under `terms`.
    pub(super) fn sign(&self, terms: &Terms, target: &str) -> String {
        let tag = hmac::sign(&self.0, signed(terms, target).as_bytes());
        format!("{}{}", terms.open_part(), URL_SAFE_NO_PAD.encode(tag))
    }

    /// The terms of `token`, if it was signed here for `right` and for something that covers the path `target`.
    pub(super) fn open(&self, right: Right, token: &str, target: &str) -> Option<Terms> {
        let (terms, tag) = Terms::parse(right, token)?;
        let signed_for = |target: &str| hmac::verify(&self.0, signed(&terms, target).as_bytes(), &tag).is_ok();
        let found = match right {
            Right::Get => signed_for(target),
            Right::Put => covering(target).any(signed_for),
        };
        found.then_some(terms)
    }
}

impl Terms {
    fn open_part(&self) -> String {
        let (owner, until) = (&self.owner, self.until.unix_timestamp());
        match self.right {
            Right::Get => format!("{owner}.{until}."),
            Right::Put => format!("{owner}.{until}.{}.", self.max_bytes),
        }
    }

    /// The terms that a token claims, and its signature.
    fn parse(right: Right, token: &str) -> Option<(Self, Vec<u8>)> {
        let mut parts = token.split('.');
        let owner = parts.next()?.parse().ok()?;
        let until = OffsetDateTime::from_unix_timestamp(parts.next()?.parse().ok()?).ok()?;
        let max_bytes = if right == Right::Put { parts.next()?.parse().ok()? } else { 0 };
        let tag = URL_SAFE_NO_PAD.decode(parts.next()?).ok()?;
        parts.next().is_none().then_some((Self { right, owner, until, max_bytes }, tag))
    }
}

/// What is signed. No part can hold a line's end, so no two links have the same text.
fn signed(terms: &Terms, target: &str) -> String {
    let right = match terms.right {
        Right::Get => "get",
        Right::Put => "put",
    };
    let (owner, until, most) = (&terms.owner, terms.until.unix_timestamp(), terms.max_bytes);
    format!("heavylift link 1\n{right}\n{owner}\n{until}\n{most}\n{target}")
}

/// `moment` without its part of a second: what a token can hold.
pub(super) fn whole_seconds(moment: OffsetDateTime) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(moment.unix_timestamp()).unwrap_or(moment)
}
