//! The server: edges, adapters, wiring.
//!
//! | to find | look in |
//! |---|---|
//! | how the parts are put together | [`app`] |
//! | the MCP endpoint | [`mcp`] |
//! | plain HTTP: files, jobs, health | [`http`] |
//! | what a caller is shown of a job | [`view`] |
//! | who calls, and from where | [`auth`] |
//! | who is told of which change | [`changes`] |
//! | links that need no API key | [`links`] |
//! | what a browser is shown | [`pages`] |
//! | the settings | [`config`] |
//! | bytes on disk or in Azure, jobs that wait | [`store`], [`queue`] |
//! | the processes that jobs run in | [`lane`] |
//! | how Azure is spoken to: tries, time-outs, identity | [`azure`] |
//! | the server that an AI client starts itself | [`stdio`] |
//! | what goes wrong, and how it looks outside | [`error`] |
//! | how a stream of events begins | `event_stream` |
//! | logs | [`telemetry`] |
//! | the command line and the client | [`cli`] |

pub mod app;
pub mod auth;
mod azure;
pub mod changes;
pub mod cli;
pub mod config;
pub mod error;
mod event_stream;
pub mod http;
pub mod lane;
pub mod links;
pub mod mcp;
pub mod pages;
pub mod queue;
mod scratch;
mod stdio;
pub mod store;
pub mod telemetry;
mod tls;
pub mod view;
pub mod wait;
