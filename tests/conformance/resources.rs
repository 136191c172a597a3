//! The suite's resources.

use std::sync::Arc;

use actors::model::Owner;
use async_trait::async_trait;
use heavylift::app::App;
use heavylift::mcp::surface::{CallError, Caller, Resources};
use rmcp::model::{
    ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, Resource, ResourceContents, ResourceTemplate,
};
use serde_json::json;

use crate::content::PNG;

const TEXT: &str = "test://static-text";
const BINARY: &str = "test://static-binary";
const WATCHED: &str = "test://watched-resource";

/// The family.
pub(crate) fn all() -> Vec<Arc<dyn Resources>> {
    vec![Arc::new(Fixtures)]
}

struct Fixtures;

#[async_trait]
impl Resources for Fixtures {
    fn templates(&self) -> Vec<ResourceTemplate> {
        let template = ResourceTemplate::new("test://template/{id}/data", "template");
        vec![template.with_description("Data of an id.").with_mime_type("application/json")]
    }

    async fn list(
        &self,
        _: &Caller<'_>,
        after: Option<&str>,
        most: usize,
    ) -> Result<(Vec<Resource>, Option<String>), CallError> {
        let mut all = listed();
        all.retain(|resource| after.is_none_or(|after| resource.uri.as_str() > after));
        let more = all.len() > most;
        all.truncate(most);
        let next = all.last().filter(|_| more).map(|last| last.uri.clone());
        Ok((all, next))
    }

    async fn read(
        &self,
        _: &Caller<'_>,
        request: &ReadResourceRequestParams,
    ) -> Result<Option<ReadResourceResponse>, CallError> {
        Ok(contents(&request.uri).map(|contents| ReadResourceResult::new(vec![contents]).into()))
    }

    fn canonical(&self, uri: &str) -> Option<String> {
        uri.starts_with("test://").then(|| uri.to_owned())
    }

    /// They never change.
    async fn version(&self, _: &App, _: &Owner, uri: &str) -> Result<Option<String>, CallError> {
        Ok(contents(uri).map(|_| "1".to_owned()))
    }
}

/// In order of URI.
fn listed() -> Vec<Resource> {
    let resource = |uri: &str, name: &str, mime: &str| {
        Resource::new(uri, name).with_description("A resource of the conformance suite.").with_mime_type(mime)
    };
    vec![
        resource(BINARY, "static-binary", "image/png"),
        resource(TEXT, "static-text", "text/plain"),
        resource(WATCHED, "watched-resource", "text/plain"),
    ]
}

fn contents(uri: &str) -> Option<ResourceContents> {
    match uri {
        TEXT => Some(ResourceContents::text("This is the content of the static text resource.", uri)),
        BINARY => Some(ResourceContents::blob(PNG, uri).with_mime_type("image/png")),
        WATCHED => Some(ResourceContents::text("This is watched.", uri)),
        _ => {
            let id = uri.strip_prefix("test://template/")?.strip_suffix("/data")?;
            let data = json!({"id": id, "templateTest": true, "data": format!("Data for ID: {id}")});
            Some(ResourceContents::text(data.to_string(), uri).with_mime_type("application/json"))
        }
    }
}
