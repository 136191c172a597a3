//! `resources/list`, `resources/templates/list` and `resources/read`, over whatever families the surface holds.
//!
//! | family | in |
//! |---|---|
//! | the workspace's files, also those of mounts | [`files`] |
//! | jobs and what they left | [`jobs`] |

mod contents;
mod files;
mod jobs;

use std::sync::Arc;

use actors::CoreError;
use actors::model::Owner;
use rmcp::ErrorData;
use rmcp::model::{
    Annotations, ListResourceTemplatesResult, ListResourcesResult, PaginatedRequestParams, ReadResourceRequestParams,
    ReadResourceResponse,
};
use serde_json::json;
use time::OffsetDateTime;
use tools::ToolErrorKind;

use super::cursor;
use super::freshness::{OF_ALL, OF_NOW, fresh};
use super::surface::{CallError, Caller, Resources, Surface};
use crate::app::App;
use crate::error::AppError;
use crate::view;

/// The families that every server has.
pub(super) fn all() -> Vec<Arc<dyn Resources>> {
    vec![Arc::new(files::Files), Arc::new(jobs::Jobs)]
}

/// One page of all families, one family after the other.
pub(super) async fn list(
    surface: &Surface,
    caller: &Caller<'_>,
    request: Option<&PaginatedRequestParams>,
) -> Result<ListResourcesResult, CallError> {
    let (first, mut after) = place(surface, request)?;
    let mut shown = Vec::new();
    for (number, family) in surface.resources.iter().enumerate().skip(first) {
        let (some, next) = family.list(caller, after.take().as_deref(), cursor::PAGE - shown.len()).await?;
        shown.extend(some);
        let place = match next {
            Some(next) => Some(format!("{number}:{next}")),
            None if shown.len() >= cursor::PAGE && number + 1 < surface.resources.len() => {
                Some(format!("{}:", number + 1))
            }
            None => None,
        };
        if let Some(place) = place {
            let mut result = fresh!(ListResourcesResult::with_all_items(shown), OF_NOW);
            result.next_cursor = Some(cursor::write(&place));
            return Ok(result);
        }
    }
    Ok(fresh!(ListResourcesResult::with_all_items(shown), OF_NOW))
}

/// Which family a list goes on with, and after what.
fn place(surface: &Surface, request: Option<&PaginatedRequestParams>) -> Result<(usize, Option<String>), AppError> {
    let Some(place) = cursor::read(request)? else { return Ok((0, None)) };
    let parsed = place.split_once(':').and_then(|(number, after)| Some((number.parse().ok()?, after.to_owned())));
    let known = parsed.filter(|(number, _)| *number < surface.resources.len());
    let (number, after) = known.ok_or_else(cursor::unknown)?;
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
    let mut result = fresh!(ListResourceTemplatesResult::with_all_items(templates), OF_ALL);
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

/// The one spelling of `uri`; nothing where it is none of any family's.
pub(super) fn canonical(surface: &Surface, uri: &str) -> Option<String> {
    surface.resources.iter().find_map(|family| family.canonical(uri))
}

/// The version of what lies at `uri` for `owner`; nothing where nothing does.
///
/// # Errors
/// A store that does not answer.
pub(super) async fn version(
    surface: &Surface,
    app: &App,
    owner: &Owner,
    uri: &str,
) -> Result<Option<String>, CallError> {
    for family in &surface.resources {
        if let Some(version) = family.version(app, owner, uri).await? {
            return Ok(Some(version));
        }
    }
    Ok(None)
}

/// The answer for a URI at which nothing lies for this caller. The code is what each era calls it.
pub(super) fn unknown(uri: &str) -> CallError {
    let message = format!("there is no resource {uri:.200}; see resources/list");
    CallError::Protocol(ErrorData::resource_not_found(message, Some(json!({"uri": uri}))))
}

/// What was asked of the core, or nothing where it is not there for this caller.
fn if_there<T>(asked: Result<T, CoreError>) -> Result<Option<T>, CoreError> {
    match asked {
        Ok(found) => Ok(Some(found)),
        Err(CoreError::NoSuchJob(_)) => Ok(None),
        Err(CoreError::Call(error)) if error.kind == ToolErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn written(at: OffsetDateTime) -> Annotations {
    let mut annotations = Annotations::default();
    annotations.last_modified = Some(view::text(at));
    annotations
}
