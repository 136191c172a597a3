//! Tools that answer with one kind of content each.

use std::sync::Arc;

use futures_util::FutureExt as _;
use heavylift::mcp::surface::{Caller, DirectTool};
use rmcp::model::{CallToolRequestParams, CallToolResult, ContentBlock, ResourceContents};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::tool::{Answer, function, given, no_parameters, parameters, text};

/// A picture of one red pixel.
pub(crate) const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";
/// A millisecond of silence.
const WAV: &str = "UklGRiwAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQgAAACAgICAgICAgA==";

/// The tools.
pub(crate) fn all() -> Vec<Arc<dyn DirectTool>> {
    let simple = text("This is a simple text response for testing.");
    let failure = "This tool intentionally returns an error for testing";
    vec![
        given("test_simple_text", "Answers with a text.", no_parameters(), simple),
        shows("test_image_content", "Answers with a picture.", vec![picture()]),
        shows("test_audio_content", "Answers with a sound.", vec![ContentBlock::audio(WAV, "audio/wav")]),
        shows("test_embedded_resource", "Answers with a resource.", vec![resource()]),
        shows("test_multiple_content_types", "Answers with a text, a picture and a resource.", mixed()),
        given(
            "test_error_handling",
            "Always fails.",
            no_parameters(),
            CallToolResult::error(vec![ContentBlock::text(failure)]),
        ),
        function::<Greet>("greet", "Greets somebody, at once.", greet),
    ]
}

fn shows(name: &str, description: &str, content: Vec<ContentBlock>) -> Arc<dyn DirectTool> {
    given(name, description, no_parameters(), CallToolResult::success(content))
}

fn picture() -> ContentBlock {
    ContentBlock::image(PNG, "image/png")
}

fn resource() -> ContentBlock {
    let words = "This is an embedded resource content.";
    ContentBlock::resource(ResourceContents::text(words, "test://embedded-resource"))
}

fn mixed() -> Vec<ContentBlock> {
    let data = ResourceContents::text(r#"{"test":"data","value":123}"#, "test://mixed-content-resource");
    let data = ContentBlock::resource(data.with_mime_type("application/json"));
    vec![ContentBlock::text("Multiple content types test:"), picture(), data]
}

#[derive(Deserialize, JsonSchema)]
struct Greet {
    /// Whom to greet.
    name: String,
}

fn greet<'a>(_: &'a Caller<'a>, request: CallToolRequestParams) -> Answer<'a> {
    async move {
        let Greet { name } = parameters(&request)?;
        Ok(text(format!("Hello, {name}!")).into())
    }
    .boxed()
}
