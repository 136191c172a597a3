//! Telling clients of changes, in both eras, out of the bus in `changes`.
//!
//! | to find | look in |
//! |---|---|
//! | `subscriptions/listen` of 2026-07-28 | [`listen`] |
//! | `resources/subscribe` and what a session of older protocols hears | [`legacy`] |
//! | how writes through other replicas are seen | [`look`] |

mod legacy;
mod listen;
mod look;

use std::sync::Arc;

use actors::model::Owner;

use super::handler::Handler;
use super::resources;
use super::surface::CallError;
use crate::changes::Subscription;
use crate::error::{AppError, ErrorKind};

pub(super) use legacy::Legacy;
pub(super) use listen::{accepted, listen};

/// How many resources one subscriber may watch.
const MOST_URIS: usize = 100;

fn too_many() -> AppError {
    let message = format!("at most {MOST_URIS} resources can be watched at once here; watch those that matter");
    AppError::new(ErrorKind::TooLarge, message)
}

/// Begins to watch what `owner` calls `uri`, as it is now.
///
/// # Errors
/// Where it is no resource's address; a store that does not answer, but then it is watched all the same.
async fn watch(handler: &Handler, subscription: &Subscription, owner: &Owner, uri: &str) -> Result<(), CallError> {
    let surface = &handler.offer.surface;
    let canonical = resources::canonical(surface, uri).ok_or_else(|| resources::unknown(uri))?;
    if subscription.watch(&canonical, uri) {
        tokio::spawn(look::look_on(Arc::clone(&handler.app), Arc::clone(&handler.offer)));
    }
    let version = resources::version(surface, &handler.app, owner, &canonical).await?;
    subscription.looked(&canonical, version.into());
    Ok(())
}
