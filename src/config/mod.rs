//! Settings: each declared once, as a flag with its `HEAVYLIFT_*` variable, default and one-line doc.
//!
//! The only place that reads the environment. `cli` parses [`ServeArgs`] and [`ClientArgs`]; `app` gets a checked
//! [`ServeConfig`]. Nothing here knows what the settings are used for.

mod azure;
mod client;
pub mod docs;
mod faults;
mod jobs;
pub mod keys;
mod mounts;
mod quotas;
mod serve;
pub mod snippets;
pub(crate) mod units;

pub use azure::{AzureConfig, AzureIdentity, AzureUrl};
pub use client::ClientArgs;
pub use faults::{Fault, Faults};
pub(crate) use jobs::machine_memory;
pub use jobs::{Isolation, JobArgs, JobConfig};
pub use mounts::{MountConfig, MountSource};
pub use serve::{LogFormat, QueueConfig, Role, ServeArgs, ServeConfig, StoreConfig};
pub use units::{parse_bytes, show_bytes};

/// What a setting's number of threads falls back to: the cores this process may use.
pub(crate) fn available_cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
