//! The life of a job: accepted, queued, run, kept, handed back.

pub mod model;
pub mod ports;
