//! `GET /files/{path}`, streamed, and gone on with where it broke off.
//!
//! The bytes go into `NAME.part` beside the file, with the version they belong to in `NAME.part.etag`, so that a later call goes
//! on as well. A changed file is begun again: two versions are never mixed.

use std::io::{SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{CONTENT_RANGE, ETAG, IF_RANGE, RANGE};
use tokio::fs::File;
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};

use super::http::accept;
use super::{ClientError, SILENCE, Server};

const ATTEMPTS: u32 = 6;

/// How far a download is, for whoever shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Download {
    /// Bytes that are here.
    pub done: u64,
    /// Bytes in all, where the server says.
    pub total: Option<u64>,
}

/// Where a download stands: what is here, and of which version.
#[derive(Default)]
struct Standing {
    done: u64,
    etag: Option<String>,
}

impl Server {
    /// Brings the workspace file `path` to the local file `to`, which is replaced once all of it is here.
    ///
    /// # Errors
    /// `Refused`; `Unreachable` after several tries; `Local` when it cannot be written.
    pub async fn get_file(&self, path: &str, to: &Path, mut on: impl FnMut(Download)) -> Result<u64, ClientError> {
        let part = beside(to, ".part");
        let note = beside(to, ".part.etag");
        let etag = tokio::fs::read_to_string(&note).await.ok();
        let mut file = File::options().create(true).truncate(false).write(true).open(&part).await.map_err(local)?;
        let done = if etag.is_some() { file.metadata().await.map_err(local)?.len() } else { 0 };
        let mut standing = Standing { done, etag };
        for attempt in 1.. {
            match self.go_on(path, &mut file, &note, &mut standing, &mut on).await {
                Err(error) if error.is_unreachable() && attempt < ATTEMPTS => pause(attempt).await,
                Err(error) => {
                    if standing.done == 0 {
                        // Nothing to go on with: an empty part would only lie about.
                        drop(tokio::fs::remove_file(&part).await);
                        drop(tokio::fs::remove_file(&note).await);
                    }
                    return Err(error);
                }
                Ok(()) => break,
            }
        }
        file.sync_all().await.map_err(local)?;
        tokio::fs::rename(&part, to).await.map_err(local)?;
        drop(tokio::fs::remove_file(&note).await);
        Ok(standing.done)
    }

    /// Writes the workspace file `path` to `out`. It cannot take back what is written, so a file that changes on the way
    /// is an error.
    ///
    /// # Errors
    /// `Refused`; `Unreachable` after several tries; `Local` when `out` fails.
    pub async fn get_to(&self, path: &str, out: &mut impl Write) -> Result<u64, ClientError> {
        let mut standing = Standing::default();
        for attempt in 1.. {
            let step = async {
                let (mut response, _) = self.request(path, &mut standing).await?;
                if standing.done > 0 && response.status() != StatusCode::PARTIAL_CONTENT {
                    let message = format!("{path} changed while it was read; get it again");
                    return Err(ClientError::Refused { kind: None, message });
                }
                while let Some(piece) = next_piece(&mut response).await? {
                    out.write_all(&piece).map_err(local)?;
                    standing.done += piece.len() as u64;
                }
                Ok(())
            };
            match step.await {
                Err(error) if error.is_unreachable() && attempt < ATTEMPTS => pause(attempt).await,
                Err(error) => return Err(error),
                Ok(()) => break,
            }
        }
        out.flush().map_err(local)?;
        Ok(standing.done)
    }

    async fn go_on(
        &self,
        path: &str,
        file: &mut File,
        note: &Path,
        standing: &mut Standing,
        on: &mut impl FnMut(Download),
    ) -> Result<(), ClientError> {
        let (mut response, etag) = self.request(path, standing).await?;
        if response.status() != StatusCode::PARTIAL_CONTENT {
            *standing = Standing { done: 0, etag };
            file.set_len(0).await.map_err(local)?;
            match &standing.etag {
                Some(etag) => tokio::fs::write(note, etag).await.map_err(local)?,
                None => drop(tokio::fs::remove_file(note).await),
            }
        }
        file.seek(SeekFrom::Start(standing.done)).await.map_err(local)?;
        let total = response.content_length().map(|rest| standing.done + rest);
        while let Some(piece) = next_piece(&mut response).await? {
            file.write_all(&piece).await.map_err(local)?;
            standing.done += piece.len() as u64;
            on(Download { done: standing.done, total });
        }
        file.flush().await.map_err(local)
    }

    /// Asks for what is missing: a 206 goes on, any other success begins anew.
    async fn request(
        &self,
        path: &str,
        standing: &mut Standing,
    ) -> Result<(reqwest::Response, Option<String>), ClientError> {
        let mut request = self.http.get(self.file(path));
        if let (1.., Some(etag)) = (standing.done, &standing.etag) {
            request = request.header(RANGE, format!("bytes={}-", standing.done)).header(IF_RANGE, etag);
        }
        let mut response = request.send().await?;
        if response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
            // All of it may be here already, or the file became shorter: the server's size tells.
            response = self.http.get(self.file(path)).send().await?;
        }
        let response = accept(response).await?;
        let from = response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
        let expected = format!("bytes {}-", standing.done);
        if response.status() == StatusCode::PARTIAL_CONTENT && !from.is_some_and(|from| from.starts_with(&expected)) {
            return Err(ClientError::strange("a range that was not asked for"));
        }
        let etag = response.headers().get(ETAG).and_then(|etag| etag.to_str().ok()).map(str::to_owned);
        if standing.done == 0 {
            standing.etag.clone_from(&etag);
        }
        Ok((response, etag))
    }
}

/// The next piece; silence for too long is a broken connection.
async fn next_piece(response: &mut reqwest::Response) -> Result<Option<bytes::Bytes>, ClientError> {
    let silent = |_| ClientError::Unreachable("the server sent nothing for a minute".to_owned());
    Ok(tokio::time::timeout(SILENCE, response.chunk()).await.map_err(silent)??)
}

async fn pause(attempt: u32) {
    tokio::time::sleep(Duration::from_millis(200 << attempt.min(4))).await;
}

fn beside(to: &Path, ending: &str) -> PathBuf {
    let mut name = to.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn local(error: std::io::Error) -> ClientError {
    ClientError::io("writing the file", &error)
}
