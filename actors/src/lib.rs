//! The life of a job: accepted, queued, run, kept, handed back.
//!
//! Actors on actix hold what changes; `compute` alone computes; the [`ports`] are all they know of the world. Nothing here
//! knows HTTP, MCP, Azure, files' places or the environment.
//!
//! | to find | look in |
//! |---|---|
//! | what is shared and built once | [`core`] |
//! | how a call becomes a job | [`submit`] |
//! | the actors | [`supervisor`], [`session`], [`dispatcher`], [`job`] |
//! | the door to the processors | [`compute`] |
//! | what a job is and how it may change | [`model`], [`lifecycle`] |
//! | what a job may use | [`limits`] |
//! | whose attempt it is | `leases` |
//! | cancels and answers | `settle` |
//! | inputs on local disk | [`cache`] |
//! | what is in motion and who watches | [`board`] |
//! | where things lie in the store | [`layout`], [`records`], [`sessions`], [`workspace`], [`mounts`], [`keys`] |

pub mod board;
pub mod cache;
pub mod compute;
pub mod core;
pub mod counters;
pub mod dispatcher;
pub mod error;
pub mod job;
pub mod keys;
pub mod layout;
mod leases;
pub mod lifecycle;
pub mod limits;
pub mod model;
pub mod mounts;
pub mod ports;
pub mod records;
pub mod retry;
pub mod session;
pub mod sessions;
mod settle;
pub mod submit;
pub mod supervisor;
pub mod workspace;

pub use crate::core::{Core, CoreConfig};
pub use board::{Board, Watch};
pub use compute::Compute;
pub use error::CoreError;
pub use limits::Quota;
pub use mounts::{MountName, Mounts};
pub use session::{Activity, EndSession, FollowJob, IdleEnd, InUse, LeaveJob, Note, Session, SubmitJob};
pub use sessions::{SessionRecord, Sessions};
pub use submit::{Call, Submitted};
pub use supervisor::{Drain, OpenSession, Recover, Supervisor, Sweep};
pub use workspace::{FoundFile, Workspace};
