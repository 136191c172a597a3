//! The black-box suite: a real server process, real clients, one file a topic.
//!
//! Run one topic with `cargo test --workspace --test it -- TOPIC`. Nothing sleeps, tries again or measures time.

mod harness;
mod mcp;
mod wire;
