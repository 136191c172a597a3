//! Tools that answer at once, without a job: the workspace, the jobs themselves, the server.
//!
//! A new one is a type that implements [`ServiceTool`] in the file of its family and one line in [`all`].

mod files;
mod info;
mod jobs;
mod links;

use async_trait::async_trait;
use rmcp::RoleServer;
use rmcp::service::RequestContext;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::app::App;
use crate::auth::Principal;
use crate::error::AppError;
use crate::mcp::handler::Handler;

/// Who calls, and how to speak to them meanwhile.
pub(super) struct Caller<'a> {
    pub(super) app: &'a App,
    pub(super) principal: &'a Principal,
    /// Knows the conversation's actor, for the tools that need it.
    pub(super) handler: &'a Handler,
    pub(super) context: &'a RequestContext<RoleServer>,
}

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

/// Any [`ServiceTool`], its types behind JSON.
#[async_trait]
pub(super) trait AnyService: Send + Sync {
    fn name(&self) -> &'static str;
    fn spec(&self) -> ServiceSpec;
    async fn call(&self, caller: &Caller<'_>, params: Value) -> Result<Value, AppError>;
}

#[async_trait]
impl<T: ServiceTool> AnyService for T {
    fn name(&self) -> &'static str {
        T::NAME
    }

    fn spec(&self) -> ServiceSpec {
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

    async fn call(&self, caller: &Caller<'_>, params: Value) -> Result<Value, AppError> {
        let params = tools::tool::parse(T::NAME, &params)?;
        let output = ServiceTool::call(self, caller, params).await?;
        serde_json::to_value(output).map_err(|error| AppError::internal(format!("{} gave no JSON: {error}", T::NAME)))
    }
}

/// Every service tool.
fn all() -> [&'static dyn AnyService; 9] {
    [
        &files::Delete,
        &files::List,
        &files::Put,
        &links::Upload,
        &jobs::Cancel,
        &jobs::List,
        &jobs::Status,
        &jobs::Wait,
        &info::Info,
    ]
}

/// What `tools/list` says about each.
pub(super) fn specs() -> Vec<ServiceSpec> {
    all().iter().map(|tool| tool.spec()).collect()
}

/// The service tool called `name`.
pub(super) fn find(name: &str) -> Option<&'static dyn AnyService> {
    all().into_iter().find(|tool| tool.name() == name)
}
