//! `PUT /files/{path}`, streamed and checked.

use std::path::Path;
use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _};
use parking_lot::Mutex;
use reqwest::header::CONTENT_LENGTH;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio_util::io::ReaderStream;

use super::http::accept;
use super::{ClientError, Server};

const PIECE: usize = 256 * 1024;

/// What the server says of a file that it took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uploaded {
    /// Its path in the workspace.
    pub path: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// Its SHA-256, equal to that of the bytes that were sent.
    pub sha256: String,
}

impl Server {
    /// Sends the local file `from` to the workspace as `path`; `on_bytes` hears how many bytes went with each piece.
    ///
    /// # Errors
    /// `Local` when the file cannot be read; `Unreachable`; `Refused`, also when what arrived is not what was sent.
    pub async fn put_file(
        &self,
        from: &Path,
        path: &str,
        on_bytes: impl Fn(u64) + Send + 'static,
    ) -> Result<Uploaded, ClientError> {
        let name = from.display().to_string();
        let file = tokio::fs::File::open(from).await.map_err(|error| ClientError::io(&name, &error))?;
        let meta = file.metadata().await.map_err(|error| ClientError::io(&name, &error))?;
        if !meta.is_file() {
            return Err(ClientError::Local(format!("{name} is not a file")));
        }
        let hasher = Arc::new(Mutex::new(Sha256::new()));
        let hashing = Arc::clone(&hasher);
        let pieces = ReaderStream::with_capacity(file, PIECE).inspect_ok(move |piece| {
            hashing.lock().update(piece);
            on_bytes(piece.len() as u64);
        });
        let request = self.http.put(self.file(path)).header(CONTENT_LENGTH, meta.len());
        let response = request.body(reqwest::Body::wrap_stream(pieces.boxed())).send().await?;
        let uploaded: Uploaded = accept(response).await?.json().await?;
        let sent = tools::context::hex(&hasher.lock().clone().finalize());
        if uploaded.sha256 == sent {
            return Ok(uploaded);
        }
        Err(ClientError::Refused { kind: None, message: format!("{path} arrived damaged; send it again") })
    }
}
