//! Placeholder until the tool lands.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{Context, InputSpec, Report, Tool, ToolError};

/// The tool.
pub struct Process;

/// Its parameters.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {}

impl Tool for Process {
    type Params = Params;
    type Details = ();
    const NAME: &'static str = "image_process";
    const TITLE: &'static str = "image_process";
    const DESCRIPTION: &'static str = "image_process";

    fn inputs(&self, _: &Params) -> Result<Vec<InputSpec>, ToolError> {
        Ok(Vec::new())
    }

    fn run(&self, _: Params, _: &mut Context) -> Result<Report, ToolError> {
        Ok(Report::default())
    }
}
