//! The workspace's files as resources: `heavylift://files/<path>`. Those of jobs are the family beside.

use actors::FoundFile;
use actors::model::Owner;
use async_trait::async_trait;
use rmcp::model::{
    ArgumentInfo, CompletionContext, ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, Resource,
    ResourceTemplate,
};
use tools::WorkspacePath;

use super::{contents, written};
use crate::app::App;
use crate::changes::uri::{Target, of_file};
use crate::mcp::candidates::{self, Kind};
use crate::mcp::cursor;
use crate::mcp::freshness::{OF_NOW, fresh};
use crate::mcp::surface::{CallError, Caller, Resources};

const TEMPLATE: &str = "heavylift://files/{+path}";

/// The family.
pub(super) struct Files;

/// The file that `uri` names, if it names one of this family.
fn named(uri: &str) -> Option<WorkspacePath> {
    match Target::parse(uri)? {
        Target::File(path) if !path.as_str().starts_with("jobs/") => Some(path),
        _ => None,
    }
}

fn resource(file: &FoundFile) -> Resource {
    Resource::new(of_file(&file.path), file.path.as_str())
        .with_mime_type(mime(&file.path))
        .with_size(file.meta.bytes)
        .with_annotations(written(file.meta.modified))
}

fn mime(path: &WorkspacePath) -> String {
    mime_guess::from_path(path.as_str()).first_or_octet_stream().to_string()
}

#[async_trait]
impl Resources for Files {
    fn templates(&self) -> Vec<ResourceTemplate> {
        let description = "A file of the workspace, also of a mounted folder, by its path: what was put there with file_put, an \
            upload link or HTTP. At most 1 MiB is read; file_preview looks into larger ones.";
        vec![ResourceTemplate::new(TEMPLATE, "file").with_title("Workspace file").with_description(description)]
    }

    fn canonical(&self, uri: &str) -> Option<String> {
        named(uri).as_ref().map(of_file)
    }

    async fn list(
        &self,
        caller: &Caller<'_>,
        after: Option<&str>,
        most: usize,
    ) -> Result<(Vec<Resource>, Option<String>), CallError> {
        let after: Option<WorkspacePath> =
            after.map(str::parse).transpose().map_err(|_: tools::ToolError| cursor::unknown())?;
        let workspace = &caller.app.core.workspace;
        let (files, more) = workspace.list(&caller.principal.owner, "", after.as_ref(), most).await?;
        let next = files.last().filter(|_| more).map(|last| last.path.to_string());
        Ok((files.iter().map(resource).collect(), next))
    }

    async fn read(
        &self,
        caller: &Caller<'_>,
        request: &ReadResourceRequestParams,
    ) -> Result<Option<ReadResourceResponse>, CallError> {
        let Some(path) = named(&request.uri) else { return Ok(None) };
        let Some(found) = caller.app.core.workspace.find(&caller.principal.owner, &path).await? else {
            return Ok(None);
        };
        let contents = contents::read(caller.app, &found, &request.uri, mime(&path)).await?;
        Ok(contents.map(|contents| fresh!(ReadResourceResult::new(vec![contents]), OF_NOW).into()))
    }

    async fn version(&self, app: &App, owner: &Owner, uri: &str) -> Result<Option<String>, CallError> {
        match named(uri) {
            Some(path) => contents::version(app, owner, &path).await,
            None => Ok(None),
        }
    }

    async fn complete(
        &self,
        caller: &Caller<'_>,
        uri_template: &str,
        argument: &ArgumentInfo,
        _: Option<&CompletionContext>,
    ) -> Result<Vec<String>, CallError> {
        if uri_template != TEMPLATE || argument.name != "path" {
            return Ok(Vec::new());
        }
        Ok(candidates::files(caller, &argument.value, Kind::Any).await?)
    }
}
