//! `/files`: a principal's workspace over HTTP.

use std::sync::Arc;

use actix_web::http::Method;
use actix_web::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_RANGE, LAST_MODIFIED, LOCATION, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use actors::FoundFile;
use actors::ports::{BlobStore, ByteStream, DirectTerms, Meta, StoreErrorKind};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tools::WorkspacePath;

use super::AppData;
use super::range::{self, Wanted};
use crate::app::App;
use crate::auth::Principal;
use crate::error::{AppError, ErrorKind};
use crate::links::{self, Grant, Link};
use crate::{pages, view};

/// A file in a listing.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct FileView {
    /// Its name in the workspace.
    pub path: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// When it was written, in UTC.
    pub modified: String,
    /// Its version.
    pub etag: String,
    /// Where to download it, without an API key, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub download_url: Option<String>,
    /// Until when that works, in UTC; for as long as the file is there where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

impl FileView {
    /// The view of a file.
    pub fn new(path: &WorkspacePath, meta: &Meta) -> Self {
        let modified = view::text(meta.modified);
        let (path, etag) = (path.to_string(), meta.etag.0.clone());
        Self { path, bytes: meta.bytes, modified, etag, download_url: None, expires_at: None }
    }

    /// The same with a link to it.
    #[must_use]
    pub fn with_link(self, link: Link) -> Self {
        Self { download_url: Some(link.url), expires_at: link.until.map(view::text), ..self }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    #[serde(default)]
    prefix: String,
    after: Option<String>,
    limit: Option<usize>,
}

/// `GET /files?prefix=&after=&limit=`: files in order of name, at most 1,000 at once.
pub(super) async fn list(
    app: AppData,
    principal: Principal,
    query: web::Query<ListQuery>,
) -> Result<HttpResponse, AppError> {
    let after = query.after.as_deref().map(str::parse::<WorkspacePath>).transpose()?;
    let limit = query.limit.unwrap_or(1000).clamp(1, 1000);
    let (files, more) = app
        .core
        .workspace
        .list(&principal.owner, &query.prefix, after.as_ref(), limit)
        .await
        .map_err(AppError::from)?;
    let files: Vec<FileView> = files.iter().map(|file| FileView::new(&file.path, &file.meta)).collect();
    Ok(HttpResponse::Ok().json(serde_json::json!({"files": files, "more": more})))
}

/// `GET /files/{path}`: the bytes, or one range of them; also of a job's artifacts. By a link without an API key as well.
pub(super) async fn get(
    app: AppData,
    principal: Principal,
    grant: Option<web::ReqData<Grant>>,
    request: HttpRequest,
    path: web::Path<String>,
) -> Result<HttpResponse, AppError> {
    if let Some(grant) = grant {
        let answered = by_link(&app, &grant, &request).await;
        return Ok(answered.unwrap_or_else(|error| pages::refusal(request.headers(), &error)));
    }
    let path: WorkspacePath = path.parse()?;
    let found = app.core.workspace.get(&principal.owner, &path).await?;
    send(&app, found, &request).await
}

/// What a link opens: from the store itself, where it can hand the bytes to whoever has an address from it.
///
/// A caller with a key is never sent there, since the key would go along.
async fn by_link(app: &App, grant: &Grant, request: &HttpRequest) -> Result<HttpResponse, AppError> {
    let path = grant.target.file().ok_or_else(links::unknown)?;
    let gone = || AppError::not_found(format!("{path} is not there any more; ask for a new one"));
    let found = match app.core.workspace.find(&grant.owner, path).await.map_err(AppError::from) {
        Ok(found) => found.ok_or_else(gone)?,
        // The name of what else there is belongs to the owner, not to whoever holds a link.
        Err(error) if error.kind == ErrorKind::NotFound => return Err(gone()),
        Err(error) => return Err(error),
    };
    let terms = DirectTerms { until: grant.until, file_name: path.file_name().to_owned(), mime: mime(path) };
    match store(app, &found)?.direct_link(&found.key, &terms).await {
        Ok(None) => send(app, found, request).await,
        Ok(Some(address)) => Ok(HttpResponse::TemporaryRedirect()
            .insert_header((LOCATION, address))
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header((REFERRER_POLICY, "no-referrer"))
            .finish()),
        Err(error) if error.kind == StoreErrorKind::NotFound => Err(gone()),
        Err(error) => Err(error.into()),
    }
}

/// Sends what was found, as far as the request asks for it.
async fn send(app: &App, found: FoundFile, request: &HttpRequest) -> Result<HttpResponse, AppError> {
    let path = &found.path;
    if range::is_known(request, &found.meta.etag) {
        return Ok(HttpResponse::NotModified().insert_header(range::header(&found.meta.etag)).finish());
    }
    let wanted = range::wanted(request, found.meta.bytes, &found.meta.etag);
    let part = match wanted {
        Wanted::Whole => None,
        Wanted::Part(part) => Some(part),
        Wanted::Nothing => {
            let all = format!("bytes */{}", found.meta.bytes);
            return Ok(HttpResponse::RangeNotSatisfiable().insert_header((CONTENT_RANGE, all)).finish());
        }
    };
    let (meta, stream): (Meta, ByteStream) = if request.method() == Method::HEAD {
        (found.meta.clone(), Box::pin(stream::empty())) // nobody wants the bytes
    } else {
        store(app, &found)?.read(&found.key, part.clone()).await?
    };
    if meta.etag != found.meta.etag {
        return Err(AppError::new(ErrorKind::Unavailable, format!("{path} is being replaced; try again")));
    }
    let mut response = match &part {
        Some(part) => {
            let range = format!("bytes {}-{}/{}", part.start, part.end - 1, meta.bytes);
            let mut response = HttpResponse::PartialContent();
            response.insert_header((CONTENT_RANGE, range));
            response
        }
        None => HttpResponse::Ok(),
    };
    describe(&mut response, path, &meta);
    let length = part.map_or(meta.bytes, |part| part.end - part.start);
    Ok(response.no_chunking(length).streaming(stream))
}

fn describe(response: &mut HttpResponseBuilder, path: &WorkspacePath, meta: &Meta) {
    response
        .content_type(mime(path))
        .insert_header(range::header(&meta.etag))
        .insert_header((ACCEPT_RANGES, "bytes"))
        .insert_header((CACHE_CONTROL, "private, no-cache"))
        .insert_header((CONTENT_DISPOSITION, view::attachment(path.file_name())))
        // What a caller uploaded is never run as a page of ours.
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((LAST_MODIFIED, httpdate::fmt_http_date(meta.modified.into())));
}

/// Where a file's bytes are.
fn store<'a>(app: &'a App, found: &FoundFile) -> Result<&'a Arc<dyn BlobStore>, AppError> {
    let store = app.core.workspace.store(found.mount.as_deref());
    store.ok_or_else(|| AppError::not_found(format!("{} went with its mount", found.path)))
}

fn mime(path: &WorkspacePath) -> String {
    mime_guess::from_path(path.as_str()).first_or_octet_stream().to_string()
}

/// `DELETE /files/{path}`: 204, also when there was none. A job's files go with the job.
pub(super) async fn delete(
    app: AppData,
    principal: Principal,
    path: web::Path<String>,
) -> Result<HttpResponse, AppError> {
    let path: WorkspacePath = path.parse()?;
    remove(&app, &principal, &path).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Removes a workspace file; for the route and the tool.
///
/// # Errors
/// `InvalidParams` for a job's file or one of a mount; `Unavailable`.
pub async fn remove(app: &App, principal: &Principal, path: &WorkspacePath) -> Result<(), AppError> {
    let key = app.core.workspace.writable(&principal.owner, path)?;
    app.core.ports.store.delete(&key).await?;
    app.changes.file(&principal.owner, path, None);
    Ok(())
}
