//! Telling clients of changes, in both eras, out of the bus in `changes`.
//!
//! | to find | look in |
//! |---|---|
//! | `subscriptions/listen` of 2026-07-28 | [`mod@listen`]; over HTTP [`stream`] |
//! | what a session of older protocols asked for, and hears | [`wishes`], [`legacy`] |
//! | how writes through other replicas are seen | [`look`] |

mod legacy;
mod listen;
mod look;
mod stream;
mod wishes;

use actors::model::Owner;
use rmcp::model::{
    PromptListChangedNotification, ResourceListChangedNotification, ResourceUpdatedNotification,
    ResourceUpdatedNotificationParam, ServerNotification, ToolListChangedNotification,
};

use super::resources;
use super::surface::{CallError, Surface};
use crate::app::App;
use crate::changes::{News, Subscription};
use crate::error::{AppError, ErrorKind};

pub(super) use legacy::{Legacy, Place, Voice};
pub(super) use listen::{accepted, listen};
pub(super) use look::looker;
pub(super) use stream::{LISTEN, over_http};
pub(super) use wishes::Wishes;

/// How many resources one subscriber may watch.
const MOST_URIS: usize = 100;

fn too_many() -> AppError {
    let message = format!("at most {MOST_URIS} resources can be watched at once here; watch those that matter");
    AppError::new(ErrorKind::TooLarge, message)
}

/// Begins to watch what `owner` calls `uri`, as it is now; gives its version. What is no resource's address is left out.
///
/// # Errors
/// A store that does not answer; it is watched all the same.
async fn watch(
    app: &App,
    surface: &Surface,
    subscription: &Subscription,
    owner: &Owner,
    uri: &str,
) -> Result<Option<String>, CallError> {
    let Some(canonical) = resources::canonical(surface, uri) else { return Ok(None) };
    subscription.watch(&canonical, uri);
    let version = resources::version(surface, app, owner, &canonical).await?;
    subscription.looked(&canonical, version.clone().into());
    Ok(version)
}

/// News in the protocol's words.
fn words(news: News) -> Vec<ServerNotification> {
    let mut words: Vec<ServerNotification> = Vec::new();
    if news.lists.tools {
        words.push(ToolListChangedNotification::default().into());
    }
    if news.lists.prompts {
        words.push(PromptListChangedNotification::default().into());
    }
    if news.lists.resources {
        words.push(ResourceListChangedNotification::default().into());
    }
    let updated = |uri| ResourceUpdatedNotification::new(ResourceUpdatedNotificationParam::new(uri)).into();
    words.extend(news.updated.into_iter().map(updated));
    words
}
