//! One request, tried more than once: how long a try may take, and how many there were.
//!
//! Sits in the SDK's pipeline below its retry policy; a request carries what it wants in its context.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use azure_core::error::{Error, ErrorKind};
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{ClientMethodOptions, Context, Request};

/// How long the service may ask us to wait, all in all, before a request is given up: `Retry-After` has no bound of its own.
const REASON: Duration = Duration::from_secs(90);

/// How long one try of a request may take until the answer begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience(Duration);

impl Patience {
    /// For requests of a few kilobytes: a connection into the void must not eat the lease.
    pub(crate) const SMALL: Self = Self(Duration::from_secs(10));
    /// For those that carry a block, or work longer.
    pub(crate) const LARGE: Self = Self(Duration::from_mins(1));
}

/// Counts the tries of one request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tries(Arc<AtomicU32>);

impl Tries {
    /// Whether a try before the last may have been carried out without our hearing of it.
    pub(crate) fn were_many(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 1
    }

    /// What makes a request be counted here and wait with `patience`.
    pub(crate) fn options(&self, patience: Patience) -> ClientMethodOptions<'static> {
        ClientMethodOptions { context: Context::new().with_value(self.clone()).with_value(patience) }
    }
}

/// The policy: counts, and ends a try that takes too long. An error of kind `Io` is what the retry policy tries again.
#[derive(Debug)]
pub(super) struct CountTries;

#[async_trait]
impl Policy for CountTries {
    async fn send(&self, ctx: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        if let Some(tries) = ctx.value::<Tries>() {
            tries.0.fetch_add(1, Ordering::Relaxed);
        }
        let Patience(patience) = ctx.value().copied().unwrap_or(Patience::LARGE);
        let (first, rest) = next.split_first().expect("the transport comes last");
        match tokio::time::timeout(patience, first.send(ctx, request, rest)).await {
            Ok(answer) => answer,
            Err(_) => Err(Error::with_message(ErrorKind::Io, "no answer in time")),
        }
    }
}

/// The outcome of `request`, which is given up when its pauses go beyond all reason.
pub(crate) async fn within_reason<T>(request: impl Future<Output = azure_core::Result<T>>) -> azure_core::Result<T> {
    let given_up = |_| Err(Error::with_message(ErrorKind::Io, "no answer in time, however often it was asked"));
    tokio::time::timeout(REASON, request).await.unwrap_or_else(given_up)
}
