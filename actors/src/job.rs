//! One running attempt of one job.
//!
//! Started by the `Dispatcher` with a lease in hand; ends itself when the record is terminal, given back, or the lease is
//! lost. It is the only writer of the job's record while the lease holds (I3), and never computes: `compute` does (I6).
//!
//! prepare (inputs to local disk) → compute → keep (artifacts to the store) → the last swap of the record. A tool that asks
//! something ends its attempt after `compute`; the answer begins another one.

mod run;
mod save;
mod upkeep;

use std::sync::Arc;

use actix::prelude::*;
use parking_lot::Mutex;
use tempfile::TempDir;
use tools::{Cancel, Outcome, Progress, ProgressSink, Questions, ToolError, ToolErrorKind};
use tracing::{Instrument as _, Span};

use crate::compute::{Panicked, Slot};
use crate::core::Core;
use crate::lifecycle::{self, Step};
use crate::model::{Cause, JobError, JobOutcome, JobRecord};
use crate::ports::{Etag, Receipt, RunFault};
use crate::records::Versioned;

/// Why an attempt is to end before its tool does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// Somebody cancelled the job.
    Cancel,
    /// It takes too long.
    Deadline,
    /// This replica is shutting down.
    HandBack,
    /// Another replica may have the job by now: nothing may be written any more.
    LeaseLost,
}

/// One running attempt. See the module.
pub struct Job {
    core: Core,
    /// What is being run; owned here, written back at every change.
    record: JobRecord,
    /// The version of the record in the store.
    etag: Etag,
    /// Our hold on the queue's message; given up when the job ends. A job that runs where it came in has none at first.
    receipt: Option<Receipt>,
    /// The room to compute in; taken by the tool's run.
    slot: Option<Slot>,
    /// Heard by the tool.
    cancel: Cancel,
    stop: Option<Stop>,
    /// The bringing of files here or to the store, while that is what it does.
    stage: Option<SpawnHandle>,
    /// The latest progress that the tool reported and this actor has not seen.
    reported: Arc<Mutex<Option<Progress>>>,
    saving: save::Saving,
    /// What every log line about this attempt carries.
    span: Span,
}

impl Job {
    /// Runs the claimed job `claimed` in `slot`.
    pub fn new(core: Core, claimed: Versioned, receipt: Option<Receipt>, slot: Slot) -> Self {
        let JobRecord { id, tool, owner, attempt, trace, .. } = &claimed.record;
        let span = tracing::info_span!("job", job = %id, %tool, principal = %owner, attempt, traceparent = trace);
        Self {
            core,
            span,
            record: claimed.record,
            etag: claimed.etag,
            receipt,
            slot: Some(slot),
            cancel: Cancel::default(),
            stop: None,
            stage: None,
            reported: Arc::default(),
            saving: save::Saving::default(),
        }
    }

    fn prepare(&mut self, ctx: &mut Context<Self>) {
        let prepared = run::prepare(self.core.clone(), self.record.clone()).instrument(self.span.clone());
        let prepared = prepared.into_actor(self).map(|prepared, job, ctx| {
            job.stage = None;
            match prepared {
                Ok(ready) => job.compute(ready, ctx),
                Err(unfinished) => job.give_up(unfinished, ctx),
            }
        });
        self.stage = Some(ctx.spawn(prepared));
    }

    fn compute(&mut self, ready: run::Ready, ctx: &mut Context<Self>) {
        if let Some(stop) = self.stop {
            return self.end_stopped(stop, ctx);
        }
        let slot = self.slot.take().expect("an attempt computes once");
        let folder = Arc::clone(&ready.folder);
        let (progress, cancel) = (self.sink(ctx), self.cancel.clone());
        let computed = self.span.in_scope(|| run::compute(&self.core, slot, &self.record, ready, progress, cancel));
        ctx.spawn(computed.into_actor(self).map(move |result, job, ctx| job.computed(result, folder, ctx)));
    }

