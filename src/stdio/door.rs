//! How processes on one store find each other: a socket in the store's folder, behind which its holder speaks MCP as on its
//! standard streams.
//!
//! Opened by every server that asks for no API keys, before it says that it listens. Its file stays when the server ends: the
//! next holder of the store, and nobody else, may put another in its place.

use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actors::ports::{Clock as _, SystemClock};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::mcp::Endpoint;
use crate::store::DOOR;

/// How many may be inside at once.
const MOST: usize = 64;

/// How long to wait where nobody can be let in.
const REST: Duration = Duration::from_millis(100);

/// An open door.
pub(crate) struct Door {
    listener: UnixListener,
    /// The user that may come in: the one that the server runs as.
    user: u32,
}

impl Door {
    /// Opens the door of the store in `folder`, whose lock this process holds.
    ///
    /// # Errors
    /// When the disk knows no sockets, or the folder's name is too long for one.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        shut(folder)?;
        let path = folder.join(DOOR);
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self { listener, user: std::fs::metadata(&path)?.uid() })
    }

    /// Lets in who comes, until `closing`. Conversations end by themselves, or with the server.
    pub(crate) async fn serve(self, endpoint: Endpoint, closing: CancellationToken) {
        let room = Arc::new(Semaphore::new(MOST));
        loop {
            let came = tokio::select! {
                came = self.listener.accept() => came,
                () = closing.cancelled() => return,
            };
            let Ok((stream, _)) = came else {
                SystemClock.sleep(REST).await; // no more files may be open just now
                continue;
            };
            let Ok(place) = Arc::clone(&room).try_acquire_owned() else { continue };
            if !stream.peer_cred().is_ok_and(|peer| peer.uid() == self.user) {
                continue;
            }
            let endpoint = endpoint.clone();
            actix_web::rt::spawn(async move {
                let (from, to) = stream.into_split();
                endpoint.serve_pipe(from, to).await;
                drop(place);
            });
        }
    }
}

/// Takes away the door that an earlier holder left.
///
/// # Errors
/// When the disk fails.
pub(crate) fn shut(folder: &Path) -> io::Result<()> {
    match std::fs::remove_file(folder.join(DOOR)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Goes in.
///
/// # Errors
/// When there is no door, or nobody behind it.
pub(super) async fn knock(folder: &Path) -> io::Result<UnixStream> {
    UnixStream::connect(folder.join(DOOR)).await
}

/// Whether there is a door, be it that nobody is behind it.
pub(super) fn is_there(folder: &Path) -> bool {
    folder.join(DOOR).exists()
}
