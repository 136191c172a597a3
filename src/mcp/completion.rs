//! `completion/complete`: what may stand where somebody types.

use rmcp::model::{CompleteRequestParams, CompleteResult, CompletionInfo, Reference};

use super::prompts;
use super::surface::{CallError, Caller, Surface};
use crate::error::AppError;

/// Values for one argument of a prompt or one variable of a resource template.
pub(super) async fn complete(
    surface: &Surface,
    caller: &Caller<'_>,
    request: &CompleteRequestParams,
) -> Result<CompleteResult, CallError> {
    let (argument, context) = (&request.argument, request.context.as_ref());
    let mut values = match &request.r#ref {
        Reference::Prompt(prompt) => prompts::find(surface, &prompt.name)?.complete(caller, argument, context).await?,
        Reference::Resource(template) => {
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
