//! DuckDB, one database in memory for one job, locked before any SQL of a caller reaches it.
//!
//! Used by the query tool, the preview and the reader's conversions. Nothing outside this folder opens a connection.

mod fault;
mod ident;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use duckdb::{Config, Connection};

pub(in crate::data) use fault::{Fault, Hidden, reworded};
pub(in crate::data) use ident::{ident, text};
pub(in crate::data) use watch::{Phase, Watch};

use crate::{Limits, ToolError};

/// Parsers at rest: to open one takes far longer than to parse with it. None remembers anything of what it parsed.
static PARSERS: Mutex<Vec<Connection>> = Mutex::new(Vec::new());
/// More than calls come in at once, most of the time.
const MOST_PARSERS: usize = 4;

/// Does `work` with a connection that can only parse.
pub(in crate::data) fn with_parser<T>(work: impl FnOnce(&Connection) -> duckdb::Result<T>) -> duckdb::Result<T> {
    let rested = at_rest().pop();
    let connection = rested.map_or_else(parser, Ok)?;
    let done = work(&connection);
    let mut rest = at_rest();
    // One that failed is not trusted with the next text.
    if done.is_ok() && rest.len() < MOST_PARSERS {
        rest.push(connection);
    }
    done
}

/// A panic elsewhere leaves the list as whole as it was.
fn at_rest() -> MutexGuard<'static, Vec<Connection>> {
    PARSERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connection that can only parse: no files, no settings, no extensions.
fn parser() -> duckdb::Result<Connection> {
    let connection = Connection::open_in_memory_with_flags(base()?.threads(1)?)?;
    connection.execute_batch(
        "SET memory_limit = '256MB'; SET temp_directory = ''; SET enable_external_access = false; \
         SET lock_configuration = true;",
    )?;
    Ok(connection)
}

/// Opens the database of one job. It reads `readable`, writes `writable` and spills below `scratch`; nothing else, ever.
///
/// # Errors
/// `Internal` when DuckDB refuses one of our own settings.
pub(in crate::data) fn open(
    limits: &Limits,
    scratch: &Path,
    readable: &[PathBuf],
    writable: &[PathBuf],
) -> Result<Connection, ToolError> {
    let paths: Vec<&PathBuf> = readable.iter().chain(writable).collect();
    locked(limits, scratch, &paths).map_err(|error| Fault::from(error).into_internal("opening the engine"))
}

fn locked(limits: &Limits, scratch: &Path, paths: &[&PathBuf]) -> duckdb::Result<Connection> {
    let threads = i64::try_from(limits.threads).unwrap_or(1).max(1);
    let connection = Connection::open_in_memory_with_flags(base()?.threads(threads)?)?;
    connection.set_query_progress_tracking(true)?;
    let paths: Vec<String> = paths.iter().map(|path| text(&path.to_string_lossy())).collect();
    connection.execute_batch(&format!(
        "SET errors_as_json = true; SET memory_limit = '{memory}B'; SET temp_directory = {spill}; \
         SET max_temp_directory_size = '{disk}B'; SET allowed_directories = [{folder}]; SET allowed_paths = [{paths}]; \
         SET allow_community_extensions = false; SET enable_external_access = false; SET lock_configuration = true;",
        memory = limits.engine_memory_bytes(),
        disk = limits.max_output_bytes,
        spill = text(&scratch.join("spill").to_string_lossy()),
        folder = text(&format!("{}/", scratch.to_string_lossy())),
        paths = paths.join(", "),
    ))?;
    Ok(connection)
}

fn base() -> duckdb::Result<Config> {
    Config::default()
        .with("autoload_known_extensions", "false")?
        .with("autoinstall_known_extensions", "false")?
        .with("allow_unsigned_extensions", "false")
}

#[cfg(test)]
mod tests;
