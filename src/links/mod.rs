//! Signed links: a right to one file, or to put files at one place, that needs no API key and ends by itself.
//!
//! `view` and the file tools make them; the gate in `auth` admits whoever brings one ([`Links::check`]). Each is bound to an
//! owner, a [`Target`], what may be done with it, and a moment; the signature covers all of that. Nothing here knows
//! whether there is anything at the target.
//!
//! ```text
//! GET, HEAD  /files/<path>?link=<owner>.<until>.<signature>
//! GET, PUT   /u/<owner>.<until>.<most bytes>.<signature>/<path>, or /<folder>/ and what is below it
//! ```

mod key;
mod state;
mod target;
#[cfg(test)]
pub(crate) mod tests;
mod token;

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Method;
use actors::model::Owner;
use actors::ports::Clock;
use ring::hmac;
use time::OffsetDateTime;

use crate::error::{AppError, ErrorKind};
use crate::view;

pub use key::LinkKey;
pub use target::Target;
use token::{Right, Terms};

/// Begins the path of every link to put files.
const UPLOADS: &str = "/u/";
/// Begins the path of every file.
const FILES: &str = "/files/";

/// Makes links and checks them.
pub struct Links {
    key: LinkKey,
    base_url: String,
    signs_downloads: bool,
    ttl: Duration,
    clock: Arc<dyn Clock>,
}

/// A link that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The whole of it.
    pub url: String,
    /// Until when it works; `None` for as long as there is something behind it.
    pub until: Option<OffsetDateTime>,
}

/// What a link that was brought allows. The gate puts it into the request beside the principal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Whose files it opens.
    pub owner: Owner,
    /// What the request names; the link covers it.
    pub target: Target,
    /// Until when.
    pub until: OffsetDateTime,
    /// The largest file that may be put.
    pub max_bytes: u64,
}

/// A request that brings a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brought<'a> {
    right: Right,
    token: &'a str,
    /// As it stands in the URL.
    path: &'a str,
}

impl Links {
    /// Links that begin with `base_url` (no slash at its end) and work for `ttl`.
    ///
    /// Where nobody is asked for an API key, a download's plain address already opens to all who may reach the server: with
    /// `signs_downloads` false it stays as it is, short and for as long as the file is there.
    pub fn new(key: LinkKey, base_url: String, signs_downloads: bool, ttl: Duration, clock: Arc<dyn Clock>) -> Self {
        Self { key, base_url, signs_downloads, ttl, clock }
    }

    /// How long a link works at most.
    pub fn ttl(&self) -> Duration {
        self.ttl
    }

    /// A digest of `text` that nobody can make without the key, the same on every replica. `text` begins with what it is for.
    pub fn digest(&self, text: &str) -> [u8; 32] {
        let tag = hmac::sign(&self.key.0, text.as_bytes());
        tag.as_ref().try_into().expect("SHA-256 gives 32 bytes")
    }

    /// The link to `owner`'s file `path`, which is kept until `kept` (`None`: for good). All links of one answer are made
    /// with the same `now`.
    pub fn download(&self, owner: &Owner, path: &str, kept: Option<OffsetDateTime>, now: OffsetDateTime) -> Link {
        let plain = format!("{}{FILES}{}", self.base_url, view::encode(path));
        if !self.signs_downloads {
            return Link { url: plain, until: kept };
        }
        let latest = now + self.ttl;
        let until = token::whole_seconds(kept.map_or(latest, |kept| kept.min(latest)));
        let terms = Terms { right: Right::Get, owner: owner.clone(), until, max_bytes: 0 };
        let token = self.key.sign(&terms, path);
        Link { url: format!("{plain}?link={token}"), until: Some(until) }
    }

    /// The link to put files of at most `max_bytes` at `target` for `owner`, for `lifetime`.
    pub fn upload(&self, owner: &Owner, target: &Target, lifetime: Duration, max_bytes: u64) -> Link {
        let until = token::whole_seconds(self.clock.now() + lifetime.min(self.ttl));
        let terms = Terms { right: Right::Put, owner: owner.clone(), until, max_bytes };
        let target = target.to_string();
        let (token, path) = (self.key.sign(&terms, &target), view::encode(&target));
        Link { url: format!("{}{UPLOADS}{token}/{path}", self.base_url), until: Some(until) }
    }

    /// What the link that was brought allows now.
    ///
    /// # Errors
    /// `NotFound` for whatever was not made here just as it stands, `Expired` for what was and is over; `InvalidParams` for a
    /// name that no file can have below a folder that the link opens.
    pub fn check(&self, brought: &Brought<'_>) -> Result<Grant, AppError> {
        let path = percent_encoding::percent_decode_str(brought.path).decode_utf8().map_err(|_| unknown())?;
        let terms = self.key.open(brought.right, brought.token, &path).ok_or_else(unknown)?;
        if self.clock.now() >= terms.until {
            return Err(expired(&terms));
        }
        let target = path.parse()?;
        let Terms { owner, until, max_bytes, .. } = terms;
        Ok(Grant { owner, target, until, max_bytes })
    }
}

impl<'a> Brought<'a> {
    /// The link in a request, if there is one. `query` is what follows the question mark.
    pub fn find(method: &Method, path: &'a str, query: &'a str) -> Option<Self> {
        if let Some(rest) = path.strip_prefix(UPLOADS) {
            let (token, path) = rest.split_once('/').unwrap_or((rest, ""));
            return Some(Self { right: Right::Put, token, path });
        }
        let path = path.strip_prefix(FILES).filter(|_| matches!(*method, Method::GET | Method::HEAD))?;
        let token = query.split('&').find_map(|pair| pair.strip_prefix("link="))?;
        Some(Self { right: Right::Get, token, path })
    }
}

/// The answer to everything that is no link of ours, so that nobody learns by trying what there is.
pub fn unknown() -> AppError {
    AppError::not_found("there is nothing behind this link; see whether it was copied whole, or ask for a new one")
}

fn expired(terms: &Terms) -> AppError {
    let tools = match terms.right {
        Right::Get => "job_status and file_list make one",
        Right::Put => "file_upload_link makes one",
    };
    let moment = view::text(terms.until);
    AppError::new(ErrorKind::Expired, format!("this link worked until {moment}; ask for a new one ({tools})"))
}
