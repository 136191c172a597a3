//! Implementations of the `JobQueue` port: one machine's memory.
//!
//! Built by `app`, used by everyone else through the port.

pub mod local;
