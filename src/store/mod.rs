//! Implementations of the `BlobStore` port: a folder on one machine's disk, a container of Azure Blob Storage, and a folder of
//! somebody else's to be read only.
//!
//! Built by `app`, used by everyone else through the port.

mod azure;
mod folder;
mod local;

pub use azure::AzureStore;
pub use folder::FolderStore;
pub(crate) use local::DOOR;
pub use local::{LocalStore, OpenError};
