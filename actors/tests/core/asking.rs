//! A job that asks in its middle: nobody runs it until the last answer is there, wherever that comes from.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actors::model::{JobId, JobOutcome, JobRecord, JobState, Owner};
use actors::ports::memory::Fault;
use actors::ports::{BlobStore as _, Clock as _, JobQueue as _};
use actors::{Call, CoreError, FollowJob, Note, Sweep, layout};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use tools::{Answer, Answers, Context, InputSpec, Question, Questions, Report, Tool, ToolError};

use crate::harness::{Process, World};

const LEASE: Duration = Duration::from_mins(1);

/// Asks for everything in `first` at once, then for everything in `then`, and says what it heard.
pub(crate) struct Ask {
    pub(crate) runs: Arc<AtomicUsize>,
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct AskParams {
    first: Vec<String>,
    then: Vec<String>,
}

impl Tool for Ask {
    type Params = AskParams;
    type Details = ();
    const NAME: &'static str = "test_ask";
    const TITLE: &'static str = "Ask";
    const DESCRIPTION: &'static str = "Asks.";

    fn inputs(&self, _: &AskParams) -> Result<Vec<InputSpec>, ToolError> {
        Ok(Vec::new())
    }

    fn run(&self, params: AskParams, ctx: &mut Context) -> Result<Report, ToolError> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        let mut heard = ctx.ask(questions(&params.first))?;
        heard.extend(ctx.ask(questions(&params.then))?);
        Ok(Report { summary: serde_json::to_string(&heard).expect("JSON"), ..Report::default() })
    }
}

fn questions(names: &[String]) -> Questions {
    let question = |name: &String| Question { message: format!("{name}?"), schema: json!({"type": "object"}) };
    names.iter().map(|name| (name.clone(), question(name))).collect()
}

fn asking(first: &[&str], then: &[&str]) -> Call {
    let params = json!({"first": first, "then": then});
    Call { tool: "test_ask".to_owned(), params, idempotency_key: None, fresh: false, id: None, trace: None }
}

fn given(names: &[&str]) -> Answers {
    names.iter().map(|name| ((*name).to_owned(), Answer::Given(json!({"said": name})))).collect()
}

/// A job that asks by now.
async fn asked(process: &Process, owner: &Owner, call: Call) -> JobId {
    let job = process.submit(owner, call).await.expect("accepted").record.id.clone();
    process.drive(until_asking(process, owner, &job)).await;
    job
}

async fn until_asking(process: &Process, owner: &Owner, job: &JobId) {
    while stored(process, owner, job).await.state != JobState::InputRequired {
        tokio::task::yield_now().await;
    }
}

async fn stored(process: &Process, owner: &Owner, job: &JobId) -> JobRecord {
    process.core.records.load_owned(owner, job).await.expect("exists").record
}

fn heard(record: &JobRecord) -> BTreeMap<String, Answer> {
    let Some(JobOutcome::Succeeded { report, .. }) = &record.outcome else { panic!("no result: {record:?}") };
    serde_json::from_str(&report.summary).expect("answers")
}

#[actix::test]
async fn a_job_goes_on_with_its_last_answer() {
    let world = World::new().await;
    let (ada, bob): (Owner, Owner) = ("ada".parse().expect("a name"), "bob".parse().expect("a name"));
    let process = world.running(1).await;
    let job = asked(&process, &ada, asking(&["a", "b"], &["c"])).await;
    process.drive(until_free(&process)).await;
    let core = &process.core;

    let foreign = core.answer(&bob, &job, given(&["a", "b"])).await.expect_err("not his");
    assert!(matches!(foreign, CoreError::NoSuchJob(_)));
    let partly = core.answer(&ada, &job, given(&["b", "c", "z"])).await.expect("answered");
    assert_eq!(partly.state, JobState::InputRequired);
    assert_eq!(partly.open_questions().keys().collect::<Vec<_>>(), ["a"], "what was not asked yet is no answer");
    let declined = [("a".to_owned(), Answer::Declined), ("b".to_owned(), Answer::Dismissed)].into();
    let whole = process.drive(core.answer(&ada, &job, declined)).await.expect("answered");
    assert_eq!(whole.state, JobState::Queued);

    process.drive(until_asking(&process, &ada, &job)).await;
    let next = stored(&process, &ada, &job).await;
    assert_eq!((next.attempt, next.lost, next.lease.is_none()), (2, 0, true));
    assert_eq!(next.open_questions().keys().collect::<Vec<_>>(), ["c"]);
    process.drive(core.answer(&ada, &job, given(&["c"]))).await.expect("answered");
    let ended = process.end_of(&ada, &job).await;
    let mut expected = given(&["b", "c"]);
    expected.insert("a".to_owned(), Answer::Declined);
    assert_eq!(heard(&ended), expected, "the first answer to each stands");
    let late = core.answer(&ada, &job, given(&["a"])).await.expect("no harm");
    assert_eq!(late, *ended);
}

