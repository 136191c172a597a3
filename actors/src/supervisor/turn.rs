//! One replica sweeps at a time: who, stands in the store.
//!
//! Two at once would do no harm, only everything twice; so this needs no fencing.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::core::Core;
use crate::error::CoreError;
use crate::layout;
use crate::ports::{Expect, StoreErrorKind};

#[derive(Serialize, Deserialize)]
struct Turn {
    holder: String,
    #[serde(with = "time::serde::rfc3339")]
    until: OffsetDateTime,
}

/// Whether it is this replica that sweeps, for as long as `time` from now on.
///
/// # Errors
/// `Store`.
pub(super) async fn is_ours(core: &Core, time: Duration) -> Result<bool, CoreError> {
    if core.config.exclusive {
        return Ok(true);
    }
    let (store, now) = (&core.ports.store, core.ports.clock.now());
    let (turn, expect) = match store.get(&layout::sweeper()).await? {
        // What cannot be read is replaced: nothing depends on it.
        Some(blob) => (serde_json::from_slice::<Turn>(&blob.value).ok(), Expect::Etag(blob.meta.etag)),
        None => (None, Expect::Absent),
    };
    if turn.is_some_and(|turn| turn.holder != core.config.replica && turn.until > now) {
        return Ok(false);
    }
    let ours = Turn { holder: core.config.replica.clone(), until: now + time };
    let bytes = Bytes::from(serde_json::to_vec(&ours).expect("a turn has only string keys"));
    match store.put(&layout::sweeper(), bytes, expect).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind == StoreErrorKind::Conflict => Ok(false),
        Err(error) => Err(error.into()),
    }
}
