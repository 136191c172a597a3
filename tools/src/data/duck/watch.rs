//! Listens to a running statement from beside it: forwards DuckDB's percentage, and interrupts it when the job is stopped.
//!
//! DuckDB holds the job's thread until a statement ends, so a small thread of our own does the listening. It ends with the
//! statement, whatever way that ends.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use duckdb::Connection;

use crate::{Cancel, Context, Progress, ProgressSink, ToolError};

/// How often the thread looks: the contract of tools is 100 ms.
const BEAT: Duration = Duration::from_millis(80);

/// A part of the job, as shares of its whole (0 to 100).
#[derive(Clone, Copy)]
pub(in crate::data) struct Phase {
    /// What happens, for people.
    pub(in crate::data) message: &'static str,
    /// The share done when it begins.
    pub(in crate::data) from: f64,
    /// The share done when it ends.
    pub(in crate::data) to: f64,
}

/// Forwards progress that never goes back, and hears the word "stop".
#[derive(Clone)]
pub(in crate::data) struct Watch {
    sink: ProgressSink,
    cancel: Cancel,
    done: Arc<Mutex<f64>>,
}

impl Watch {
    /// A watch for the job of `ctx`.
    pub(in crate::data) fn new(ctx: &Context) -> Self {
        Self { sink: ctx.progress(), cancel: ctx.cancel().clone(), done: Arc::default() }
    }

    /// The flag that stops the job.
    pub(in crate::data) fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// Reports `done` of 100, or what was reached before if that was more.
    pub(in crate::data) fn say(&self, done: f64, message: &str) {
        let mut most = self.done.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *most = most.max(done.clamp(0.0, 100.0));
        let now = *most;
        drop(most); // the sink may do as it likes
        (self.sink)(Progress::of(now, 100.0, message));
    }

    /// Runs `work` on `connection` as `phase`.
    ///
    /// # Errors
    /// `Cancelled` once the flag is up, whatever `work` gave; else what `work` gave.
    pub(in crate::data) fn during<T>(
        &self,
        connection: &Connection,
        phase: Phase,
        work: impl FnOnce() -> Result<T, ToolError>,
    ) -> Result<T, ToolError> {
        self.cancel.check()?;
        self.say(phase.from, phase.message);
        let progress = connection.progress_handle();
        let beat = || {
            let share = progress.query_progress().percentage().unwrap_or(0.0) / 100.0;
            self.say(phase.from + share * (phase.to - phase.from), phase.message);
        };
        let result = self.beside(connection, beat, work);
        self.cancel.check()?;
        result
    }

    /// Runs `work` on `connection`, to be interrupted once the flag is up, and tells nothing.
    pub(in crate::data) fn stoppable<T>(&self, connection: &Connection, work: impl FnOnce() -> T) -> T {
        self.beside(connection, || (), work)
    }

    /// Runs `work`; beside it a thread calls `beat`, or interrupts `connection` once the flag is up.
    fn beside<T>(&self, connection: &Connection, beat: impl Fn() + Send, work: impl FnOnce() -> T) -> T {
        let interrupt = connection.interrupt_handle();
        thread::scope(|scope| {
            let (ended, end) = channel::<()>();
            scope.spawn(move || {
                while goes_on(&end) {
                    if self.cancel.is_cancelled() { interrupt.interrupt() } else { beat() }
                }
            });
            let result = work();
            drop(ended); // also when `work` panics: dropped while unwinding, so the thread always ends
            result
        })
    }
}

/// Waits one beat; false once the other end is gone.
fn goes_on(end: &Receiver<()>) -> bool {
    matches!(end.recv_timeout(BEAT), Err(RecvTimeoutError::Timeout))
}
