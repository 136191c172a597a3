//! Many pictures at once, on the workers of the pool that the tool runs in.
//!
//! As many pictures are in memory as the pool has workers, however many the batch holds: each worker's picture, once done,
//! is followed by the next. (A parallel iterator would not keep to that: a worker that waits for the threads of one picture's
//! resize may begin another picture meanwhile, and another.)

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use image::ImageFormat;
use rayon::Scope;

use super::decode::decode;
use super::encode::encode;
use super::format::Format;
use super::ops::Operation;
use super::picture::Bounds;
use super::summary::{Entry, Made};
use crate::guard::guarded;
use crate::{Cancel, Context, Input, Limits, Progress, ProgressSink, ToolError, ToolErrorKind};

/// What is done to every picture.
pub(super) struct Recipe<'a> {
    /// In this order.
    pub(super) operations: &'a [Operation],
    /// For JPEG.
    pub(super) quality: u8,
}

/// One picture to be made.
pub(super) struct Task {
    /// Its place among the call's inputs.
    pub(super) position: usize,
    /// What it is made of.
    pub(super) input: Input,
    /// That file's format, by its content.
    pub(super) read: ImageFormat,
    /// The format to write.
    pub(super) format: Format,
    /// What it is called.
    pub(super) artifact: String,
    /// Where it is written.
    pub(super) output: PathBuf,
}

/// Whether this is no fault of one picture, so that there is no sense in going on.
pub(super) fn ends_the_job(error: &ToolError) -> bool {
    matches!(error.kind, ToolErrorKind::Cancelled | ToolErrorKind::NoSpace)
}

/// Runs all `tasks`; `failed` pictures of the same call are past help and count as done.
///
/// # Errors
/// `Cancelled`, `NoSpace`, or `TooLarge` when the pictures made are together over the limit. What is wrong with one picture
/// is in its entry.
pub(super) fn run(tasks: &[Task], recipe: &Recipe<'_>, ctx: &Context, failed: usize) -> Result<Vec<Entry>, ToolError> {
    let state = State { done: failed, ..State::default() };
    let batch = Batch {
        tasks,
        recipe,
        limits: ctx.limits(),
        cancel: ctx.cancel(),
        progress: ctx.progress(),
        total: tasks.len() + failed,
        next: AtomicUsize::new(0),
        state: Mutex::new(state),
    };
    batch.tell(failed);
    let workers = rayon::current_num_threads().min(tasks.len());
    rayon::scope(|scope| (0..workers).for_each(|_| scope.spawn(|scope| batch.work(scope))));
    batch.finish()
}

struct Batch<'a> {
    tasks: &'a [Task],
    recipe: &'a Recipe<'a>,
    limits: &'a Limits,
    cancel: &'a Cancel,
    progress: ProgressSink,
    total: usize,
    /// The first task that nobody has begun.
    next: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    entries: Vec<Entry>,
    done: usize,
    bytes: u64,
    /// What ended the job early.
    stop: Option<ToolError>,
}

impl Batch<'_> {
    /// Makes one picture, then leaves the next to whichever worker comes first.
    fn work<'scope>(&'scope self, scope: &Scope<'scope>) {
        let Some(task) = self.take() else { return };
        let panicked = || ToolError::internal(format!("{} could not be processed", task.input.path));
        self.record(task, guarded(panicked, || self.make(task)));
        scope.spawn(|scope| self.work(scope));
    }

    fn take(&self) -> Option<&Task> {
        if self.cancel.is_cancelled() || self.state().stop.is_some() {
            return None;
        }
        self.tasks.get(self.next.fetch_add(1, Ordering::Relaxed))
    }

    fn make(&self, task: &Task) -> Result<Made, ToolError> {
        let bounds = Bounds { name: task.input.path.as_str(), limits: self.limits, cancel: self.cancel };
        let mut picture = decode(&task.input, task.read, self.limits)?;
        for (index, operation) in self.recipe.operations.iter().enumerate() {
            self.cancel.check()?;
            picture = operation.apply(picture, bounds).map_err(|error| {
                let place = format!("operation {} ({})", index + 1, operation.name());
                ToolError::new(error.kind, format!("{place}: {}", error.message))
            })?;
        }
        self.cancel.check()?;
        let (width, height) = (picture.width(), picture.height());
        let file = encode(picture, task.format, self.recipe.quality, &task.artifact)?;
        self.cancel.check()?;
        self.write(task, &file)?;
        Ok(Made { artifact: task.artifact.clone(), width, height, bytes: file.len() as u64 })
    }

    fn write(&self, task: &Task, file: &[u8]) -> Result<(), ToolError> {
        self.reserve(file.len() as u64)?;
        fs::write(&task.output, file).map_err(|error| {
            let _ = fs::remove_file(&task.output); // lest what was written pass for a picture
            ToolError::io(&format!("writing {}", task.artifact), &error)
        })
    }

    /// Counts `bytes` to be written against the limit.
    fn reserve(&self, bytes: u64) -> Result<(), ToolError> {
        let mut state = self.state();
        state.bytes += bytes;
        let most = self.limits.max_output_bytes;
        if state.bytes <= most {
            return Ok(());
        }
        let error = ToolError::too_large(format!("the pictures made are over {most} bytes together; process fewer"));
        state.stop.get_or_insert(error.clone());
        Err(error)
    }

    fn record(&self, task: &Task, outcome: Result<Made, ToolError>) {
        let mut state = self.state();
        match outcome {
            Err(error) if ends_the_job(&error) => {
                state.stop.get_or_insert(error);
                return;
            }
            outcome => {
                let file = task.input.path.to_string();
                state.entries.push(Entry { position: task.position, file, outcome });
            }
        }
        state.done += 1;
        self.tell(state.done); // under the lock, so that no later count is told before this one
    }

    fn tell(&self, done: usize) {
        let total = self.total;
        let noun = if total == 1 { "picture" } else { "pictures" };
        (self.progress)(Progress::of(done as f64, total as f64, format!("{done} of {total} {noun}")));
    }

    fn finish(self) -> Result<Vec<Entry>, ToolError> {
        self.cancel.check()?;
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        state.stop.map_or(Ok(state.entries), Err)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
