//! What a prompt is called with: texts under known names, checked before anything is looked up.

use actors::FoundFile;
use rmcp::model::{
    GetPromptRequestParams, GetPromptResponse, GetPromptResult, Prompt, PromptArgument, PromptMessage, Role,
};
use serde_json::Value;
use tools::WorkspacePath;

use crate::error::AppError;
use crate::mcp::surface::Caller;

/// Longer than any path or pattern may be.
const MOST_BYTES: usize = 1_000;

/// An argument as a list shows it.
pub(super) fn argument(name: &str, title: &str, description: &str, required: bool) -> PromptArgument {
    PromptArgument::new(name).with_title(title).with_description(description).with_required(required)
}

/// The arguments of one request.
pub(super) struct Arguments {
    prompt: String,
    given: Vec<(String, String)>,
}

impl Arguments {
    /// The arguments of `request` for `prompt`. Those that are empty count as left out.
    ///
    /// # Errors
    /// `InvalidParams` for one that is missing, unknown, no text or too long.
    pub(super) fn of(prompt: &Prompt, request: GetPromptRequestParams) -> Result<Self, AppError> {
        let mut given = Vec::new();
        for (name, value) in request.arguments.unwrap_or_default() {
            check_name(prompt, &name)?;
            let Value::String(text) = value else {
                return Err(AppError::invalid(format!("{}, argument {name}: give a text", prompt.name)));
            };
            if text.len() > MOST_BYTES {
                return Err(AppError::invalid(format!("{}, argument {name}: at most {MOST_BYTES} bytes", prompt.name)));
            }
            if !text.trim().is_empty() {
                given.push((name, text.trim().to_owned()));
            }
        }
        let required = prompt.arguments.iter().flatten().filter(|argument| argument.required == Some(true));
        for PromptArgument { name, .. } in required {
            if !given.iter().any(|(known, _)| known == name) {
                return Err(AppError::invalid(format!("{} needs the argument {name}", prompt.name)));
            }
        }
        Ok(Self { prompt: prompt.name.clone(), given })
    }

    /// An argument that may be left out.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.given.iter().find_map(|(known, text)| (known == name).then_some(text.as_str()))
    }

    /// The file that the argument `name` names.
    ///
    /// # Errors
    /// `InvalidParams`, `NotFound` with the nearest names; a store that does not answer.
    pub(super) async fn file(&self, caller: &Caller<'_>, name: &str) -> Result<FoundFile, AppError> {
        let path = self.get(name).unwrap_or_default().parse()?;
        Ok(caller.app.core.workspace.get(&caller.principal.owner, &path).await?)
    }

    /// A fault of the argument `name`.
    pub(super) fn fault(&self, name: &str, what: &str) -> AppError {
        AppError::invalid(format!("{}, argument {name}: {what}", self.prompt))
    }
}

/// Refuses an argument that `prompt` does not have.
///
/// # Errors
/// `InvalidParams`, with the nearest there is.
pub(in crate::mcp) fn check_name(prompt: &Prompt, name: &str) -> Result<(), AppError> {
    let known: Vec<&str> = prompt.arguments.iter().flatten().map(|argument| argument.name.as_str()).collect();
    if known.contains(&name) {
        return Ok(());
    }
    let hint = tools::suggest::did_you_mean(name, known);
    Err(AppError::invalid(format!("{} has no argument {name:.60?}{hint}", prompt.name)))
}

/// `template` with each `{name}` of `values` replaced once: what is put in is not looked at again.
pub(super) fn fill(template: &str, values: &[(&str, String)]) -> String {
    let (mut text, mut rest) = (String::new(), template);
    while let Some(at) = rest.find('{') {
        text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let fitting = values.iter().find_map(|(name, value)| {
            let after = rest.strip_prefix(name)?.strip_prefix('}')?;
            Some((value, after))
        });
        match fitting {
            Some((value, after)) => {
                text.push_str(value);
                rest = after;
            }
            None => text.push('{'),
        }
    }
    text + rest
}

/// The prompt that `text` makes, as its user's words.
pub(super) fn said(text: String, description: String) -> GetPromptResponse {
    let message = PromptMessage::new_text(Role::User, text);
    GetPromptResult::new(vec![message]).with_description(description).into()
}

/// A path as a JSON text.
pub(super) fn in_json(path: &WorkspacePath) -> String {
    Value::from(path.as_str()).to_string()
}

/// A path as a table's name in SQL, itself within a JSON text.
pub(super) fn in_sql(path: &WorkspacePath) -> String {
    let name = format!("\"{}\"", path.as_str().replace('"', "\"\""));
    let text = Value::from(name).to_string();
    text[1..text.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn given(arguments: &Value) -> Result<Arguments, AppError> {
        let all = vec![argument("path", "File", "A file.", true), argument("column", "Column", "A column.", false)];
        let prompt = Prompt::new("p", Some("A prompt."), Some(all));
        let arguments = arguments.as_object().cloned().expect("an object");
        Arguments::of(&prompt, GetPromptRequestParams::new("p").with_arguments(arguments))
    }

    #[test]
    fn a_template_is_filled_once() {
        let values = [("a", "{b}".to_owned()), ("b", "two".to_owned())];
        assert_eq!(fill("{a}: {\"c\": {b}} {{a} {", &values), "{b}: {\"c\": two} {{b} {");
        let path = "in/a \"b\".csv".parse().expect("a path");
        assert_eq!(in_json(&path), r#""in/a \"b\".csv""#);
        let sql: Value = serde_json::from_str(&format!("\"FROM {}\"", in_sql(&path))).expect("JSON");
        assert_eq!(sql, r#"FROM "in/a ""b"".csv""#);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let fault = |arguments: Value| given(&arguments).err().map(|error| error.message).unwrap_or_default();
        assert!(fault(json!({})).contains("needs the argument path"));
        assert!(fault(json!({"path": "  "})).contains("needs the argument path"));
        assert!(fault(json!({"path": "a", "colum": "b"})).contains("\"column\""));
        assert!(fault(json!({"path": 3})).contains("give a text"));
        assert!(fault(json!({"path": "x".repeat(2_000)})).contains("at most"));
        let fine = given(&json!({"path": " a.csv ", "column": ""})).expect("fine");
        assert_eq!((fine.get("path"), fine.get("column")), (Some("a.csv"), None));
    }
}
