//! The nouns: whose a job is, which one it is, what is known of it.
//!
//! Plain data, written to the store as it stands; `lifecycle` says how it may change and `records` how it is kept.

mod ids;
mod record;

pub use ids::{BadId, JobId, Owner, SessionId};
pub use record::{Artifact, Cause, JobError, JobInput, JobOutcome, JobRecord, JobState, Lease};
