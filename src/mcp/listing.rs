//! What `tools/list` shows: compute tools from the catalogue and direct tools, in order of name, the same every time.

use std::sync::Arc;

use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::{Value, json};
use tools::{Catalogue, ToolSpec};

use super::extras::Extras;
use super::service::ServiceSpec;
use super::surface::DirectTool;
use crate::view::JobView;

/// Every tool, as the client sees it.
pub(super) fn all(catalogue: &Catalogue, direct: &[Arc<dyn DirectTool>]) -> Vec<Tool> {
    let direct = direct.iter().map(|tool| tool.listed());
    let compute = catalogue.iter().map(|tool| compute_tool(tool.spec()));
    let mut tools: Vec<Tool> = direct.chain(compute).collect();
    tools.sort_by(|a, b| a.name.cmp(&b.name)); // stable: a direct tool stays before its namesake
    tools.dedup_by(|later, first| later.name == first.name);
    tools
}

fn compute_tool(spec: ToolSpec) -> Tool {
    let mut input = spec.input_schema;
    Extras::add_to(&mut input);
    let mut output = tools::tool::output_schema_of::<JobView>();
    if let Some(details) = output.pointer_mut("/properties/details") {
        *details = without_head(spec.details_schema);
    }
    // It reads the workspace and adds a job; the same call again gives the same.
    let annotations = ToolAnnotations::with_title(spec.title.clone())
        .read_only(false)
        .destructive(false)
        .idempotent(true)
        .open_world(false);
    tool(spec.name, spec.title, spec.description, input, output, annotations)
}

/// A service tool, as the client sees it.
pub(super) fn service_tool(spec: ServiceSpec) -> Tool {
    let annotations = ToolAnnotations::with_title(spec.title.to_owned())
        .read_only(spec.read_only)
        .destructive(spec.destructive)
        .idempotent(true)
        .open_world(false);
    let (name, title, description) = (spec.name.to_owned(), spec.title.to_owned(), spec.description.to_owned());
    tool(name, title, description, spec.input_schema, spec.output_schema, annotations)
}

fn tool(
    name: String,
    title: String,
    description: String,
    input: Value,
    output: Value,
    annotations: ToolAnnotations,
) -> Tool {
    let mut tool = Tool::new(name, description, object(input));
    tool.title = Some(title);
    tool.output_schema = Some(object(output));
    tool.annotations = Some(annotations);
    tool
}

fn object(mut schema: Value) -> Arc<JsonObject> {
    // A type without fields has no properties of its own; clients want to see the word "object" all the same.
    if let Some(schema) = schema.as_object_mut() {
        schema.entry("type").or_insert_with(|| json!("object"));
    }
    match schema {
        Value::Object(schema) => Arc::new(schema),
        _ => Arc::new(JsonObject::new()),
    }
}

fn without_head(mut schema: Value) -> Value {
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("$schema");
        schema.remove("title");
    }
    schema
}
