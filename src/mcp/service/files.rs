//! The workspace: list, put, delete. Looking inside a file is work and therefore a job (`file_preview`).

use actors::FoundFile;
use actors::ports::Expect;
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tools::WorkspacePath;
use tools::context::hex;

use super::ServiceTool;
use crate::error::{AppError, ErrorKind};
use crate::http::files::{FileView, remove};
use crate::http::upload::Stored;
use crate::mcp::surface::Caller;

/// The most that fits into a call; bigger files go over HTTP.
const MOST_INLINE_BYTES: usize = 1 << 20;

pub(super) struct List;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListParams {
    /// Which files: a glob like `*.csv` or `photos/**/*.jpg`. All when left out. `jobs/<job_id>/*` lists what a job wrote.
    pattern: Option<String>,
    /// Only files after this one, to go on with a listing.
    after: Option<WorkspacePath>,
    /// How many at most, up to 1,000. Default 200.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<usize>,
    /// Whether to give a `download_url` for each, which needs no API key. Default false.
    #[serde(default)]
    links: bool,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct ListOutput {
    /// In order of name.
    files: Vec<FileView>,
    /// Whether there are more: go on with `after`.
    more: bool,
    /// Folders of existing data that everyone sees and nobody writes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mounts: Vec<String>,
}

#[async_trait]
impl ServiceTool for List {
    type Params = ListParams;
    type Output = ListOutput;
    const NAME: &'static str = "file_list";
    const TITLE: &'static str = "List files";
    const DESCRIPTION: &'static str = "Lists the files of the workspace, in order of name, with their sizes. Use it to learn what there is to work on.";
    const READ_ONLY: bool = true;

    async fn call(&self, caller: &Caller<'_>, params: ListParams) -> Result<ListOutput, AppError> {
        let workspace = &caller.app.core.workspace;
        let limit = params.limit.unwrap_or(200).clamp(1, 1000);
        let owner = &caller.principal.owner;
        let (files, more) = match &params.pattern {
            None => workspace.list(owner, "", params.after.as_ref(), limit).await?,
            Some(pattern) => {
                let mut files = workspace.glob(owner, pattern).await?;
                files.retain(|file| params.after.as_ref().is_none_or(|after| file.path > *after));
                let more = files.len() > limit;
                files.truncate(limit);
                (files, more)
            }
        };
        let now = caller.app.core.ports.clock.now();
        let view = |file: &FoundFile| {
            let view = FileView::new(&file.path, &file.meta);
            let link = params.links.then(|| caller.app.links.download(owner, file.path.as_str(), None, now));
            link.map_or(view.clone(), |link| view.with_link(link))
        };
        let mounts = workspace.mounts().names().map(|name| format!("{name}/")).collect();
        Ok(ListOutput { files: files.iter().map(view).collect(), more, mounts })
    }
}

pub(super) struct Put;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PutParams {
    /// The file's name in the workspace, like `sales.csv` or `photos/a.jpg`.
    path: WorkspacePath,
    /// Its content as text. Either this or `content_base64`.
    content: Option<String>,
    /// Its content as base64, for what is no text.
    content_base64: Option<String>,
}

#[async_trait]
impl ServiceTool for Put {
    type Params = PutParams;
    type Output = Stored;
    const NAME: &'static str = "file_put";
    const TITLE: &'static str = "Put a small file";
    const DESCRIPTION: &'static str = "Writes a small file (at most 1 MiB) into the workspace, replacing one of the same name. \
        Bigger ones: file_upload_link, `heavylift put FILE`, or HTTP PUT to /files/<path>.";
    const READ_ONLY: bool = false;
    const DESTRUCTIVE: bool = true;

    async fn call(&self, caller: &Caller<'_>, params: PutParams) -> Result<Stored, AppError> {
        let key = caller.app.core.workspace.writable(&caller.principal.owner, &params.path)?;
        let content = content(&params)?;
        if content.len() > MOST_INLINE_BYTES {
            let message = format!(
                "{} has {} bytes; at most 1 MiB fits into a call, put it with `heavylift put`",
                params.path,
                content.len()
            );
            return Err(AppError::new(ErrorKind::TooLarge, message));
        }
        let (bytes, sha256) = (content.len() as u64, hex(&Sha256::digest(&content)));
        let etag = caller.app.core.ports.store.put(&key, content, Expect::Any).await?;
        caller.app.changes.file(&caller.principal.owner, &params.path, Some(&etag.0));
        Ok(Stored { path: params.path.to_string(), bytes, sha256, etag: etag.0 })
    }
}

fn content(params: &PutParams) -> Result<Bytes, AppError> {
    match (&params.content, &params.content_base64) {
        (Some(text), None) => Ok(Bytes::from(text.clone())),
        (None, Some(encoded)) => {
            let bytes = STANDARD.decode(encoded.trim());
            let bytes =
                bytes.map_err(|error| AppError::invalid(format!("file_put, parameter content_base64: {error}")))?;
            Ok(Bytes::from(bytes))
        }
        _ => Err(AppError::invalid("file_put takes either content or content_base64")),
    }
}

pub(super) struct Delete;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeleteParams {
    /// The file's name in the workspace.
    path: WorkspacePath,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct DeleteOutput {
    /// The name that is free now.
    deleted: String,
}

#[async_trait]
impl ServiceTool for Delete {
    type Params = DeleteParams;
    type Output = DeleteOutput;
    const NAME: &'static str = "file_delete";
    const TITLE: &'static str = "Delete a file";
    const DESCRIPTION: &'static str = "Deletes one file of the workspace. Jobs that already read it are not harmed; files of jobs go with their time to live.";
    const READ_ONLY: bool = false;
    const DESTRUCTIVE: bool = true;

    async fn call(&self, caller: &Caller<'_>, params: DeleteParams) -> Result<DeleteOutput, AppError> {
        // Whoever misspells a name should hear of it, so this differs from the idempotent HTTP DELETE.
        caller.app.core.workspace.get(&caller.principal.owner, &params.path).await?;
        remove(caller.app, caller.principal, &params.path).await?;
        Ok(DeleteOutput { deleted: params.path.to_string() })
    }
}
