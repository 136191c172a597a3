//! What the actors need from the world: a place for bytes, a queue of jobs, a clock, and something that runs tools.
//!
//! Each trait is a contract in prose, for store and queue with one behaviour suite ([`contract`]) that every implementation
//! passes: the in-memory ones here ([`memory`]), one machine's disk and Azure in the server crate. Nothing here knows what a job does.

mod blob_store;
mod clock;
pub mod contract;
mod job_queue;
mod key;
pub mod memory;
mod tool_runner;

pub use blob_store::{
    Blob, BlobStore, ByteStream, DirectTerms, Entry, Etag, Expect, Meta, Page, StoreError, StoreErrorKind,
};
pub use clock::{Clock, SystemClock};
pub use job_queue::{Delivery, JobQueue, Message, QueueDepth, QueueError, QueueErrorKind, Receipt};
pub use key::Key;
pub use tool_runner::{InThread, Run, RunFault, ToolRunner};

use std::sync::Arc;

/// The three ports together, as every actor is handed them. Clones share them.
#[derive(Clone)]
pub struct Ports {
    /// Where bytes live.
    pub store: Arc<dyn BlobStore>,
    /// Which jobs wait.
    pub queue: Arc<dyn JobQueue>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}
