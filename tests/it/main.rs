//! The black-box suite: a real server process, real clients, one file a topic.
//!
//! Run one topic with `cargo test --workspace --test it -- TOPIC`. Nothing sleeps, tries again or measures time.

mod bad_input;
mod browser;
mod cli;
mod disk;
mod files;
mod harness;
mod jobs;
mod kill;
mod links;
mod load;
mod mcp;
mod mounts;
mod principals;
mod schema;
mod shutdown;
mod tree;
mod wire;
