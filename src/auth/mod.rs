//! Who calls, and from where.
//!
//! `app` wraps the routes with [`authenticate`] and [`check_source`]; handlers take a [`Principal`] as an argument or from the
//! request's extensions. Nothing here knows what the caller wants.

mod gate;
mod keyring;
mod source;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;

use actors::model::Owner;

pub use gate::authenticate;
pub use keyring::Keyring;
pub use source::{SourceRules, check_source};

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Whose jobs and files the call may see and make.
    pub owner: Owner,
}

/// Paths that probes ask without a key and by whatever address they have; they tell nothing of anyone.
fn is_probe(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz")
}

/// Whether `addr` may be served: one that others can reach needs API keys, or consent.
///
/// # Errors
/// A sentence with the remedies.
pub fn check_bind(addr: SocketAddr, has_keys: bool, allow_anonymous: bool) -> Result<(), String> {
    if addr.ip().is_loopback() || has_keys || allow_anonymous {
        return Ok(());
    }
    Err(format!(
        "{addr} can be reached by others and nobody would have to say who they are; \
         give --api-keys FILE (HEAVYLIFT_API_KEYS), bind 127.0.0.1, or say --allow-anonymous"
    ))
}
