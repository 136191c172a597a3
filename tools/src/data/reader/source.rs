//! One input file, opened: which local file an engine reads now, as what, and what to do when that fails.

use std::path::PathBuf;

use duckdb::Connection;

use super::format::{self, Format};
use super::view::Settled;
use super::{Means, arrow, csv, json, parquet, text};
use crate::data::duck::{self, Fault};
use crate::{Input, ToolError};

/// How the local file is read.
pub(super) enum Kind {
    Csv(csv::Options),
    Json(json::Options),
    Parquet,
}

/// An opened input.
pub(in crate::data) struct Source {
    /// What the SQL calls it.
    pub(in crate::data) name: String,
    /// Its workspace path, for messages.
    pub(in crate::data) path: String,
    /// The file to read now: the input itself or its rewritten copy.
    pub(in crate::data) local: PathBuf,
    pub(super) kind: Kind,
    /// The input, unchanged.
    pub(super) input: Input,
    /// Tells its copies from others'.
    pub(super) number: usize,
    /// What a look at all of it found, once there was one.
    pub(super) settled: Option<Settled>,
    /// What the caller should know of how it was converted.
    pub(super) notes: Vec<String>,
}

impl Source {
    /// Finds out what `input` is; `number` tells its copies in scratch from others'.
    ///
    /// # Errors
    /// `BadInput`, `Unsupported` or `TooLarge` for a file that cannot be read as a table.
    pub(super) fn open(input: &Input, number: usize, means: Means) -> Result<Self, ToolError> {
        means.limits.check_input(input.path.as_str(), input.bytes)?;
        let found = format::find(input)?;
        let mut source = Self {
            name: input.name.clone(),
            path: input.path.to_string(),
            local: input.local.clone(),
            kind: Kind::Parquet,
            input: input.clone(),
            number,
            settled: None,
            notes: Vec::new(),
        };
        match found.format {
            Format::Parquet => parquet::check(input)?,
            Format::ArrowFile | Format::ArrowStream => {
                source.local = source.copy(means, "parquet");
                source.notes = arrow::to_parquet(input, found.format, &source.local, means)?;
            }
            Format::Csv { .. } | Format::Json | Format::Lines => source.open_text(found, means)?,
        }
        Ok(source)
    }

    fn open_text(&mut self, mut found: format::Found, means: Means) -> Result<(), ToolError> {
        let copy = self.copy(means, "txt");
        if text::normalise(&self.input, &mut found, &copy, means)? {
            self.local = copy;
        }
        self.kind = match found.format {
            Format::Csv { tabs } => Kind::Csv(csv::Options::find(&self.path, &found, tabs)?),
            format => Kind::Json(json::Options::find(&self.path, &found, format == Format::Lines)?),
        };
        Ok(())
    }

    fn copy(&self, means: Means, ending: &str) -> PathBuf {
        means.scratch.join(format!("input-{}.{ending}", self.number))
    }

    /// Makes the view by which the SQL knows it, of which `rows` rows will be asked for.
    ///
    /// # Errors
    /// DuckDB's.
    pub(super) fn make_view(&mut self, connection: &Connection, rows: usize) -> Result<(), Fault> {
        let settled = match self.settled.take() {
            Some(settled) => settled,
            None => Settled::of(self, connection, rows)?,
        };
        let settled = self.settled.insert(settled);
        Ok(connection.execute_batch(&settled.view(&self.name))?)
    }

    /// What the caller should know of how the file is read.
    pub(super) fn told(&self) -> impl Iterator<Item = String> {
        self.notes.iter().chain(self.settled.iter().filter_map(|settled| settled.note.as_ref())).cloned()
    }

    /// Whether `fault` came out of this file.
    pub(super) fn is_blamed_by(&self, fault: &Fault) -> bool {
        fault.message.contains(self.local.to_string_lossy().as_ref())
    }

    /// Opens the file another way after `fault`; false when there is no other way left.
    ///
    /// # Errors
    /// `BadInput` when the other way cannot work either.
    pub(super) fn reopen(&mut self, fault: &Fault, means: Means) -> Result<bool, ToolError> {
        self.settled = None;
        let other_encoding = fault.message.contains("nvalid unicode") || fault.message.contains("nvalid UTF");
        if other_encoding && self.local == self.input.local {
            let copy = self.copy(means, "txt");
            let gzip = matches!(
                &self.kind,
                Kind::Csv(csv::Options { gzip: true, .. }) | Kind::Json(json::Options { gzip: true, .. })
            );
            if text::rewrite(&self.input, gzip, &copy, means)? {
                self.local = copy;
                match &mut self.kind {
                    Kind::Csv(options) => options.gzip = false,
                    Kind::Json(options) => options.gzip = false,
                    Kind::Parquet => {}
                }
                return Ok(true);
            }
        }
        match &mut self.kind {
            Kind::Csv(options) => options.relax(&self.path, &self.local, fault, means),
            Kind::Json(options) => Ok(options.widen(means.rows)),
            Kind::Parquet => Ok(false),
        }
    }

    /// `fault` in words that name the file, the line and the remedy.
    pub(super) fn explain(&self, fault: &Fault, means: Means) -> ToolError {
        match &self.kind {
            Kind::Csv(options) => options.explain(&self.path, &self.local, fault, means),
            Kind::Json(_) => json::explain(&self.path, fault),
            Kind::Parquet => self.damaged(fault),
        }
    }

    fn damaged(&self, fault: &Fault) -> ToolError {
        let mut hidden = duck::Hidden::default();
        hidden.add(&self.local, &self.path);
        let why = hidden.scrub(&fault.first_line());
        ToolError::bad_input(format!("{} is damaged: {why}; write or upload it again", self.path))
    }

    /// Reads every value of a Parquet file, on a connection of its own: some faults leave theirs unusable.
    ///
    /// # Errors
    /// `BadInput` when that fails.
    pub(super) fn read_through(&self, means: Means) -> Result<(), ToolError> {
        if !matches!(self.kind, Kind::Parquet) {
            return Ok(());
        }
        let connection = duck::open(means.limits, means.scratch, std::slice::from_ref(&self.local), &[])?;
        let local = duck::text(&self.local.to_string_lossy());
        let sql = format!("SELECT max(hash(COLUMNS(*))) FROM read_parquet({local})");
        let read = means.watch.stoppable(&connection, || connection.execute_batch(&sql).map_err(Fault::from));
        means.cancel().check()?;
        read.map_err(|fault| fault.resources().unwrap_or_else(|| self.damaged(&fault)))
    }
}
