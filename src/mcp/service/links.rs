//! `file_upload_link`: a link by which a person or a program without an API key puts big files into the workspace.

use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tools::WorkspacePath;

use super::ServiceTool;
use crate::error::AppError;
use crate::links::Target;
use crate::mcp::surface::Caller;
use crate::view;

pub(super) struct Upload;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UploadParams {
    /// Where to: a file like `sales.csv`, or a folder like `photos/` in which files keep their own names. `/` is the whole
    /// workspace.
    path: String,
    /// How many seconds the link works. By default as long as links may (`--link-ttl`), which is also the most.
    #[schemars(range(min = 1))]
    expires_seconds: Option<u64>,
    /// The largest file in bytes. By default as large as an upload may be, which is also the most.
    #[schemars(range(min = 1))]
    max_bytes: Option<u64>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct UploadOutput {
    /// What can be put: one file, or whatever goes into the folder (it ends with `/`).
    path: String,
    /// A page for people: choose files or drop them there.
    page_url: String,
    /// Where a program puts a file by HTTP PUT; behind a folder's it adds the file's name.
    put_url: String,
    /// The same as a command: `FILE` is the file on the machine where it runs.
    curl: String,
    /// Until when both work, in UTC.
    expires_at: String,
    /// The largest file, in bytes.
    max_bytes: u64,
    /// What to do next.
    next: String,
}

#[async_trait]
impl ServiceTool for Upload {
    type Params = UploadParams;
    type Output = UploadOutput;
    const NAME: &'static str = "file_upload_link";
    const TITLE: &'static str = "Make an upload link";
    const DESCRIPTION: &'static str = "Makes a link for putting big files into the workspace without an API key: a page for people \
        (page_url: choose or drop files, with a progress bar) and an address for programs (put_url, `curl -T FILE URL`). Give it to \
        whoever has the file. It is good for the named file or folder only, replaces files of the same name, and ends by itself.";
    const READ_ONLY: bool = false;

    async fn call(&self, caller: &Caller<'_>, params: UploadParams) -> Result<UploadOutput, AppError> {
        let target = target(caller, &params.path).await?;
        let most = caller.app.config.max_upload_bytes;
        let max_bytes = within("max_bytes", params.max_bytes, most, "--max-upload-bytes")?;
        let longest = caller.app.links.ttl().as_secs();
        let seconds = within("expires_seconds", params.expires_seconds, longest, "--link-ttl and --result-ttl")?;
        let link = caller.app.links.upload(&caller.principal.owner, &target, Duration::from_secs(seconds), max_bytes);
        Ok(UploadOutput {
            path: target.to_string(),
            page_url: link.url.clone(),
            curl: format!("curl -T FILE '{}'", link.url),
            put_url: link.url,
            expires_at: link.until.map(view::text).unwrap_or_default(),
            max_bytes,
            next: "Give page_url or curl to whoever has the file; file_list shows what has arrived".to_owned(),
        })
    }
}

/// What `path` means: also without the `/` at its end it is a folder where there are files below it.
async fn target(caller: &Caller<'_>, path: &str) -> Result<Target, AppError> {
    let target: Target = path.parse()?;
    let file = match &target {
        Target::Folder(None) => return Ok(target),
        Target::Folder(Some(path)) | Target::File(path) => path,
    };
    caller.app.core.workspace.writable(&caller.principal.owner, file)?;
    if matches!(target, Target::File(_)) && is_folder(caller, file).await? {
        return Ok(Target::Folder(Some(file.clone())));
    }
    Ok(target)
}

async fn is_folder(caller: &Caller<'_>, path: &WorkspacePath) -> Result<bool, AppError> {
    let workspace = &caller.app.core.workspace;
    let (below, _) = workspace.list(&caller.principal.owner, &format!("{path}/"), None, 1).await?;
    Ok(!below.is_empty())
}

fn within(name: &str, asked: Option<u64>, most: u64, setting: &str) -> Result<u64, AppError> {
    let value = asked.unwrap_or(most);
    if (1..=most).contains(&value) {
        return Ok(value);
    }
    Err(AppError::invalid(format!("file_upload_link, parameter {name}: give 1 to {most} ({setting})")))
}
