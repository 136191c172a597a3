//! The server: one program that takes jobs in, runs them and keeps what they leave.

pub mod queue;
pub mod store;
