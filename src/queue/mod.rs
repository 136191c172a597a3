//! Implementations of the `JobQueue` port: one machine's memory, and Azure Queue Storage.
//!
//! Built by `app`, used by everyone else through the port.

mod azure;
pub mod local;

pub use azure::AzureQueue;
