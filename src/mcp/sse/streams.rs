//! Which streams are open, and whose they are.

use std::collections::HashMap;
use std::sync::Arc;

use actors::model::Owner;
use parking_lot::Mutex;
use rand::RngExt as _;
use rmcp::model::ClientJsonRpcMessage;
use tokio::sync::mpsc::Sender;
use tokio_util::sync::CancellationToken;

use crate::error::{AppError, ErrorKind};

/// How many streams a principal may have open.
const MOST: usize = 64;

/// The open streams, by the id that their client posts to.
#[derive(Default)]
pub(in crate::mcp) struct Streams(Mutex<HashMap<String, Stream>>);

struct Stream {
    owner: Owner,
    to: Sender<ClientJsonRpcMessage>,
}

/// An open stream. Dropped, it is closed.
pub(super) struct Opened {
    /// Nobody can guess it.
    pub(super) id: String,
    /// Cancelled at its end.
    pub(super) over: CancellationToken,
    streams: Arc<Streams>,
}

impl Streams {
    /// Opens a stream of `owner`; what is posted to it goes to `to`.
    ///
    /// # Errors
    /// `Busy` where the owner has too many.
    pub(super) fn open(self: Arc<Self>, owner: &Owner, to: Sender<ClientJsonRpcMessage>) -> Result<Opened, AppError> {
        let id = format!("{:032x}", rand::rng().random::<u128>());
        let mut open = self.0.lock();
        if open.values().filter(|stream| stream.owner == *owner).count() >= MOST {
            let message = format!("you have {MOST} streams open already; close one of them");
            return Err(AppError::new(ErrorKind::Busy, message));
        }
        open.insert(id.clone(), Stream { owner: owner.clone(), to });
        drop(open);
        Ok(Opened { id, over: CancellationToken::new(), streams: self })
    }

    /// Where to post to the stream called `id`, if it is `owner`'s.
    pub(super) fn find(&self, id: &str, owner: &Owner) -> Option<Sender<ClientJsonRpcMessage>> {
        let open = self.0.lock();
        open.get(id).filter(|stream| stream.owner == *owner).map(|stream| stream.to.clone())
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.over.cancel();
        self.streams.0.lock().remove(&self.id);
    }
}

#[test]
fn a_stream_is_its_owners_until_it_ends_and_there_are_not_too_many() {
    let streams = Arc::<Streams>::default();
    let owner = |name: &str| name.parse::<Owner>().expect("a name");
    let open = |name: &str| Arc::clone(&streams).open(&owner(name), tokio::sync::mpsc::channel(1).0);
    let mut all: Vec<Opened> = (0..MOST).map(|_| open("ada").expect("room")).collect();
    assert!(open("ada").is_err() && open("bob").is_ok());
    let last = all.pop().expect("one");
    assert!(streams.find(&last.id, &owner("ada")).is_some() && streams.find(&last.id, &owner("bob")).is_none());
    let (id, over) = (last.id.clone(), last.over.clone());
    drop(last);
    assert!(over.is_cancelled() && streams.find(&id, &owner("ada")).is_none() && open("ada").is_ok());
}
