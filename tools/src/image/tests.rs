//! The tool as a whole, on files made on the spot.

mod batch;
mod damage;
mod formats;
mod params;

use serde_json::{Value, json};

use super::Process;
use super::testing::Workspace;
use crate::{AnyTool, Context, Outcome, ToolError};

/// Runs the tool with these parameters; `files` is of no account once inputs are there.
fn run(ctx: &mut Context, mut params: Value) -> Result<Outcome, ToolError> {
    params["files"] = json!(["**"]);
    AnyTool::run(&Process, &params, ctx)
}

/// Runs the tool on `workspace`, which must succeed.
fn process(workspace: &Workspace, params: Value) -> Outcome {
    run(&mut workspace.context(), params).expect("the tool succeeds")
}
