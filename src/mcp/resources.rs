//! `resources/list`, `resources/templates/list` and `resources/read`, over whatever families the surface holds.

use rmcp::ErrorData;
use rmcp::model::{
    ListResourceTemplatesResult, ListResourcesResult, PaginatedRequestParams, ReadResourceRequestParams,
    ReadResourceResponse,
};
use serde_json::json;

use super::cursor;
use super::surface::{CallError, Caller, Surface};
use crate::error::AppError;

/// One page of all families, one family after the other.
pub(super) async fn list(
    surface: &Surface,
    caller: &Caller<'_>,
    request: Option<&PaginatedRequestParams>,
) -> Result<ListResourcesResult, CallError> {
    let (first, mut after) = place(request)?;
    let mut shown = Vec::new();
    for (number, family) in surface.resources.iter().enumerate().skip(first) {
        let (some, next) = family.list(caller, after.take().as_deref(), cursor::PAGE - shown.len()).await?;
        shown.extend(some);
        let place = match next {
            Some(next) => Some(format!("{number}:{next}")),
            None if shown.len() >= cursor::PAGE => Some(format!("{}:", number + 1)),
            None => None,
        };
        if let Some(place) = place {
            let mut result = ListResourcesResult::with_all_items(shown);
            result.next_cursor = Some(cursor::write(&place));
            return Ok(result);
        }
    }
    Ok(ListResourcesResult::with_all_items(shown))
}

/// Which family a list goes on with, and after what.
fn place(request: Option<&PaginatedRequestParams>) -> Result<(usize, Option<String>), AppError> {
    let Some(place) = cursor::read(request)? else { return Ok((0, None)) };
    let parsed = place.split_once(':').and_then(|(number, after)| Some((number.parse().ok()?, after.to_owned())));
    let (number, after) = parsed.ok_or_else(|| AppError::invalid("the cursor is none of this list's; begin anew"))?;
    Ok((number, Some(after).filter(|after| !after.is_empty())))
}

/// One page of the templates of all families.
pub(super) fn templates(
    surface: &Surface,
    request: Option<&PaginatedRequestParams>,
) -> Result<ListResourceTemplatesResult, CallError> {
    let mut all: Vec<_> = surface.resources.iter().flat_map(|family| family.templates()).collect();
    all.sort_by(|a, b| a.uri_template.cmp(&b.uri_template));
    let (templates, next) = cursor::page(all, request, |template| template.uri_template.clone())?;
    let mut result = ListResourceTemplatesResult::with_all_items(templates);
    result.next_cursor = next;
    Ok(result)
}

/// One resource.
pub(super) async fn read(
    surface: &Surface,
    caller: &Caller<'_>,
    request: &ReadResourceRequestParams,
) -> Result<ReadResourceResponse, CallError> {
    for family in &surface.resources {
        if let Some(response) = family.read(caller, request).await? {
            return Ok(response);
        }
    }
    Err(unknown(&request.uri))
}

/// The answer for a URI at which nothing lies for this caller. The code is what each era calls it.
pub(super) fn unknown(uri: &str) -> CallError {
    let message = format!("there is no resource {uri}; see resources/list");
    CallError::Protocol(ErrorData::resource_not_found(message, Some(json!({"uri": uri}))))
}
