//! What a server offers over MCP: compute tools stand in the catalogue, all the rest here.
//!
//! | to add | implement | and name it in |
//! |---|---|---|
//! | a tool that answers at once | [`DirectTool`], mostly through `mcp::service::ServiceTool` | [`Surface::standard`] |
//! | a prompt | [`Prompt`] | [`Surface::standard`] |
//! | a family of resources | [`Resources`] | [`Surface::standard`] |
//!
//! `app` takes one at start; a server with other tools of its own brings another one.

mod caller;
mod error;

use std::sync::Arc;

use actors::model::Owner;
use async_trait::async_trait;
use rmcp::model::{
    ArgumentInfo, CallToolRequestParams, CallToolResponse, CompletionContext, GetPromptRequestParams,
    GetPromptResponse, ReadResourceRequestParams, ReadResourceResponse, Resource, ResourceTemplate, Tool,
};

pub use super::logging::Level;
use super::{prompts, resources, service};
use crate::app::App;
pub use caller::Caller;
pub use error::CallError;

/// What a server offers beside the compute tools of its catalogue.
#[derive(Clone, Default)]
pub struct Surface {
    /// Tools that answer without becoming a job. They go before compute tools of the same name.
    pub tools: Vec<Arc<dyn DirectTool>>,
    /// Templates for a conversation's first words.
    pub prompts: Vec<Arc<dyn Prompt>>,
    /// Where resources come from, in the order in which they are listed.
    pub resources: Vec<Arc<dyn Resources>>,
}

impl Surface {
    /// What every server offers.
    #[must_use]
    pub fn standard() -> Self {
        Self { tools: service::all(), prompts: prompts::all(), resources: resources::all() }
    }
}

/// A tool that answers by itself.
#[async_trait]
pub trait DirectTool: Send + Sync + 'static {
    /// What `tools/list` shows. The name in it is the tool's.
    fn listed(&self) -> Tool;

    /// Answers one call.
    ///
    /// # Errors
    /// What the caller did wrong or the server could not do; becomes an `isError` result where a model can mend it.
    async fn call(&self, caller: &Caller<'_>, request: CallToolRequestParams) -> Result<CallToolResponse, CallError>;
}

/// A template for a conversation's first words.
#[async_trait]
pub trait Prompt: Send + Sync + 'static {
    /// What `prompts/list` shows. The name in it is the prompt's.
    fn listed(&self) -> rmcp::model::Prompt;

    /// Fills it in.
    ///
    /// # Errors
    /// Arguments that are missing or wrong.
    async fn get(&self, caller: &Caller<'_>, request: GetPromptRequestParams) -> Result<GetPromptResponse, CallError>;

    /// Values for an argument that fit what was typed so far, best first; at most 100 of them are shown.
    ///
    /// # Errors
    /// A store that does not answer.
    async fn complete(
        &self,
        _caller: &Caller<'_>,
        _argument: &ArgumentInfo,
        _context: Option<&CompletionContext>,
    ) -> Result<Vec<String>, CallError> {
        Ok(Vec::new())
    }
}

/// A family of resources: those whose URIs are spelled in one way.
#[async_trait]
pub trait Resources: Send + Sync + 'static {
    /// What `resources/templates/list` shows.
    fn templates(&self) -> Vec<ResourceTemplate>;

    /// One page of what `resources/list` shows: those after the one called `after`, at most `most`, in an order that stays.
    /// With the name to go on after where there are more.
    ///
    /// # Errors
    /// A store that does not answer.
    async fn list(
        &self,
        caller: &Caller<'_>,
        after: Option<&str>,
        most: usize,
    ) -> Result<(Vec<Resource>, Option<String>), CallError>;

    /// Reads one; nothing where the URI is none of this family's or nothing lies there.
    ///
    /// # Errors
    /// One that is too large; a store that does not answer.
    async fn read(
        &self,
        caller: &Caller<'_>,
        request: &ReadResourceRequestParams,
    ) -> Result<Option<ReadResourceResponse>, CallError>;

    /// The one spelling of `uri` among those that name the same thing; nothing where it is none of this family's. Says nothing
    /// about whether there is anything.
    fn canonical(&self, uri: &str) -> Option<String>;

    /// The version of one of `owner`'s as it is now, by which a change is noticed; nothing as for [`read`](Self::read). Asked
    /// for every few seconds while somebody watches it, so it must be cheap.
    ///
    /// # Errors
    /// A store that does not answer.
    async fn version(&self, app: &App, owner: &Owner, uri: &str) -> Result<Option<String>, CallError>;

    /// Values for a variable of the template `uri_template` that fit what was typed so far; at most 100 of them are shown.
    ///
    /// # Errors
    /// A store that does not answer.
    async fn complete(
        &self,
        _caller: &Caller<'_>,
        _uri_template: &str,
        _argument: &ArgumentInfo,
        _context: Option<&CompletionContext>,
    ) -> Result<Vec<String>, CallError> {
        Ok(Vec::new())
    }
}
