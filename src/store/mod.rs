//! Implementations of the `BlobStore` port: a folder on one machine's disk, a container of Azure Blob Storage.
//!
//! Built by `app`, used by everyone else through the port.

mod azure;
mod local;

pub use azure::AzureStore;
pub use local::{LocalStore, OpenError};
