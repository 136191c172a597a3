//! `prompts/list` and `prompts/get`, over whatever prompts the surface holds. Ours are one file each.

mod arguments;
mod clean_table;
mod explore_table;
mod pictures_for_web;

use std::sync::Arc;

use rmcp::model::{GetPromptRequestParams, GetPromptResponse, ListPromptsResult, PaginatedRequestParams};

use super::cursor;
use super::freshness::{OF_ALL, fresh};
use super::surface::{CallError, Caller, Prompt, Surface};
use crate::error::AppError;
pub(super) use arguments::check_name;

/// The prompts that every server has.
pub(super) fn all() -> Vec<Arc<dyn Prompt>> {
    vec![
        Arc::new(clean_table::CleanTable),
        Arc::new(explore_table::ExploreTable),
        Arc::new(pictures_for_web::PicturesForWeb),
    ]
}

/// One page of the prompts, in order of name.
pub(super) fn list(
    surface: &Surface,
    request: Option<&PaginatedRequestParams>,
) -> Result<ListPromptsResult, CallError> {
    let mut all: Vec<_> = surface.prompts.iter().map(|prompt| prompt.listed()).collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    let (prompts, next) = cursor::page(all, request, |prompt| prompt.name.clone())?;
    let mut result = fresh!(ListPromptsResult::with_all_items(prompts), OF_ALL);
    result.next_cursor = next;
    Ok(result)
}

/// One prompt, filled in.
pub(super) async fn get(
    surface: &Surface,
    caller: &Caller<'_>,
    request: GetPromptRequestParams,
) -> Result<GetPromptResponse, CallError> {
    find(surface, &request.name)?.get(caller, request).await
}

/// The prompt called `name`.
///
/// # Errors
/// `InvalidParams` where there is none.
pub(super) fn find<'a>(surface: &'a Surface, name: &str) -> Result<&'a Arc<dyn Prompt>, AppError> {
    let found = surface.prompts.iter().find(|prompt| prompt.listed().name == name);
    found.ok_or_else(|| {
        let names: Vec<String> = surface.prompts.iter().map(|prompt| prompt.listed().name).collect();
        let hint = tools::suggest::did_you_mean(name, names.iter().map(String::as_str));
        AppError::invalid(format!("there is no prompt called {name:.60?}{hint}"))
    })
}
