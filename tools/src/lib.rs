//! Pure computation: what Heavylift can do with files, and nothing of how jobs live.
//!
//! A [`Tool`] is a function from parameters and input files on local disk to a structured [`Report`] and files in the
//! job's own folder. It reports progress and polls for cancellation through its [`Context`] and touches nothing else: no
//! actors, HTTP, cloud, clock or environment. So the same tool runs on a pool thread, in a child process, in a test or from
//! the command line.
//!
//! | to find | look in |
//! |---|---|
//! | the list of tools | [`catalogue`] |
//! | what a tool is | [`tool`] |
//! | what a tool may use while it runs | [`context`] |
//! | what a tool may ask meanwhile | [`question`] |
//! | tables: SQL, profiles, readers | [`data`] |
//! | pictures, one file per operation | [`image`] |

pub mod cancel;
pub mod catalogue;
pub mod context;
pub mod data;
pub mod error;
mod guard;
pub mod image;
pub mod input;
pub mod limits;
pub mod path;
pub mod pattern;
pub mod progress;
pub mod question;
pub mod report;
pub mod suggest;
pub mod tool;

pub use cancel::Cancel;
pub use catalogue::Catalogue;
pub use context::{Context, Folders};
pub use error::{ToolError, ToolErrorKind};
pub use input::{Input, InputSpec};
pub use limits::Limits;
pub use path::WorkspacePath;
pub use pattern::Pattern;
pub use progress::{Progress, ProgressSink};
pub use question::{Answer, Answers, Question, Questions};
pub use report::{ArtifactFile, Column, Outcome, Report};
pub use tool::{AnyTool, Tool, ToolSpec};
