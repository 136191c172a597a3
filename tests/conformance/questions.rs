//! The suite's jobs that ask in the middle.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tools::{Answer, Context, InputSpec, Question, Report, Tool, ToolError};

use crate::jobs::done;
use crate::tool::Nothing;

/// Asks before it deletes.
pub(crate) struct ConfirmDelete;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct DeleteParams {
    /// What is to be deleted.
    filename: String,
}

impl Tool for ConfirmDelete {
    type Params = DeleteParams;
    type Details = ();
    const NAME: &'static str = "confirm_delete";
    const TITLE: &'static str = "Confirm a deletion";
    const DESCRIPTION: &'static str = "Deletes nothing, and only if that is confirmed.";

    fn inputs(&self, _: &DeleteParams) -> Result<Vec<InputSpec>, ToolError> {
        Ok(Vec::new())
    }

    fn run(&self, params: DeleteParams, ctx: &mut Context) -> Result<Report, ToolError> {
        let question = form(&format!("Delete {}?", params.filename), "confirm", "boolean");
        let answers = ctx.ask([("confirm".to_owned(), question)].into())?;
        let confirmed = answers.values().any(|answer| field(answer, "confirm") == Some(&Value::Bool(true)));
        let what = if confirmed { "deleted" } else { "kept" };
        Ok(done(format!("{} was {what}", params.filename)))
    }
}

/// Asks two things at once.
pub(crate) struct MultiInput;

impl Tool for MultiInput {
    type Params = Nothing;
    type Details = ();
    const NAME: &'static str = "multi_input";
    const TITLE: &'static str = "Two questions";
    const DESCRIPTION: &'static str = "Asks for two names at once.";

    fn inputs(&self, _: &Nothing) -> Result<Vec<InputSpec>, ToolError> {
        Ok(Vec::new())
    }

    fn run(&self, _: Nothing, ctx: &mut Context) -> Result<Report, ToolError> {
        let ask = |which: &str| (which.to_owned(), form(&format!("What is the {which} name?"), "name", "string"));
        let answers = ctx.ask(["first", "second"].map(ask).into())?;
        let name = |answer: &Answer| field(answer, "name").map_or_else(|| "nobody".to_owned(), ToString::to_string);
        let names: Vec<String> = answers.values().map(name).collect();
        Ok(done(format!("the names are {}", names.join(" and "))))
    }
}

fn form(message: &str, field: &str, kind: &str) -> Question {
    let mut properties = json!({});
    properties[field] = json!({"type": kind});
    let schema = json!({"type": "object", "properties": properties, "required": [field]});
    Question { message: message.to_owned(), schema }
}

fn field<'a>(answer: &'a Answer, name: &str) -> Option<&'a Value> {
    match answer {
        Answer::Given(content) => content.get(name),
        Answer::Declined | Answer::Dismissed => None,
    }
}
