//! The id of an event: all that any replica needs to go on with a stream from there, sealed for the session it was given to.
//!
//! So nothing need be written when a stream begins, and an id that was never issued, or belongs to another session, opens
//! nothing.

use actors::model::{JobId, SessionId};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rmcp::model::{NumberOrString, ProgressToken, RequestId};
use serde::{Deserialize, Serialize};

use crate::links::Links;

/// How many bytes of the digest an id carries: nobody guesses 128 bits.
const TAG_BYTES: usize = 16;

/// What a stream is, for whoever takes it up again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Topic {
    /// The session's own stream, for what no request asked.
    #[serde(rename = "s")]
    Session,
    /// The answer to a request.
    #[serde(rename = "r")]
    Request {
        /// The request's id.
        id: RequestId,
        /// The token for its progress.
        #[serde(rename = "t")]
        token: Option<ProgressToken>,
        /// What it does.
        #[serde(rename = "d")]
        does: Does,
    },
}

/// What a request does, as far as another replica could go on with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Does {
    /// A compute tool's call, which becomes a job; and until when it waits, in seconds since 1970.
    #[serde(rename = "j")]
    Compute(i64),
    /// Another tool's call, which may become one; and until when.
    #[serde(rename = "c")]
    Call(i64),
    /// A call that waits for a job that it names; and until when.
    #[serde(rename = "w")]
    Wait(JobId, i64),
    /// Anything else.
    #[serde(rename = "o")]
    Other,
}

/// One event of one stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct EventId {
    /// Of which stream.
    #[serde(rename = "k")]
    pub(super) topic: Topic,
    /// Who numbered it: another replica's numbers say nothing here.
    #[serde(rename = "s")]
    pub(super) source: u32,
    /// Its number there, from 1.
    #[serde(rename = "n")]
    pub(super) number: u64,
    /// The highest progress that was told by then.
    #[serde(rename = "p")]
    pub(super) progress: Option<f64>,
}

impl EventId {
    /// The id as `session`'s client sees it.
    pub(super) fn seal(&self, links: &Links, session: &SessionId) -> String {
        let open = serde_json::to_string(self).expect("an event's id has only string keys");
        let tag = tag(links, session, &open);
        let mut bytes = tag[..TAG_BYTES].to_vec();
        bytes.extend_from_slice(open.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What `text` names, if it was issued to `session`.
    pub(super) fn open(text: &str, links: &Links, session: &SessionId) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (claimed, open) = bytes.split_at_checked(TAG_BYTES)?;
        let open = std::str::from_utf8(open).ok()?;
        let right = tag(links, session, open);
        let is_ours: bool = subtle::ConstantTimeEq::ct_eq(claimed, &right[..TAG_BYTES]).into();
        if is_ours { serde_json::from_str(open).ok() } else { None }
    }
}

fn tag(links: &Links, session: &SessionId, open: &str) -> [u8; 32] {
    links.digest(&format!("heavylift event 1\n{session}\n{open}"))
}

/// The job that a request of a session becomes. Nobody can guess it who does not have the key, and any replica finds it.
pub(super) fn job_of(links: &Links, session: &SessionId, request: &RequestId) -> JobId {
    let request = match request {
        NumberOrString::Number(number) => format!("n{number}"),
        NumberOrString::String(text) => format!("s{text}"),
    };
    JobId::of_digest(&links.digest(&format!("heavylift job 1\n{session}\n{request}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::links::tests::real as links;

    fn event() -> EventId {
        let topic = Topic::Request {
            id: NumberOrString::String("a\nb".into()),
            token: Some(ProgressToken(NumberOrString::Number(7))),
            does: Does::Call(1_700_000_000),
        };
        EventId { topic, source: 3, number: 9, progress: Some(0.1 + 0.2) }
    }

    #[test]
    fn an_id_opens_for_its_session_alone() {
        let (links, session) = (links(), SessionId::random());
        let sealed = event().seal(&links, &session);
        assert_eq!(EventId::open(&sealed, &links, &session), Some(event()));
        assert_eq!(EventId::open(&sealed, &links, &SessionId::random()), None);
    }

    #[test]
    fn what_was_never_issued_opens_nothing() {
        let (links, session) = (links(), SessionId::random());
        let sealed = event().seal(&links, &session);
        let mut changed = URL_SAFE_NO_PAD.decode(&sealed).expect("base64");
        *changed.last_mut().expect("bytes") ^= 1;
        for bad in ["", "0", "0/0", "17/3", &sealed[1..], &URL_SAFE_NO_PAD.encode(changed), "é"] {
            assert_eq!(EventId::open(bad, &links, &session), None, "{bad:?}");
        }
    }

    #[test]
    fn numbers_and_texts_are_different_requests() {
        let (links, session) = (links(), SessionId::random());
        let job = |id| job_of(&links, &session, &id);
        assert_eq!(job(NumberOrString::Number(1)), job(NumberOrString::Number(1)));
        assert_ne!(job(NumberOrString::Number(1)), job(NumberOrString::String("1".into())));
    }
}
