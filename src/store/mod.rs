//! Implementations of the `BlobStore` port: a folder on one machine's disk, and a folder of somebody else's to be read only.
//!
//! Built by `app`, used by everyone else through the port.

mod folder;
mod local;

pub use folder::FolderStore;
pub use local::{LocalStore, OpenError};
