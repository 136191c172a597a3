//! Finds out what a file is and opens it for either engine, so that both see the same columns and types.
//!
//! [`Sources`] makes DuckDB views of a job's inputs and reads a file another way when DuckDB stumbles over it ([`Source`]);
//! [`columnar()`] gives a Parquet file for Polars. Only this module knows formats, separators and encodings.

mod arrow;
mod castings;
mod columnar;
mod csv;
mod dialect;
mod encoding;
mod format;
mod ipc;
mod json;
mod meter;
mod parquet;
mod peek;
mod records;
mod source;
mod text;
mod view;

use std::path::{Path, PathBuf};

use duckdb::Connection;

pub(super) use columnar::{Columnar, columnar};
pub use format::claims_table;
pub(super) use peek::{Shape, lines_of, shape_of, shorten};
pub(super) use source::Source;

use super::duck::{Fault, Hidden, Phase, Watch, ident};
use crate::{Cancel, Column, Context, Input, Limits, ToolError};

/// What opening a file may use.
#[derive(Clone, Copy)]
pub(super) struct Means<'a> {
    /// Where rewritten copies go.
    pub(super) scratch: &'a Path,
    /// The job's bounds.
    pub(super) limits: &'a Limits,
    /// Polled, and told how far it is, while a file is rewritten.
    pub(super) watch: &'a Watch,
    /// The part of the job that this is.
    pub(super) phase: Phase,
    /// How many rows of a file will be looked at, where that spares work.
    pub(super) rows: usize,
}

impl<'a> Means<'a> {
    /// All that the job of `ctx` has, for all rows.
    pub(super) fn of(ctx: &'a Context, watch: &'a Watch, phase: Phase) -> Self {
        Self { scratch: ctx.scratch(), limits: ctx.limits(), watch, phase, rows: usize::MAX }
    }

    /// The flag that stops the job.
    fn cancel(&self) -> &'a Cancel {
        self.watch.cancel()
    }

    /// Tells that a file is rewritten up to `share`, of 1.
    fn say(&self, share: f64, message: &str) {
        self.watch.say(self.phase.from + share.min(1.0) * (self.phase.to - self.phase.from), message);
    }
}

/// The inputs of one job, each a view by the name that the SQL uses.
pub(super) struct Sources<'a> {
    means: Means<'a>,
    list: Vec<Source>,
}

impl<'a> Sources<'a> {
    /// Opens `inputs`; of names that differ only in case the first stands for all, as in SQL.
    ///
    /// # Errors
    /// `BadInput`, `Unsupported` or `TooLarge` for a file that cannot be read as a table.
    pub(super) fn open(inputs: &[Input], means: Means<'a>) -> Result<Self, ToolError> {
        let mut list: Vec<Source> = Vec::new();
        for input in inputs {
            means.cancel().check()?;
            if !list.iter().any(|known| known.name.to_lowercase() == input.name.to_lowercase()) {
                list.push(Source::open(input, list.len(), means)?);
            }
        }
        Ok(Self { means, list })
    }

    /// The local files that an engine must be let read.
    pub(super) fn locals(&self) -> Vec<PathBuf> {
        self.list.iter().map(|source| source.local.clone()).collect()
    }

    /// What to say instead of local paths.
    pub(super) fn hidden(&self) -> Hidden {
        let mut hidden = Hidden::default();
        for source in &self.list {
            hidden.add(&source.local, &source.path);
        }
        hidden.add(self.means.scratch, "scratch");
        hidden
    }

    /// Makes the views and does `work` on them. When a file turns out to be other than it seemed (a column that becomes text
    /// late, an encoding), the file is opened accordingly and all is done again.
    ///
    /// # Errors
    /// The outer one: an input that cannot be read. The inner one: a fault that is no input's.
    pub(super) fn attempt<T>(
        &mut self,
        connection: &Connection,
        mut work: impl FnMut(&Connection) -> Result<T, Fault>,
    ) -> Result<Result<T, Fault>, ToolError> {
        loop {
            let fault = match self.views(connection).and_then(|()| work(connection)) {
                Ok(value) => return Ok(Ok(value)),
                Err(fault) => fault,
            };
            self.means.cancel().check()?;
            let Some(source) = self.list.iter_mut().find(|source| source.is_blamed_by(&fault)) else {
                return if fault.may_be_damage() { self.find_damage().map(|()| Err(fault)) } else { Ok(Err(fault)) };
            };
            if let Some(error) = fault.resources() {
                return Err(error);
            }
            if !source.reopen(&fault, self.means)? {
                return Err(source.explain(&fault, self.means));
            }
        }
    }

    /// Reads all of every Parquet file: of damaged pages DuckDB tells without saying whose they are.
    ///
    /// # Errors
    /// `BadInput` for the first that cannot be read.
    fn find_damage(&self) -> Result<(), ToolError> {
        self.list.iter().try_for_each(|source| source.read_through(self.means))
    }

    /// The names of all columns of all inputs, each once, for "did you mean".
    pub(super) fn columns(&self, connection: &Connection) -> Vec<String> {
        let views = self.list.iter().filter_map(|source| columns_of(connection, &ident(&source.name)).ok());
        let mut names: Vec<String> = views.flatten().map(|column| column.name).collect();
        names.sort();
        names.dedup();
        names
    }

    /// What the caller should know of how the inputs are read.
    pub(super) fn notes(&self) -> Vec<String> {
        self.list.iter().flat_map(Source::told).collect()
    }

    fn views(&mut self, connection: &Connection) -> Result<(), Fault> {
        let rows = self.means.rows;
        self.list.iter_mut().try_for_each(|source| source.make_view(connection, rows))
    }
}

/// The columns of whatever `relation` is, with DuckDB's names of their types.
///
/// # Errors
/// DuckDB's, when `relation` is nothing it knows.
pub(super) fn columns_of(connection: &Connection, relation: &str) -> Result<Vec<Column>, Fault> {
    let described = format!("SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM {relation})");
    let mut statement = connection.prepare(&described)?;
    let columns = statement.query_map([], |row| Ok(Column { name: row.get(0)?, dtype: row.get(1)? }))?;
    Ok(columns.collect::<duckdb::Result<_>>()?)
}

#[cfg(test)]
mod tests;
