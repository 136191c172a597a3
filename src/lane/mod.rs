//! Lanes: processes of this same program in which one job at a time runs, so that whatever a job does, it does to nobody else.
//!
//! A pool thread that has a job (`actors::compute`) calls [`Lanes`], which gives the job to a lane and drives it: hears its
//! progress, watches what it uses, kills it when the job is to stop or comes to a limit, and takes its result. The lane is
//! `heavylift worker`, a hidden command; it knows nothing of the server but what comes through its standard input.
//!
//! | to find | look in |
//! |---|---|
//! | the server's side: which lane gets which job | `pool` |
//! | one job's run in a lane: progress, limits, end | `drive` |
//! | the process and its pipes | `process` |
//! | the folders in which both meet | `folders` |
//! | what a process uses | `usage` |
//! | what is said through the pipes | `wire` |
//! | the lane's side | [`child`] |
//! | what a lane may do to the machine | [`sandbox`], `limits` |

pub mod child;
mod drive;
mod folders;
mod limits;
mod pool;
mod process;
pub mod sandbox;
#[cfg(test)]
mod tests;
mod usage;
mod wire;

pub use pool::{Lanes, Plan};

/// The hidden command that a lane is started with.
pub const COMMAND: &str = "worker";
