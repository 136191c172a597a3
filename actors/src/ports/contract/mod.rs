//! The behaviour suites: every implementation of a port passes the same one.
//!
//! Called by the tests of each implementation, here and in the server crate. They know the traits' documentation and
//! nothing else; a suite panics at the first promise that is not kept.

mod queue;
mod store;

pub use queue::queue;
pub use store::store;

use std::time::Duration;

/// The outcome of `wait`, or a panic that says what never happened: a broken wake-up shall fail a test, not hang it.
async fn within<T>(what: &str, wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_mins(1), wait).await.unwrap_or_else(|_| panic!("{what}: never happened"))
}
