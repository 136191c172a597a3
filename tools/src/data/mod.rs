//! Tables: SQL on DuckDB, typed work on Polars, and the one reader that feeds both.

mod profile;
mod query;

pub use profile::Profile;
pub use query::Query;