    /// Progress from the tool's threads: only the latest waits, so that a talkative tool fills no mailbox.
    fn sink(&self, ctx: &Context<Self>) -> ProgressSink {
        let (reported, job) = (Arc::clone(&self.reported), ctx.address());
        Arc::new(move |progress| {
            if reported.lock().replace(progress).is_none() {
                job.do_send(ReportProgress);
            }
        })
    }

    fn computed(
        &mut self,
        result: Result<Result<Outcome, RunFault>, Panicked>,
        folder: Arc<TempDir>,
        ctx: &mut Context<Self>,
    ) {
        match result {
            Ok(Ok(outcome)) => return self.keep(outcome, folder, ctx),
            Ok(Err(fault)) if fault.is_cancelled() => self.end_stopped(self.stop.unwrap_or(Stop::Cancel), ctx),
            Ok(Err(RunFault::Tool(ToolError { questions: Some(questions), .. }))) => self.ask(*questions, ctx),
            Ok(Err(RunFault::Tool(error))) => self.end(JobOutcome::Failed(error.into()), ctx),
            Ok(Err(RunFault::Lost(why))) => self.lost(why, ctx),
            Ok(Err(RunFault::Panicked(said))) | Err(Panicked(said)) => self.panicked(&said, ctx),
        }
        drop(Discard(folder));
    }

    fn panicked(&mut self, said: &str, ctx: &mut Context<Self>) {
        self.span.in_scope(|| tracing::error!(%said, "tool panicked"));
        let message = format!("{} broke on this input; the server's log has the details", self.record.tool);
        let error = JobError { cause: Cause::Panic, kind: ToolErrorKind::Internal, message };
        self.end(JobOutcome::Failed(error), ctx);
    }

    /// What ran the tool is gone: the job is tried again, unless it is to stop anyway or was lost too often.
    fn lost(&mut self, why: String, ctx: &mut Context<Self>) {
        self.core.counters.lost();
        self.span.in_scope(|| tracing::warn!(%why, "attempt lost"));
        match self.stop {
            Some(stop) => self.end_stopped(stop, ctx),
            None => self.step(Step::Lose(why), ctx),
        }
    }

    /// Puts the job down until somebody answers. Whoever wants it stopped is heard first.
    fn ask(&mut self, questions: Questions, ctx: &mut Context<Self>) {
        match self.stop {
            Some(stop) => self.end_stopped(stop, ctx),
            None => self.step(Step::Ask(questions), ctx),
        }
    }

    fn keep(&mut self, outcome: Outcome, folder: Arc<TempDir>, ctx: &mut Context<Self>) {
        let files = Discard(folder);
        let kept = run::keep(self.core.clone(), self.record.clone(), outcome.artifacts).instrument(self.span.clone());
        let kept = kept.into_actor(self).map(move |kept, job, ctx| {
            drop(files);
            job.stage = None;
            match kept {
                Ok(artifacts) => job.end(JobOutcome::Succeeded { report: outcome.report, artifacts }, ctx),
                Err(unfinished) => job.give_up(unfinished, ctx),
            }
        });
        self.stage = Some(ctx.spawn(kept));
    }

    fn give_up(&mut self, unfinished: run::Unfinished, ctx: &mut Context<Self>) {
        match unfinished {
            run::Unfinished::Cancelled => self.end_stopped(Stop::Cancel, ctx),
            run::Unfinished::Failed(error) => self.end(JobOutcome::Failed(error), ctx),
            run::Unfinished::StoreAway => self.lost("the server's store did not answer".to_owned(), ctx),
        }
    }

