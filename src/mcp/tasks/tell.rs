//! `notifications/tasks`: tells whoever listens what becomes of the tasks that they named.
//!
//! Joined by the handler of `subscriptions/listen`; which tasks they are was read by [`mod@super::watched`].

use std::time::Duration;

use actors::CoreError;
use actors::model::{JobId, JobRecord, JobState};
use futures_util::future::join_all;
use rmcp::model::{NotificationMetaObject, ServerNotification, TaskStatusNotification, TaskStatusNotificationParams};
use tools::Questions;

use super::detailed;
use super::watched::Watched;
use crate::mcp::handler::carried;
use crate::mcp::surface::Caller;

/// How often progress is told of, and a store is asked again that does not answer; a state is told at once.
const EVERY: Duration = Duration::from_secs(1);

/// What was said of a task: the rest of it changes with the time alone.
type Said = (JobState, String, Questions);

/// Tells the listener of every task that it named, each until it is over, for as long as `listening` goes on, which tells of
/// everything else.
pub(in crate::mcp) async fn beside<T>(caller: &Caller<'_>, listening: impl Future<Output = T>) -> T {
    let Some(Watched(tasks)) = carried::<Watched>(&caller.context.extensions) else { return listening.await };
    let telling = async {
        join_all(tasks.iter().map(|job| tell_of(caller, job))).await;
        std::future::pending().await
    };
    tokio::select! {
        ended = listening => ended,
        ended = telling => ended,
    }
}

async fn tell_of(caller: &Caller<'_>, job: &JobId) {
    let (core, owner) = (&caller.app.core, &caller.principal.owner);
    let mut said = None;
    loop {
        let mut watch = match core.watch(owner, job).await {
            Ok(watch) => watch,
            Err(CoreError::Store(_)) => {
                core.ports.clock.sleep(EVERY).await;
                continue;
            }
            Err(_) => return, // its time is over
        };
        loop {
            let record = watch.borrow_and_update().clone();
            say(caller, &record, &mut said).await;
            if record.state.is_terminal() {
                return;
            }
            let mut turn = watch.clone();
            tokio::select! {
                () = core.ports.clock.sleep(EVERY) => {}
                _ = turn.wait_for(|later| later.state != record.state) => {}
            }
            if watch.changed().await.is_err() {
                break; // goes on elsewhere: look again
            }
        }
    }
}

/// Says what a task is now, if that is news.
async fn say(caller: &Caller<'_>, record: &JobRecord, said: &mut Option<Said>) {
    let news = (record.state, record.progress.message.clone(), record.open_questions());
    if said.as_ref() == Some(&news) {
        return;
    }
    *said = Some(news);
    let task = match detailed(caller.app, record) {
        Ok(task) => task,
        Err(error) => return tracing::error!(job = %record.id, %error, "task not told of"),
    };
    let mut meta = NotificationMetaObject::default();
    meta.set_subscription_id(caller.context.id.clone());
    let params = TaskStatusNotificationParams::new(task).with_meta(meta);
    let note = ServerNotification::TaskStatusNotification(TaskStatusNotification::new(params));
    let _ = caller.context.peer.send_notification(note).await; // who has gone is noticed by the request's own end
}
