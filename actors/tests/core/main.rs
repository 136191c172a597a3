//! The job core from the outside, over ports in memory and a clock that the tests turn.

mod harness;

mod asking;
mod cancel;
mod expiry;
mod isolation;
mod losses;
mod replicas;
mod reuse;
mod sessions;
mod steps;
mod turns;
