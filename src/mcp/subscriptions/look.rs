//! Sees what other replicas, and whoever writes into a mount, changed: by looking at the versions of what is watched.
//!
//! One task for the whole process, and only while something is watched.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};

use super::legacy::WISHES;
use crate::app::App;
use crate::changes::{Looker, Watched};
use crate::mcp::offer::Offer;
use crate::mcp::resources;
use crate::mcp::surface::CallError;

/// How often a watched resource is looked at.
const EVERY: Duration = Duration::from_secs(2);
/// With more of them each is looked at more rarely, so that the store is not asked more often than this.
const LOOKS_A_SECOND: usize = 100;
const AT_ONCE: usize = 8;

/// What begins to look, when there is something to look at.
pub(in crate::mcp) fn looker(app: &Arc<App>, offer: &Arc<Offer>) -> Looker {
    let (app, offer) = (Arc::downgrade(app), Arc::clone(offer)); // the app holds it
    Box::new(move || {
        if let Some(app) = app.upgrade() {
            tokio::spawn(look_on(app, Arc::clone(&offer)));
        }
    })
}

/// Looks until nothing is watched any more, or the server ends.
async fn look_on(app: Arc<App>, offer: Arc<Offer>) {
    loop {
        let watched = app.changes.watched();
        if watched.is_empty() {
            return;
        }
        tokio::select! {
            () = app.core.ports.clock.sleep(pause(watched.len())) => {}
            () = app.shutdown.cancelled() => return,
        }
        stream::iter(watched).for_each_concurrent(AT_ONCE, |before| look(&app, &offer, before)).await;
    }
}

async fn version(app: &App, offer: &Offer, watched: &Watched) -> Result<Option<String>, CallError> {
    let Watched { owner, uri, .. } = watched;
    match uri.strip_prefix(WISHES).and_then(|session| session.parse().ok()) {
        Some(session) => Ok(app.core.sessions.wishes_version(owner, &session).await?),
        None => resources::version(&offer.surface, app, owner, uri).await,
    }
}

fn pause(watched: usize) -> Duration {
    let crowd = Duration::from_secs(1) * u32::try_from(watched / LOOKS_A_SECOND).unwrap_or(u32::MAX);
    EVERY.max(crowd)
}

async fn look(app: &App, offer: &Offer, before: Watched) {
    match version(app, offer, &before).await {
        Ok(version) => app.changes.looked(&before, version.into()),
        Err(error) => tracing::debug!(?error, "store did not answer a look at what is watched, looking again"),
    }
}

#[test]
fn a_crowd_is_looked_at_more_rarely() {
    assert_eq!((pause(1), pause(200), pause(1_000)), (EVERY, EVERY, Duration::from_secs(10)));
}
