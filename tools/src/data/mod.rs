//! Tables: SQL on DuckDB ([`Query`]), typed work on Polars ([`Profile`]), a look inside a file ([`Look`]), and the
//! one reader that feeds them all.
//!
//! | to find | look in |
//! |---|---|
//! | what a file is and how either engine opens it | `reader` |
//! | the locked-down DuckDB of one job, its watcher, its faults | `duck` |
//! | which SQL is let through | `query/guard` |

mod cells;
mod duck;
mod finite;
mod look;
mod preview;
mod profile;
mod query;
mod reader;
#[cfg(test)]
mod samples;

pub use look::Look;
pub use profile::Profile;
pub use query::Query;
pub use reader::claims_table;
