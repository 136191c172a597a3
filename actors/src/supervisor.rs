//! The root of the actors: takes up what an earlier process left, starts the rest, watches, sweeps, drains.
//!
//! `recover` runs at the start, `orphans` and `expire` now and then, `turn` says on which replica.
//!
//! Started by the server's `app`, which sends [`Recover`] before it listens and [`Drain`] before it ends.

mod expire;
mod orphans;
mod recover;
mod turn;

use std::time::Duration;

use actix::prelude::*;

use crate::core::Core;
use crate::dispatcher::Dispatcher;
use crate::error::CoreError;
use crate::job::HandBack;
use crate::model::Owner;
use crate::session::{IdleEnd, Session};

use self::orphans::Orphans;

/// How often the dispatcher is looked after.
const WATCH_EVERY: Duration = Duration::from_secs(1);
/// How often the store is searched for what is over its time: every so often in that time, but not all the time.
const EXPIRE_EVERY: std::ops::RangeInclusive<Duration> = Duration::from_mins(1)..=Duration::from_hours(1);
/// How long jobs may take to write that they are given back.
const HAND_BACK: Duration = Duration::from_secs(2);

/// The root actor.
pub struct Supervisor {
    core: Core,
    dispatcher: Option<Addr<Dispatcher>>,
}

impl Supervisor {
    /// The root of the actors over `core`.
    pub fn new(core: Core) -> Self {
        Self { core, dispatcher: None }
    }

    /// An actix `Supervisor` does not survive a panic in its actor, so the dispatcher's address is looked at instead.
    fn watch(&mut self, ctx: &mut Context<Self>) {
        let alive = self.dispatcher.as_ref().is_some_and(Addr::connected);
        if !alive && !self.core.is_draining() {
            if self.dispatcher.is_some() {
                tracing::error!("dispatcher ended, starting another");
            }
            self.dispatcher = Some(Dispatcher::new(self.core.clone()).start());
        }
        let clock = self.core.ports.clock.clone();
        let due = async move { clock.sleep(WATCH_EVERY).await };
        ctx.spawn(due.into_actor(self).map(|(), supervisor, ctx| supervisor.watch(ctx)));
    }

    /// Searches for orphans, twice in the time of a lease: a job whose message was lost waits less than two.
    fn search(&mut self, mut orphans: Orphans, ctx: &mut Context<Self>) {
        let every = self.core.config.lease / 2;
        let core = self.core.clone();
        let searched = async move {
            core.ports.clock.sleep(every).await;
            match turn::is_ours(&core, every * 3).await {
                Ok(true) => orphans.search(&core, every * 3).await,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "no search for orphaned jobs"),
            }
            orphans
        };
        ctx.spawn(searched.into_actor(self).map(|orphans, supervisor, ctx| supervisor.search(orphans, ctx)));
    }

    fn expire(&mut self, after: Duration, ctx: &mut Context<Self>) {
        let core = self.core.clone();
        let every = (core.config.result_ttl / 8).clamp(*EXPIRE_EVERY.start(), *EXPIRE_EVERY.end());
        let due = async move {
            core.ports.clock.sleep(after).await;
            if turn::is_ours(&core, core.config.lease).await.unwrap_or(false) {
                expire::expire(&core).await;
                core.sessions.expire().await;
            }
        };
        ctx.spawn(due.into_actor(self).map(move |(), supervisor, ctx| supervisor.expire(every, ctx)));
    }
}

impl Actor for Supervisor {
    type Context = Context<Self>;
}

/// Take up every job that an earlier process left, then start running jobs. Answers how many were taken up.
#[derive(Message)]
#[rtype(result = "Result<usize, CoreError>")]
pub struct Recover;

impl Handler<Recover> for Supervisor {
    type Result = ResponseActFuture<Self, Result<usize, CoreError>>;

    fn handle(&mut self, _: Recover, _: &mut Context<Self>) -> Self::Result {
        let core = self.core.clone();
        let recovered = async move {
            // On a store that others use, too, what a dead replica left comes by its messages, or as orphans.
            if core.config.exclusive { recover::recover(&core).await } else { Ok(0) }
        };
        Box::pin(recovered.into_actor(self).map(|recovered, supervisor, ctx| {
            let count = recovered?;
            if supervisor.core.config.runs_jobs {
                supervisor.watch(ctx);
            }
            supervisor.search(Orphans::default(), ctx);
            supervisor.expire(*EXPIRE_EVERY.start(), ctx);
            Ok(count)
        }))
    }
}

/// Open a conversation with a principal.
#[derive(Message)]
#[rtype(result = "Addr<Session>")]
pub struct OpenSession {
    /// With whom.
    pub owner: Owner,
    /// How it ends, where it may be idle.
    pub idle_end: Option<IdleEnd>,
}

impl OpenSession {
    /// A conversation with `owner` that ends when nobody holds its address.
    #[must_use]
    pub fn with(owner: Owner) -> Self {
        Self { owner, idle_end: None }
    }
}

impl Handler<OpenSession> for Supervisor {
    type Result = MessageResult<OpenSession>;

    fn handle(&mut self, open: OpenSession, _: &mut Context<Self>) -> Self::Result {
        MessageResult(Session::new(self.core.clone(), open.owner, open.idle_end).start())
    }
}

/// Remove what is over its time to live and take up what was orphaned, now.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Sweep;

impl Handler<Sweep> for Supervisor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Sweep, _: &mut Context<Self>) -> Self::Result {
        let core = self.core.clone();
        Box::pin(async move {
            expire::expire(&core).await;
            core.sessions.expire().await;
            Orphans::default().search(&core, core.config.lease).await;
        })
    }
}

/// Take nothing new; give running jobs this long to end; hand back the rest. Answers when it is safe to exit.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Drain(pub Duration);

impl Handler<Drain> for Supervisor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, Drain(grace): Drain, _: &mut Context<Self>) -> Self::Result {
        let core = self.core.clone();
        core.drain();
        Box::pin(async move {
            if !idle_within(&core, grace).await {
                let running = core.board.runners();
                tracing::info!(jobs = running.len(), "grace is over, handing jobs back");
                for job in running {
                    job.do_send(HandBack);
                }
                idle_within(&core, HAND_BACK).await;
            }
        })
    }
}

/// Whether every job here ended within `time`.
async fn idle_within(core: &Core, time: Duration) -> bool {
    let idle = async {
        while !core.board.runners().is_empty() {
            core.ports.clock.sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        () = idle => true,
        () = core.ports.clock.sleep(time) => false,
    }
}
