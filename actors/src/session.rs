//! One caller's conversation: an MCP session of protocol 2025-11-25 or older, or one request of a later one.
//!
//! Opened by the `Supervisor` for the front doors. It knows whose it is, turns calls into jobs for that principal and nobody
//! else (I5), follows them, and speaks while they are silent: progress, heartbeats, the end. One that nobody uses for a while
//! ends itself and says so; what it began with stays in the store ([`crate::sessions`]).

mod activity;

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::mpsc;
use tools::{Progress, Questions};

use crate::board::Watch;
use crate::core::Core;
use crate::error::CoreError;
use crate::model::{JobId, JobRecord, JobState, Owner};
use crate::ports::StoreErrorKind;
use crate::submit::{Call, Submitted};

pub use activity::{Activity, InUse};

/// At most this many notes wait for a slow reader; progress beyond them is dropped, the end is not.
const NOTES: usize = 8;
/// Two notes of progress are at least this far apart.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);
/// How long to wait before a store that does not answer is asked again.
const REST: Duration = Duration::from_secs(1);

/// One caller's conversation. Ends when nobody holds its address and it follows nothing more, or when it was idle for long.
pub struct Session {
    core: Core,
    /// Whose it is; never changes.
    owner: Owner,
    /// For a session of the protocol: when it ends.
    idle_end: Option<IdleEnd>,
    /// The look at whether it does.
    looking: Option<SpawnHandle>,
}

/// How a session ends that nobody uses.
pub struct IdleEnd {
    /// After how long.
    pub after: Duration,
    /// What counts as use.
    pub activity: Arc<Activity>,
    /// Whom to tell of the end.
    pub tell: Box<dyn FnOnce() + Send>,
}

/// What a session says about a job it follows.
#[derive(Clone, Debug)]
pub enum Note {
    /// The job came further.
    Progress(Progress),
    /// The job runs or waits, and there was nothing else to say for a while.
    Heartbeat(Progress),
    /// The job's tool asks something, and nothing more happens until somebody answers.
    Asks(Arc<JobRecord>),
    /// The job is over. Nothing comes after it.
    Ended(Arc<JobRecord>),
}

impl Session {
    /// A conversation with `owner`.
    pub fn new(core: Core, owner: Owner, idle_end: Option<IdleEnd>) -> Self {
        Self { core, owner, idle_end, looking: None }
    }

    /// Ends the session once it was idle for its time; looks again when that can first be.
    fn end_when_idle(&mut self, ctx: &mut Context<Self>) {
        let Some(end) = &self.idle_end else { return };
        let clock = Arc::clone(&self.core.ports.clock);
        let rest = end.activity.rest(end.after, clock.now());
        if rest.is_zero() {
            if let Some(end) = self.idle_end.take() {
                (end.tell)();
            }
            return ctx.stop();
        }
        let due = async move { clock.sleep(rest).await };
        self.looking = Some(ctx.spawn(due.into_actor(self).map(|(), session, ctx| session.end_when_idle(ctx))));
    }
}

impl Actor for Session {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.end_when_idle(ctx);
    }
}

/// The session is over: wait for no idle end, and end once what is under way is done.
#[derive(Message)]
#[rtype(result = "()")]
pub struct EndSession;

impl Handler<EndSession> for Session {
    type Result = ();

    fn handle(&mut self, _: EndSession, ctx: &mut Context<Self>) {
        self.idle_end = None;
        if let Some(looking) = self.looking.take() {
            ctx.cancel_future(looking);
        }
    }
}

/// Turn a call into a job.
#[derive(Message)]
#[rtype(result = "Result<Submitted, CoreError>")]
pub struct SubmitJob(pub Call);

impl Handler<SubmitJob> for Session {
    type Result = ResponseFuture<Result<Submitted, CoreError>>;

    fn handle(&mut self, SubmitJob(call): SubmitJob, _: &mut Context<Self>) -> Self::Result {
        let (core, owner) = (self.core.clone(), self.owner.clone());
        Box::pin(async move { core.submit(&owner, call).await })
    }
}

/// Follow a job until it ends or the notes are no longer received.
#[derive(Message)]
#[rtype(result = "Result<mpsc::Receiver<Note>, CoreError>")]
pub struct FollowJob(pub JobId);

impl Handler<FollowJob> for Session {
    type Result = ResponseActFuture<Self, Result<mpsc::Receiver<Note>, CoreError>>;

