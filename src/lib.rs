//! The server: edges, adapters, wiring.
//!
//! | to find | look in |
//! |---|---|
//! | the settings | [`config`] |
//! | who calls, and from where | [`auth`] |
//! | what goes wrong, and how it looks outside | [`error`] |
//! | logs | [`telemetry`] |
//! | the command line and the client | [`cli`] |

pub mod auth;
pub mod cli;
pub mod config;
pub mod error;
pub mod telemetry;
