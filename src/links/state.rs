//! Words that a client keeps for us and brings back: readable, but no one else's and not to be changed.

use actors::model::Owner;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

use super::Links;

impl Links {
    /// `words` with a signature over them and whose they are.
    pub fn seal(&self, owner: &Owner, words: &str) -> String {
        let tag = hmac::sign(&self.key.0, signed(owner, words).as_bytes());
        format!("{}.{}", URL_SAFE_NO_PAD.encode(words), URL_SAFE_NO_PAD.encode(tag))
    }

    /// The words that were sealed for `owner`; nothing for whatever was not, just as it stands.
    pub fn unseal(&self, owner: &Owner, sealed: &str) -> Option<String> {
        let (words, tag) = sealed.split_once('.')?;
        let (words, tag) = (URL_SAFE_NO_PAD.decode(words).ok()?, URL_SAFE_NO_PAD.decode(tag).ok()?);
        let words = String::from_utf8(words).ok()?;
        hmac::verify(&self.key.0, signed(owner, &words).as_bytes(), &tag).ok()?;
        Some(words)
    }
}

/// An owner's name holds no line's end, and a link is signed under another head.
fn signed(owner: &Owner, words: &str) -> String {
    format!("heavylift state 1\n{owner}\n{words}")
}
