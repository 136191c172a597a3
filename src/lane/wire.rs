//! What a server and its lane say to each other: `MessagePack` in frames with a length before them.
//!
//! The server says one [`Setup`], then a [`Request`] for every job; the lane says [`Reply`]s. Numbers arrive as they were sent,
//! which JSON would not promise.

use std::io;
use std::path::PathBuf;

use bytes::{Bytes, BytesMut};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::codec::{Decoder as _, Encoder as _, LengthDelimitedCodec};
use tools::{Answers, Folders, Input, Limits, Outcome, Progress, ToolError};

use super::sandbox::{Offered, Sandbox};

/// The longest frame: ten thousand files with their names take a fifth of it.
const LONGEST: usize = 16 << 20;
/// How deep values may lie in each other: a record that was written deeper could not be read again.
const DEEPEST: usize = 120;

/// How a lane is to be, for as long as it lives.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Setup {
    /// Below it is all that the lane reads.
    pub(super) read: PathBuf,
    /// Below it is all that the lane writes.
    pub(super) write: PathBuf,
    pub(super) sandbox: Sandbox,
    /// What no job may go beyond.
    pub(super) limits: Limits,
}

/// One job to run.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) tool: String,
    pub(super) params: Value,
    pub(super) inputs: Vec<Input>,
    pub(super) folders: Folders,
    pub(super) limits: Limits,
    pub(super) answers: Answers,
}

/// What a lane says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Reply {
    /// It can take jobs, shut in as far as this.
    Ready(Offered),
    Progress(Progress),
    Done(Outcome),
    Failed(ToolError),
    Panicked(String),
}

/// `message` as it goes through the pipe.
///
/// # Errors
/// `InvalidInput` for one that is too long, or names a path that is not UTF-8.
pub(super) fn frame(message: &impl Serialize) -> io::Result<Bytes> {
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidInput, error);
    let body: Bytes = rmp_serde::to_vec_named(message).map_err(invalid)?.into();
    let mut framed = BytesMut::new();
    codec().encode(body, &mut framed)?;
    Ok(framed.freeze())
}

/// Puts what came through a pipe together again.
pub(super) struct Frames {
    codec: LengthDelimitedCodec,
    bytes: BytesMut,
}

impl Frames {
    pub(super) fn new() -> Self {
        Self { codec: codec(), bytes: BytesMut::new() }
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next message, once it is there as a whole.
    ///
    /// # Errors
    /// `InvalidData` for what is no message.
    pub(super) fn next<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        let frame = self.codec.decode(&mut self.bytes)?;
        let Some(frame) = frame else { return Ok(None) };
        let mut reader = rmp_serde::Deserializer::from_read_ref(&frame);
        reader.set_max_depth(DEEPEST);
        T::deserialize(&mut reader).map(Some).map_err(invalid)
    }

    /// Whether nothing waits to be put together.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

fn codec() -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder().max_frame_length(LONGEST).new_codec()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_said_arrives_as_it_was_said() {
        let report =
            tools::Report { rows: vec![vec![json!(0.1 + 0.2), json!({"b": 1, "a": null})]], ..Default::default() };
        let outcome = Outcome { report, artifacts: Vec::new() };
        let said = frame(&Reply::Done(outcome.clone())).expect("short");
        let mut frames = Frames::new();
        for byte in &said[..said.len() - 1] {
            frames.feed(&[*byte]);
            assert!(frames.next::<Reply>().expect("no fault yet").is_none());
        }
        frames.feed(&said[said.len() - 1..]);
        let Some(Reply::Done(heard)) = frames.next().expect("whole") else { panic!("another word") };
        assert_eq!(heard, outcome);
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        for nonsense in [&b"\xff\xff\xff\xffso it goes"[..], b"\0\0\0\x04what", b"GET / HTTP/1.1\r\n\r\n"] {
            let mut frames = Frames::new();
            frames.feed(nonsense);
            assert!(frames.next::<Reply>().is_err(), "{nonsense:?}");
        }
    }
}
