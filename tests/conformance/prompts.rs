//! The suite's prompts.

use std::sync::Arc;

use async_trait::async_trait;
use heavylift::error::AppError;
use heavylift::mcp::surface::{CallError, Caller, Prompt};
use rmcp::model::{
    ArgumentInfo, CompletionContext, ContentBlock, GetPromptRequestParams, GetPromptResponse, GetPromptResult,
    InputRequiredResult, PromptArgument, PromptMessage, ResourceContents, Role,
};
use serde_json::json;

use crate::content::PNG;
use crate::input::{all_said, form, requests, require};

/// The prompts.
pub(crate) fn all() -> Vec<Arc<dyn Prompt>> {
    vec![
        Arc::new(Template { name: "test_simple_prompt", arguments: &[], fill: simple }),
        Arc::new(Template { name: "test_prompt_with_arguments", arguments: &["arg1", "arg2"], fill: with_arguments }),
        Arc::new(Template {
            name: "test_prompt_with_embedded_resource",
            arguments: &["resourceUri"],
            fill: with_resource,
        }),
        Arc::new(Template { name: "test_prompt_with_image", arguments: &[], fill: with_image }),
        Arc::new(Asking),
    ]
}

/// A prompt whose arguments are all needed.
struct Template {
    name: &'static str,
    arguments: &'static [&'static str],
    /// Its messages, from the arguments in order.
    fill: fn(&[String]) -> Vec<ContentBlock>,
}

#[async_trait]
impl Prompt for Template {
    fn listed(&self) -> rmcp::model::Prompt {
        let argument = |name: &&str| PromptArgument::new(*name).with_description("Any text.").with_required(true);
        let arguments = self.arguments.iter().map(argument).collect();
        rmcp::model::Prompt::new(self.name, Some("A prompt of the conformance suite."), Some(arguments))
    }

    async fn get(&self, _: &Caller<'_>, request: GetPromptRequestParams) -> Result<GetPromptResponse, CallError> {
        let given = request.arguments.unwrap_or_default();
        let value = |name: &&str| {
            let found = given.get(*name).and_then(|value| value.as_str());
            found.map(str::to_owned).ok_or_else(|| AppError::invalid(format!("the prompt needs a text {name}")))
        };
        let values = self.arguments.iter().map(value).collect::<Result<Vec<_>, _>>()?;
        Ok(messages((self.fill)(&values)))
    }

    async fn complete(
        &self,
        _: &Caller<'_>,
        argument: &ArgumentInfo,
        _: Option<&CompletionContext>,
    ) -> Result<Vec<String>, CallError> {
        let words = ["paris", "park", "party", "test1", "test2"].map(str::to_owned);
        Ok(words.into_iter().filter(|word| word.starts_with(&argument.value)).collect())
    }
}

fn messages(contents: Vec<ContentBlock>) -> GetPromptResponse {
    let messages = contents.into_iter().map(|content| PromptMessage::new(Role::User, content));
    GetPromptResult::new(messages.collect()).into()
}

fn simple(_: &[String]) -> Vec<ContentBlock> {
    vec![ContentBlock::text("This is a simple prompt for testing.")]
}

fn with_arguments(values: &[String]) -> Vec<ContentBlock> {
    vec![ContentBlock::text(format!("Prompt with arguments: arg1='{}', arg2='{}'", values[0], values[1]))]
}

fn with_resource(values: &[String]) -> Vec<ContentBlock> {
    let resource = ResourceContents::text("Embedded resource content for testing.", &values[0]);
    vec![ContentBlock::resource(resource), ContentBlock::text("Please process the embedded resource above.")]
}

fn with_image(_: &[String]) -> Vec<ContentBlock> {
    vec![ContentBlock::image(PNG, "image/png"), ContentBlock::text("Please analyze the image above.")]
}

/// A prompt that asks the user before it is filled in.
struct Asking;

#[async_trait]
impl Prompt for Asking {
    fn listed(&self) -> rmcp::model::Prompt {
        let description = Some("Asks for its context first.");
        rmcp::model::Prompt::new("test_input_required_result_prompt", description, None)
    }

    async fn get(&self, caller: &Caller<'_>, request: GetPromptRequestParams) -> Result<GetPromptResponse, CallError> {
        let question = form("What context should the prompt use?", "context", "string");
        let questions = requests(json!({"user_context": question}));
        if let Some(context) = all_said(&questions, &request.input_responses.unwrap_or_default()) {
            return Ok(messages(vec![ContentBlock::text(format!("Use this context: {context}"))]));
        }
        require(caller, &questions)?;
        Ok(InputRequiredResult::from_input_requests(questions).into())
    }
}
