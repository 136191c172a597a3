//! Implementations of the `BlobStore` port: a folder on one machine's disk.
//!
//! Built by `app`, used by everyone else through the port.

mod local;

pub use local::{LocalStore, OpenError};
