//! The black-box suite: a real server process, real clients, one file a topic.
//!
//! Run one topic with `cargo test --workspace --test it -- TOPIC`. Nothing sleeps, tries again or measures time.

mod asking;
mod azure_faults;
mod azure_managed;
mod azure_queue;
mod azure_serve;
mod azure_store;
mod azurite;
mod bad_input;
mod browser;
mod cli;
mod clients;
mod cutting;
mod disk;
mod elicitation;
mod files;
mod harness;
mod heirs;
mod inspector;
mod jobs;
mod kill;
mod links;
mod load;
mod mcp;
mod mounts;
mod principals;
mod programs;
mod prompts;
mod proxy;
mod refusals;
mod replicas;
mod replicas_cut;
mod replicas_end;
mod resources;
mod schema;
mod sessions;
mod shutdown;
mod site;
mod sse;
mod stdio;
mod stdio_two;
mod subscriptions;
mod tasks;
mod tree;
mod wire;
