//! Pictures: one tool that takes a batch through a list of operations, one file per operation.

mod process;

pub use process::Process;