async fn until_free(process: &Process) {
    while process.core.compute.free() < process.core.compute.slots() || process.core.board.running() > 0 {
        tokio::task::yield_now().await;
    }
}

#[actix::test]
async fn who_follows_hears_each_question() {
    let world = World::new().await;
    let owner = Owner::local();
    let process = world.running(1).await;
    let job = process.submit(&owner, asking(&["a", "b"], &["c"])).await.expect("accepted").record.id.clone();
    let session = process.session(&owner).await;
    let mut notes = process.drive(session.send(FollowJob(job.clone()))).await.expect("lives").expect("own job");
    let followed = async {
        let mut asked = Vec::new();
        loop {
            match notes.recv().await.expect("notes until the end") {
                Note::Asks(record) => {
                    let open: Vec<String> = record.open_questions().into_keys().collect();
                    process.core.answer(&owner, &job, given(&[&open[0]])).await.expect("answered");
                    asked.push(open.join(" "));
                }
                Note::Ended(record) => return (asked, record.state),
                Note::Progress(_) | Note::Heartbeat(_) => {}
            }
        }
    };
    let (asked, state) = process.drive(followed).await;
    assert_eq!((asked, state), (["a b", "b", "c"].map(str::to_owned).into(), JobState::Succeeded));
}

#[actix::test]
async fn one_replica_asks_another_is_answered_a_third_goes_on() {
    let world = World::shared().await;
    let owner = Owner::local();
    let first = world.running(1).await;
    let job = asked(&first, &owner, asking(&["a"], &[])).await;
    first.drive(until_free(&first)).await;
    first.core.drain();
    first.faulty.die(1, Fault::Before);

    let front = world.front().await;
    front.pass(LEASE * 5).await;
    assert_eq!(stored(&front, &owner, &job).await.state, JobState::InputRequired);
    let queue = world.queue.as_ref().expect("shared");
    assert_eq!(queue.depth().await.expect("depth").waiting, 0, "nobody is to run it");
    let mut watch = front.core.watch(&owner, &job).await.expect("exists");
    let answered = front.core.answer(&owner, &job, given(&["a"])).await.expect("answered");
    assert_eq!(answered.state, JobState::Queued);

    let heir = world.running(1).await;
    let ended = heir.end_of(&owner, &job).await;
    assert_eq!((heard(&ended), ended.attempt, ended.lost), (given(&["a"]), 2, 0));
    let seen = front.drive(watch.wait_for(|record| record.state.is_terminal())).await;
    drop(seen.expect("whoever watched it asking sees its end"));
    assert_eq!(world.runs.load(Ordering::SeqCst), 2);
}

#[actix::test]
async fn a_lost_message_after_the_answer_is_made_good() {
    let world = World::shared().await;
    let owner = Owner::local();
    let first = world.running(1).await;
    let job = asked(&first, &owner, asking(&["a"], &[])).await;
    first.core.drain();
    let front = world.front().await;
    front.core.answer(&owner, &job, given(&["a"])).await.expect("answered");
    world.queue.as_ref().expect("shared").forget(&job).await;
    let replica = world.running(1).await;
    let began = world.clock.now();
    assert_eq!(replica.end_of(&owner, &job).await.state, JobState::Succeeded);
    assert!(world.clock.now() - began < LEASE * 3);
}