    fn handle(&mut self, FollowJob(job): FollowJob, _: &mut Context<Self>) -> Self::Result {
        let (core, owner) = (self.core.clone(), self.owner.clone());
        let watched = async move { core.watch(&owner, &job).await };
        Box::pin(watched.into_actor(self).map(|watch, session, ctx| {
            let (notes, received) = mpsc::channel(NOTES);
            let follow = follow(session.core.clone(), session.owner.clone(), watch?, notes);
            ctx.spawn(follow.into_actor(session));
            Ok(received)
        }))
    }
}

/// The caller no longer waits for a job: end it, unless somebody else does.
#[derive(Message)]
#[rtype(result = "()")]
pub struct LeaveJob {
    /// Which job.
    pub job: JobId,
    /// Whether the caller said so. Otherwise it only went away, and the job lives on for the orphan's grace in case the call
    /// comes again. A job whose id was handed out lives on in any case: `job_cancel` ends it.
    pub on_purpose: bool,
}

impl Handler<LeaveJob> for Session {
    type Result = ();

    fn handle(&mut self, LeaveJob { job, on_purpose }: LeaveJob, ctx: &mut Context<Self>) {
        let (core, owner) = (self.core.clone(), self.owner.clone());
        let orphaned = async move {
            if !on_purpose {
                core.ports.clock.sleep(core.config.orphan_grace).await;
            }
            // Who only looks on does not keep a job from being cancelled, but from being forgotten.
            if !on_purpose && core.board.watchers(&job) > 0 {
                return;
            }
            match core.abandon(&owner, &job).await {
                Ok(()) | Err(CoreError::NoSuchJob(_)) => {}
                Err(error) => tracing::warn!(%job, %error, "orphan not cancelled"),
            }
        };
        ctx.spawn(orphaned.into_actor(self));
    }
}

/// Passes on what happens to a job, and a heartbeat when nothing does.
async fn follow(core: Core, owner: Owner, mut watch: Watch, notes: mpsc::Sender<Note>) {
    let job = watch.borrow().id.clone();
    let mut asked = Questions::new();
    loop {
        let latest = Arc::clone(&watch.borrow_and_update());
        if latest.state.is_terminal() {
            let _ = notes.send(Note::Ended(latest)).await; // the reader may have gone
            return;
        }
        let open = if latest.state == JobState::InputRequired { latest.open_questions() } else { Questions::new() };
        if !open.is_empty() && open != asked {
            let _ = notes.send(Note::Asks(Arc::clone(&latest))).await; // as above
        }
        asked = open;
        // A full channel means a slow reader: it will see a later number.
        let _ = notes.try_send(Note::Progress(latest.progress.clone()));
        // A rest between two numbers, but the end is told at once. A clone waits for it, so that `watch` misses nothing.
        let mut end = watch.clone();
        tokio::select! {
            () = core.ports.clock.sleep(PROGRESS_EVERY) => {}
            _ = end.wait_for(|record| record.state.is_at_rest() && !Arc::ptr_eq(record, &latest)) => {}
            () = notes.closed() => return,
        }
        drop(end);
        if !change(&core, &mut watch, &notes).await {
            // Off the board without an end: given back or lost. Whoever has it now is seen through the store.
            match find_again(&core, &owner, &job, &notes).await {
                Ok(again) => watch = again,
                Err(error) => {
                    tracing::warn!(%job, %error, "job lost from sight");
                    return;
                }
            }
        }
        if notes.is_closed() {
            return;
        }
    }
}

/// Begins to watch a job again, for as long as the store does not answer and there is somebody to tell.
async fn find_again(core: &Core, owner: &Owner, job: &JobId, notes: &mpsc::Sender<Note>) -> Result<Watch, CoreError> {
    loop {
        match core.watch(owner, job).await {
            Err(CoreError::Store(error)) if error.kind == StoreErrorKind::Unavailable && !notes.is_closed() => {
                core.ports.clock.sleep(REST).await;
            }
            settled => return settled,
        }
    }
}

/// Waits for news of a job and speaks meanwhile. False when no more news can come this way.
async fn change(core: &Core, watch: &mut Watch, notes: &mpsc::Sender<Note>) -> bool {
    loop {
        tokio::select! {
            changed = watch.changed() => return changed.is_ok(),
            () = notes.closed() => return true,
            () = core.ports.clock.sleep(core.config.heartbeat) => {
                let progress = watch.borrow().progress.clone();
                let _ = notes.try_send(Note::Heartbeat(progress)); // as above
            }
        }
    }
}
