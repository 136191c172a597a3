//! `completion/complete`: what may stand where somebody types.

use rmcp::model::{ArgumentInfo, CompleteRequestParams, CompleteResult, CompletionInfo, Reference};

use super::prompts;
use super::surface::{CallError, Caller, Surface};
use crate::error::AppError;

/// Values for one argument of a prompt or one variable of a resource template.
///
/// # Errors
/// `InvalidParams` for a prompt, template or argument that there is not; a store that does not answer.
pub(super) async fn complete(
    surface: &Surface,
    caller: &Caller<'_>,
    request: &CompleteRequestParams,
) -> Result<CompleteResult, CallError> {
    let (argument, context) = (&request.argument, request.context.as_ref());
    let mut values = match &request.r#ref {
        Reference::Prompt(prompt) => {
            let prompt = prompts::find(surface, &prompt.name)?;
            prompts::check_name(&prompt.listed(), &argument.name)?;
            prompt.complete(caller, argument, context).await?
        }
        Reference::Resource(template) => {
            check_variable(surface, &template.uri, argument)?;
            let mut values = Vec::new();
            for family in &surface.resources {
                values.extend(family.complete(caller, &template.uri, argument, context).await?);
            }
            values
        }
        _ => return Err(AppError::invalid("a completion is for ref/prompt or ref/resource").into()),
    };
    let total = u32::try_from(values.len()).ok();
    values.truncate(CompletionInfo::MAX_VALUES);
    let more = total.is_some_and(|total| total as usize > values.len());
    let info = CompletionInfo::with_pagination(values, total, more).map_err(AppError::internal)?;
    Ok(CompleteResult::new(info))
}

/// A variable of a template is completed only where the template has it.
fn check_variable(surface: &Surface, uri: &str, argument: &ArgumentInfo) -> Result<(), AppError> {
    let mut templates = surface.resources.iter().flat_map(|family| family.templates());
    if !templates.any(|template| template.uri_template == uri) {
        let message = format!("there is no resource template {uri:.200?}; see resources/templates/list");
        return Err(AppError::invalid(message));
    }
    let name = &argument.name;
    if uri.contains(&format!("{{{name}}}")) || uri.contains(&format!("{{+{name}}}")) {
        return Ok(());
    }
    Err(AppError::invalid(format!("{uri} has no variable {name:.60?}")))
}
