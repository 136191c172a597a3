//! Tools that answer at once, without a job: the workspace, the jobs themselves, the server.
//!
//! A new one is a type that implements [`ServiceTool`] in the file of its family and one line in [`all`].

mod files;
mod info;
mod jobs;
mod links;

use std::sync::Arc;

use async_trait::async_trait;
use rmcp::model::{CallToolRequestParams, CallToolResponse, CallToolResult, Tool};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::listing;
use super::surface::{CallError, Caller, DirectTool};
use crate::error::AppError;

/// The name of the tool that waits for a job.
pub(super) const WAIT: &str = "job_wait";

/// A tool that answers at once.
#[async_trait]
pub(super) trait ServiceTool: Send + Sync + 'static {
    /// The parameters of a call.
    type Params: DeserializeOwned + JsonSchema + Send;
    /// What comes back.
    type Output: Serialize + JsonSchema;

    /// `family_verb`.
    const NAME: &'static str;
    /// The name for people.
    const TITLE: &'static str;
    /// What it does, for the model that chooses among tools.
    const DESCRIPTION: &'static str;
    /// Whether it changes nothing.
    const READ_ONLY: bool;
    /// Whether it takes something away.
    const DESTRUCTIVE: bool = false;

    /// Does it.
    async fn call(&self, caller: &Caller<'_>, params: Self::Params) -> Result<Self::Output, AppError>;
}

/// What `tools/list` says about a service tool.
pub(super) struct ServiceSpec {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) description: &'static str,
    pub(super) read_only: bool,
    pub(super) destructive: bool,
    pub(super) input_schema: Value,
    pub(super) output_schema: Value,
}

fn spec<T: ServiceTool>() -> ServiceSpec {
    ServiceSpec {
        name: T::NAME,
        title: T::TITLE,
        description: T::DESCRIPTION,
        read_only: T::READ_ONLY,
        destructive: T::DESTRUCTIVE,
        input_schema: tools::tool::schema_of::<T::Params>(),
        output_schema: tools::tool::output_schema_of::<T::Output>(),
    }
}

/// Any [`ServiceTool`], its types behind JSON.
struct Service<T> {
    tool: T,
    listed: Tool,
}

#[async_trait]
impl<T: ServiceTool> DirectTool for Service<T> {
    fn listed(&self) -> Tool {
        self.listed.clone()
    }

    async fn call(&self, caller: &Caller<'_>, request: CallToolRequestParams) -> Result<CallToolResponse, CallError> {
        let arguments = Value::Object(request.arguments.unwrap_or_default());
        let params = tools::tool::parse(T::NAME, &arguments)?;
        let output = self.tool.call(caller, params).await?;
        let value = serde_json::to_value(output)
            .map_err(|error| AppError::internal(format!("{} gave no JSON: {error}", T::NAME)))?;
        Ok(CallToolResult::structured(value).into())
    }
}

fn direct<T: ServiceTool>(tool: T) -> Arc<dyn DirectTool> {
    Arc::new(Service { tool, listed: listing::service_tool(spec::<T>()) })
}

/// Every service tool.
pub(super) fn all() -> Vec<Arc<dyn DirectTool>> {
    vec![
        direct(files::Delete),
        direct(files::List),
        direct(files::Put),
        direct(links::Upload),
        direct(jobs::Cancel),
        direct(jobs::List),
        direct(jobs::Status),
        direct(jobs::Wait),
        direct(info::Info),
    ]
}