#[actix::test]
async fn a_job_that_asks_is_cancelled_at_once() {
    for shared in [false, true] {
        let world = if shared { World::shared().await } else { World::new().await };
        let owner = Owner::local();
        let process = world.running(1).await;
        let job = asked(&process, &owner, asking(&["a"], &[])).await;
        let cancelled = process.core.cancel(&owner, &job).await.expect("cancelled");
        assert_eq!(cancelled.state, JobState::Cancelled);
        let late = process.core.answer(&owner, &job, given(&["a"])).await.expect("no harm");
        assert_eq!(late.state, JobState::Cancelled);
        assert!(process.core.records.active().await.expect("store").is_empty());
    }
}

#[actix::test]
async fn a_cancel_that_meets_the_question_is_not_lost() {
    let world = World::shared().await;
    let owner = Owner::local();
    let front = world.front().await;
    let job = front.submit(&owner, asking(&["a"], &[])).await.expect("accepted").record.id.clone();
    // As if the one who cancels had seen it running.
    front.core.records.request_cancel(&job).await.expect("store");
    let replica = world.running(1).await;
    assert_eq!(replica.end_of(&owner, &job).await.state, JobState::Cancelled);
}

#[actix::test]
async fn a_question_outlives_its_process() {
    let world = World::new().await;
    let owner = Owner::local();
    let first = world.running(1).await;
    let job = asked(&first, &owner, asking(&["a"], &[])).await;
    first.faulty.die(1, Fault::Before);
    let second = world.running(1).await;
    second.pass(LEASE * 5).await;
    let record = stored(&second, &owner, &job).await;
    assert_eq!((record.state, record.attempt), (JobState::InputRequired, 1));
    assert_eq!(world.runs.load(Ordering::SeqCst), 1);
    second.drive(second.core.answer(&owner, &job, given(&["a"]))).await.expect("answered");
    let ended = second.end_of(&owner, &job).await;
    assert_eq!((ended.state, ended.attempt, ended.lost), (JobState::Succeeded, 2, 0));
}

/// The process dies at its `at`-th write once it is asked to ask; another takes its place, and who answers goes on until it is
/// acknowledged.
async fn die_at(at: usize, fault: Fault) -> bool {
    let world = World::new().await;
    let owner = Owner::local();
    let mut process = world.running(1).await;
    let job = process.submit(&owner, asking(&["a"], &["b"])).await.expect("accepted").record.id.clone();
    process.faulty.die(at, fault);
    let mut died = false;
    loop {
        let record = stored(&process, &owner, &job).await;
        if record.state == JobState::Succeeded {
            break;
        }
        if record.state == JobState::InputRequired {
            process.drive(process.core.answer(&owner, &job, given(&["a", "b"]))).await.ok(); // a process may die in it
        }
        process.pass(Duration::from_millis(100)).await;
        if !died && process.faulty.writes().len() >= at {
            died = true;
            process = world.running(1).await;
        }
    }
    let ended = stored(&process, &owner, &job).await;
    assert_eq!(heard(&ended), given(&["a", "b"]));
    !died
}

#[actix::test]
async fn a_process_may_die_at_any_write_of_a_question() {
    for fault in [Fault::Before, Fault::After] {
        let mut at = 1;
        while !die_at(at, fault).await {
            at += 1;
            assert!(at < 40, "no run ever survived");
        }
        // Two questions, two answers, two claims and the end, at least.
        assert!(at > 6, "got to {at}");
    }
}

#[actix::test]
async fn what_nobody_answers_ends_with_the_time_of_a_result() {
    let world = World::new().await;
    let owner = Owner::local();
    let process = world.running(1).await;
    let job = asked(&process, &owner, asking(&["a", "b"], &[])).await;
    let (ttl, more) = (process.core.config.result_ttl, Duration::from_mins(11));
    let nearly = ttl.checked_sub(more).expect("a day is longer");
    world.clock.advance(nearly);
    process.core.answer(&owner, &job, given(&["a"])).await.expect("answered");
    world.clock.advance(nearly);
    process.supervisor.send(Sweep).await.expect("supervisor lives");
    assert_eq!(stored(&process, &owner, &job).await.state, JobState::InputRequired, "it was answered in part");
    world.clock.advance(more * 2);
    process.supervisor.send(Sweep).await.expect("supervisor lives");
    assert_eq!(stored(&process, &owner, &job).await.state, JobState::Cancelled);
    world.clock.advance(ttl + more);
    process.supervisor.send(Sweep).await.expect("supervisor lives");
    assert!(world.store.head(&layout::record(&job)).await.expect("store").is_none());
}
