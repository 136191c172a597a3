//! What a call reads: asked for by [`InputSpec`] before the job exists, handed over as [`Input`] when it runs.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::WorkspacePath;

/// What a call's parameters ask for, before anyone looked whether it exists.
///
/// The front door resolves each against the caller's workspace and refuses the call when one matches nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InputSpec {
    /// One file. `name` is what the tool will look for ([`crate::Context::input`]).
    Path {
        /// What the tool calls it: the alias, or the path itself.
        name: String,
        /// The file.
        path: WorkspacePath,
    },
    /// Every file that a glob matches (`photos/**/*.jpg`), in order of name; each is named by its own path.
    Glob(String),
    /// A table by its name in SQL: a file's path, or its name without the ending, in any case of letters.
    Table {
        /// What the SQL calls it.
        name: String,
        /// Where the SQL first names it, for an error: `line 1, column 15`.
        place: Option<String>,
    },
}

/// One input file, on local disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// What the tool calls it; see [`InputSpec`].
    pub name: String,
    /// Its name in the workspace, for messages and for guessing its format.
    pub path: WorkspacePath,
    /// Where its bytes are now. Read only: other jobs may share the file. Ends with the job.
    pub local: PathBuf,
    /// How many bytes it has.
    pub bytes: u64,
}
