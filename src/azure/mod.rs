//! How this server speaks to Azure Storage: connections, tries, time-outs, identity, and what an error means.
//!
//! Used by `store::azure` and `queue::azure`, which with this are all that knows the Azure SDK. Knows neither blobs nor jobs.

mod access;
mod fault;
mod tries;

pub(crate) use access::Access;
pub(crate) use fault::{Fault, Meaning};
pub(crate) use tries::{Patience, Tries, within_reason};

/// A service that cannot be used as the settings have it. Names the setting's remedy and no secret.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct AzureError(String);

impl AzureError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}
