//! Where a tool runs: on the pool thread itself ([`InThread`]), or in a process that the thread drives (the server's lanes).
//!
//! Called by `job::run`, on a thread of the slot that the job has. Tools do not know which.

use serde_json::Value;
use tools::{
    Answers, Cancel, Catalogue, Context, Folders, Input, Limits, Outcome, ProgressSink, ToolError, ToolErrorKind,
};

use crate::model::Owner;

/// One run of one tool: what can be sent to another process, and two ways to talk meanwhile.
pub struct Run {
    /// Whose job it is. Where runs share a process, they share it with nobody else's.
    pub owner: Owner,
    /// Which tool.
    pub tool: String,
    /// With which parameters.
    pub params: Value,
    /// The files it reads.
    pub inputs: Vec<Input>,
    /// The folders it writes; the caller's to remove, afterwards.
    pub folders: Folders,
    /// What it may use.
    pub limits: Limits,
    /// What was answered so far.
    pub answers: Answers,
    /// Hears how far it is.
    pub progress: ProgressSink,
    /// Stops it.
    pub cancel: Cancel,
}

/// Why a run gave nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum RunFault {
    /// The tool said so; `Cancelled` where it was stopped, `ResourceExhausted` where it came to a limit.
    Tool(ToolError),
    /// The tool panicked, with these words.
    Panicked(String),
    /// Whatever ran it is gone: `its process was ended by signal 6 (SIGABRT)`. Another try may fare better.
    Lost(String),
}

impl From<ToolError> for RunFault {
    fn from(error: ToolError) -> Self {
        Self::Tool(error)
    }
}

/// Runs tools.
///
/// # Contract
/// - **Blocking**: called on a compute thread, and returns when nothing of the run goes on any more.
/// - **Whole**: the artifacts of an outcome are regular files below `folders.output`, as large as it says.
/// - **Stoppable**: after a cancel the run ends soon, with `Cancelled` unless it was done before.
pub trait ToolRunner: Send + Sync {
    /// Runs one tool to its end.
    ///
    /// # Errors
    /// See [`RunFault`].
    fn run(&self, run: Run) -> Result<Outcome, RunFault>;
}

/// Runs tools on the calling thread: a panic is caught by `compute`, nothing else is.
pub struct InThread(pub Catalogue);

impl ToolRunner for InThread {
    fn run(&self, run: Run) -> Result<Outcome, RunFault> {
        let Run { tool, params, inputs, folders, limits, answers, progress, cancel, .. } = run;
        let tool = self.0.get(&tool)?;
        let mut ctx = Context::new(inputs, folders, limits, progress, cancel).with_answers(answers);
        Ok(tool.run(&params, &mut ctx)?)
    }
}

impl RunFault {
    /// Whether the run was stopped because somebody asked for it.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Tool(ToolError { kind: ToolErrorKind::Cancelled, .. }))
    }
}
