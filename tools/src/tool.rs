//! What a tool is: [`Tool`] to write one, [`AnyTool`] to run any.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use schemars::transform::{ReplaceBoolSchemas, RestrictFormats};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Context, InputSpec, Outcome, Report, ToolError};

/// A named operation on files.
///
/// # Contract
/// - **Pure**: it reads its inputs, writes below its own folders and reports through its context; nothing else.
/// - **Repeatable**: an attempt may be lost at any moment and run again from the start, elsewhere.
/// - **Stoppable**: it polls [`Context::cancel`] at least every 100 ms and then ends with `Cancelled`.
/// - **Bounded**: it checks [`Context::limits`] before it decodes or allocates.
///
/// A doc comment on a parameter's field is what the model that calls the tool reads: put `#[serde(deny_unknown_fields)]` on
/// the parameters, so that a misspelt one is named instead of ignored.
pub trait Tool: Send + Sync + 'static {
    /// The parameters of a call.
    type Params: DeserializeOwned + JsonSchema;
    /// The tool's own part of its report ([`Report::details`]); `()` for none.
    type Details: Serialize + JsonSchema;

    /// `family_verb`, lower case.
    const NAME: &'static str;
    /// The name for people.
    const TITLE: &'static str;
    /// What it does, when to use it and what comes back, for the model that chooses among tools.
    const DESCRIPTION: &'static str;

    /// Which files a call reads. Runs before the job exists, so a fault found here is found at once.
    ///
    /// # Errors
    /// `InvalidParams` or `BadQuery` for parameters that cannot work whatever the files hold.
    fn inputs(&self, params: &Self::Params) -> Result<Vec<InputSpec>, ToolError>;

    /// Does the work.
    ///
    /// # Errors
    /// Whatever stops it; the message reaches the caller.
    fn run(&self, params: Self::Params, ctx: &mut Context) -> Result<Report, ToolError>;
}

/// What `tools/list` says about a tool. Compute tools only read the workspace and give the same for the same input, so
/// their annotations are the same.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ToolSpec {
    /// See [`Tool::NAME`].
    pub name: String,
    /// See [`Tool::TITLE`].
    pub title: String,
    /// See [`Tool::DESCRIPTION`].
    pub description: String,
    /// JSON Schema (2020-12) of the parameters.
    pub input_schema: Value,
    /// JSON Schema (2020-12) of [`Report::details`].
    pub details_schema: Value,
}

/// Any [`Tool`], its types behind JSON. Implemented for every tool.
pub trait AnyTool: Send + Sync {
    /// What it is.
    fn spec(&self) -> ToolSpec;

    /// See [`Tool::inputs`].
    ///
    /// # Errors
    /// As there; and `InvalidParams`, naming the parameter, when `params` do not fit the schema.
    fn inputs(&self, params: &Value) -> Result<Vec<InputSpec>, ToolError>;

    /// Runs the tool and measures what it wrote.
    ///
    /// # Errors
    /// See [`Tool::run`].
    fn run(&self, params: &Value, ctx: &mut Context) -> Result<Outcome, ToolError>;
}

impl<T: Tool> AnyTool for T {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: T::NAME.to_owned(),
            title: T::TITLE.to_owned(),
            description: T::DESCRIPTION.to_owned(),
            input_schema: schema_of::<T::Params>(),
            details_schema: output_schema_of::<T::Details>(),
        }
    }

    fn inputs(&self, params: &Value) -> Result<Vec<InputSpec>, ToolError> {
        Tool::inputs(self, &parse(T::NAME, params)?)
    }

    fn run(&self, params: &Value, ctx: &mut Context) -> Result<Outcome, ToolError> {
        let report = Tool::run(self, parse(T::NAME, params)?, ctx)?;
        ctx.cancel().check()?;
        Ok(Outcome { report, artifacts: ctx.artifacts()? })
    }
}

/// The JSON Schema (2020-12) of `T` as it is read, its parts inlined: several clients do not follow references.
#[must_use]
pub fn schema_of<T: JsonSchema>() -> Value {
    inlined::<T>(SchemaSettings::draft2020_12())
}

/// The JSON Schema (2020-12) of `T` as it is written: a field that may be left out is not required.
#[must_use]
pub fn output_schema_of<T: JsonSchema>() -> Value {
    inlined::<T>(SchemaSettings::draft2020_12().for_serialize())
}

fn inlined<T: JsonSchema>(mut settings: SchemaSettings) -> Value {
    settings.inline_subschemas = true;
    // Clients' validators complain of formats that are Rust's own, and some refuse a bare `true`.
    settings.transforms.push(Box::new(RestrictFormats::default()));
    settings.transforms.push(Box::new(bools_as_objects()));
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

fn bools_as_objects() -> ReplaceBoolSchemas {
    let mut transform = ReplaceBoolSchemas::default();
    transform.skip_additional_properties = true; // there everybody knows them
    transform
}

/// Reads `params` as `P`.
///
/// # Errors
/// `InvalidParams` that names the tool, the parameter and what is wrong with it.
pub fn parse<P: DeserializeOwned>(tool: &str, params: &Value) -> Result<P, ToolError> {
    serde_path_to_error::deserialize(params).map_err(|error| {
        let path = error.path().to_string();
        let place = if path == "." { String::new() } else { format!(", parameter {path}") };
        ToolError::invalid(format!("{tool}{place}: {}", error.into_inner()))
    })
}
