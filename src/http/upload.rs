//! `PUT /files/{path}`, and `PUT` by a link: to disk as it arrives, measured and hashed on the way, into the store only when it is whole.

use std::path::Path;

use actix_web::http::header::CONTENT_LENGTH;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::StreamExt as _;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;
use tools::WorkspacePath;
use tools::context::hex;

use super::{AppData, range};
use crate::app::App;
use crate::auth::Principal;
use crate::error::{AppError, ErrorKind};

/// What was stored.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct Stored {
    /// Its name in the workspace.
    pub path: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// Its SHA-256, in lower-case hex.
    pub sha256: String,
    /// Its version.
    pub etag: String,
}

/// Stores the body. `X-Content-SHA256` (hex) is checked where it is sent; `If-Match` and `If-None-Match: *` are obeyed.
pub(super) async fn put(
    app: AppData,
    principal: Principal,
    request: HttpRequest,
    path: web::Path<String>,
    body: web::Payload,
) -> Result<HttpResponse, AppError> {
    let path: WorkspacePath = path.parse()?;
    let most = app.config.max_upload_bytes;
    store(&app, &principal, &request, path, body, most).await
}

/// Stores `body`, of at most `most` bytes, as `path`.
pub(super) async fn store(
    app: &App,
    principal: &Principal,
    request: &HttpRequest,
    path: WorkspacePath,
    body: web::Payload,
    most: u64,
) -> Result<HttpResponse, AppError> {
    let key = app.core.workspace.writable(&principal.owner, &path)?;
    let declared = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|bytes| bytes > most) {
        return Err(over(&path, most));
    }
    let folder = app.config.scratch.clone();
    let spool = tokio::task::spawn_blocking(move || {
        std::fs::create_dir_all(&folder)?;
        tempfile::Builder::new().prefix("upload-").tempfile_in(folder)
    });
    let spool = spool.await.map_err(|_| AppError::internal("the upload could not begin"))?;
    let spool = spool.map_err(|error| failed(&path, &error))?.into_temp_path();
    let (bytes, sha256) = receive(&path, &spool, body, most).await?;
    let wanted = request.headers().get("x-content-sha256").and_then(|value| value.to_str().ok());
    if wanted.is_some_and(|wanted| !wanted.eq_ignore_ascii_case(&sha256)) {
        let message = format!("{path} arrived with SHA-256 {sha256}, not the one in X-Content-SHA256; send it again");
        return Err(AppError::invalid(message));
    }
    let current = app.core.workspace.find(&principal.owner, &path).await?.map(|found| found.meta.etag);
    let expect = range::expectation(request, current.as_ref())?;
    let etag = app.core.ports.store.put_file(&key, &spool, expect).await?;
    app.changes.file(&principal.owner, &path, Some(&etag.0));
    let stored = Stored { path: path.to_string(), bytes, sha256, etag: etag.0.clone() };
    Ok(HttpResponse::Created().insert_header(range::header(&etag)).json(stored))
}

async fn receive(
    path: &WorkspacePath,
    spool: &Path,
    mut body: web::Payload,
    most: u64,
) -> Result<(u64, String), AppError> {
    // Not truncated, which it need not be: ext4 would write a truncated file out while it is closed, and hold the thread.
    let file = tokio::fs::File::options().write(true).open(spool).await.map_err(|error| failed(path, &error))?;
    let mut file = tokio::io::BufWriter::with_capacity(1 << 20, file);
    let mut hasher = Sha256::new();
    let mut bytes = 0;
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|_| AppError::invalid(format!("the upload of {path} broke off; send it again")))?;
        bytes += chunk.len() as u64;
        if bytes > most {
            return Err(over(path, most));
        }
        hasher.update(&chunk);
        file.write_all(&chunk).await.map_err(|error| failed(path, &error))?;
    }
    file.flush().await.map_err(|error| failed(path, &error))?;
    Ok((bytes, hex(&hasher.finalize())))
}

fn over(path: &WorkspacePath, most: u64) -> AppError {
    let message = format!("{path} is larger than {most} bytes, the most that may be uploaded here");
    AppError::new(ErrorKind::TooLarge, message)
}

fn failed(path: &WorkspacePath, error: &std::io::Error) -> AppError {
    tools::ToolError::io(&format!("receiving {path}"), error).into()
}