    fn end_stopped(&mut self, stop: Stop, ctx: &mut Context<Self>) {
        match stop {
            Stop::Cancel => self.end(JobOutcome::Cancelled, ctx),
            Stop::Deadline => {
                let limit = self.core.deadline_of(&self.record.owner).as_secs();
                let message = format!(
                    "stopped after {limit} seconds, the limit for one job; ask for less at once, or have the limit raised (--job-deadline, or your quota)"
                );
                let error = JobError { cause: Cause::Deadline, kind: ToolErrorKind::ResourceExhausted, message };
                self.end(JobOutcome::Failed(error), ctx);
            }
            Stop::HandBack => self.step(Step::Return, ctx),
            Stop::LeaseLost => self.leave(ctx),
        }
    }

    fn end(&mut self, outcome: JobOutcome, ctx: &mut Context<Self>) {
        self.step(Step::Finish(outcome), ctx);
    }

    fn step(&mut self, step: Step, ctx: &mut Context<Self>) {
        if self.stop == Some(Stop::LeaseLost) {
            return self.leave(ctx);
        }
        match lifecycle::apply(&mut self.record, step, self.core.ports.clock.now()) {
            Ok(()) => self.save(ctx),
            Err(refused) => tracing::debug!(job = %self.record.id, %refused, "step came too late"),
        }
    }

    /// Ends the attempt: its tool as soon as it obeys, what only moves files at once.
    fn stop_for(&mut self, stop: Stop, ctx: &mut Context<Self>) {
        let stop = *self.stop.get_or_insert(stop);
        self.cancel.cancel();
        if let Some(stage) = self.stage.take() {
            ctx.cancel_future(stage);
            self.end_stopped(stop, ctx);
        }
    }

    /// Ends without a word in the store: the lease is gone, or what there was to write is written.
    fn leave(&mut self, ctx: &mut Context<Self>) {
        self.core.board.set_runner(&self.record.id, None);
        ctx.stop();
    }
}

/// A job's folder, removed at the end where no actor waits for the disk.
struct Discard(Arc<TempDir>);

impl Drop for Discard {
    fn drop(&mut self) {
        let folder = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || drop(folder));
    }
}

impl Actor for Job {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.span.in_scope(|| tracing::info!("job started"));
        self.core.board.post(&self.record);
        self.core.board.set_runner(&self.record.id, Some(ctx.address()));
        self.core.counters.started();
        self.prepare(ctx);
        self.announce(ctx);
        self.keep_lease(ctx);
        self.hear_cancel(ctx);
        let deadline = Arc::clone(&self.core.ports.clock);
        let after = self.core.deadline_of(&self.record.owner);
        let passed = async move { deadline.sleep(after).await };
        ctx.spawn(passed.into_actor(self).map(|(), job, ctx| job.stop_for(Stop::Deadline, ctx)));
    }
}

/// The tool said how far it is; the number itself waits in `reported`.
#[derive(Message)]
#[rtype(result = "()")]
struct ReportProgress;

impl Handler<ReportProgress> for Job {
    type Result = ();

    fn handle(&mut self, _: ReportProgress, ctx: &mut Context<Self>) {
        let Some(progress) = self.reported.lock().take() else { return };
        let now = self.core.ports.clock.now();
        if lifecycle::apply(&mut self.record, Step::Advance(progress), now).is_ok() {
            self.core.board.post(&self.record);
            self.save_soon(ctx);
        }
    }
}

/// Stop: somebody cancelled the job.
#[derive(Message)]
#[rtype(result = "()")]
pub struct CancelJob;

impl Handler<CancelJob> for Job {
    type Result = ();

    fn handle(&mut self, _: CancelJob, ctx: &mut Context<Self>) {
        self.stop_for(Stop::Cancel, ctx);
    }
}

/// Stop: this replica is shutting down, let another one run the job.
#[derive(Message)]
#[rtype(result = "()")]
pub struct HandBack;

impl Handler<HandBack> for Job {
    type Result = ();

    fn handle(&mut self, _: HandBack, ctx: &mut Context<Self>) {
        self.stop_for(Stop::HandBack, ctx);
    }
}
