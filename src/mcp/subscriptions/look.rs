//! Sees what other replicas, and whoever writes into a mount, changed: by looking at the versions of what is watched.
//!
//! One task for the whole process, and only while something is watched.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};

use crate::app::App;
use crate::changes::Watched;
use crate::mcp::offer::Offer;
use crate::mcp::resources;

/// How often a watched resource is looked at.
const EVERY: Duration = Duration::from_secs(2);
/// With more of them each is looked at more rarely, so that the store is not asked more often than this.
const LOOKS_A_SECOND: usize = 100;
const AT_ONCE: usize = 8;

/// Looks until nothing is watched any more, or the server ends.
pub(super) async fn look_on(app: Arc<App>, offer: Arc<Offer>) {
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

fn pause(watched: usize) -> Duration {
    let crowd = Duration::from_secs(1) * u32::try_from(watched / LOOKS_A_SECOND).unwrap_or(u32::MAX);
    EVERY.max(crowd)
}

async fn look(app: &App, offer: &Offer, before: Watched) {
    match resources::version(&offer.surface, app, &before.owner, &before.uri).await {
        Ok(version) => app.changes.looked(&before, version.into()),
        Err(error) => tracing::debug!(?error, "store did not answer a look at what is watched, looking again"),
    }
}

#[test]
fn a_crowd_is_looked_at_more_rarely() {
    assert_eq!((pause(1), pause(200), pause(1_000)), (EVERY, EVERY, Duration::from_secs(10)));
}
