//! Tools whose input schema is what is looked at.

use std::sync::Arc;

use heavylift::mcp::surface::DirectTool;
use serde_json::{Value, json};

use crate::tool::{given, text};

/// The tools.
pub(crate) fn all() -> Vec<Arc<dyn DirectTool>> {
    vec![
        given(
            "json_schema_2020_12_tool",
            "Tool with JSON Schema 2020-12 features",
            keywords(),
            text("The parameters have come."),
        ),
        given(
            "test_custom_header",
            "Takes a value that a header repeats.",
            header(),
            text("The header and the value are one."),
        ),
    ]
}

/// Every keyword that a careless server would drop.
fn keywords() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": {"street": {"type": "string"}, "city": {"type": "string"}}
            }
        },
        "properties": {
            "name": {"type": "string"},
            "address": {"$ref": "#/$defs/address"},
            "contactMethod": {"type": "string", "enum": ["phone", "email"]},
            "phone": {"type": "string"},
            "email": {"type": "string"}
        },
        "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
        "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
        "then": {"required": ["phone"]},
        "else": {"required": ["email"]},
        "additionalProperties": false
    })
}

fn header() -> Value {
    json!({
        "type": "object",
        "properties": {"value": {"type": "string", "description": "Any text.", "x-mcp-header": "Value"}},
        "required": ["value"]
    })
}
