//! Any sequence of steps keeps the promises of a job's life.

use proptest::prelude::*;
use serde_json::Value;
use time::Duration;
use tools::{Answer, Question, Report};

use super::*;
use crate::model::{JobId, Owner};

/// A job that was just accepted.
pub(crate) fn record() -> JobRecord {
    JobRecord {
        id: JobId::random(),
        owner: Owner::local(),
        tool: "test".to_owned(),
        params: Value::Null,
        inputs: Vec::new(),
        state: JobState::Queued,
        attempt: 0,
        lost: 0,
        lease: None,
        progress: Progress::default(),
        asks: Questions::new(),
        answers: Answers::new(),
        outcome: None,
        key: None,
        trace: None,
        submitted_at: OffsetDateTime::UNIX_EPOCH,
        started_at: None,
        finished_at: None,
        changed_at: None,
    }
}

fn steps() -> impl Strategy<Value = Step> {
    let lease = || Lease { holder: "a".to_owned(), until: OffsetDateTime::UNIX_EPOCH };
    let done = JobOutcome::Succeeded { report: Report::default(), artifacts: Vec::new() };
    prop_oneof![
        Just(Step::Claim(lease())),
        Just(Step::Renew(lease())),
        (0.0..10.0_f64).prop_map(|done| Step::Advance(Progress { done, ..Progress::default() })),
        Just(Step::Finish(done)),
        Just(Step::Finish(JobOutcome::Cancelled)),
        Just(Step::Return),
        Just(Step::Lose("its server went away".to_owned())),
        Just(Step::Cancel),
        names().prop_map(|names| Step::Ask(names.into_iter().map(|name| (name, question())).collect())),
        names().prop_map(|names| Step::Answer(names.into_iter().map(|name| (name, Answer::Declined)).collect())),
    ]
}

fn names() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[a-c]", 1..3)
}

fn question() -> Question {
    Question { message: "sure?".to_owned(), schema: Value::Null }
}

proptest! {
    #[test]
    fn every_history_keeps_the_promises(history in prop::collection::vec(steps(), 0..60)) {
        let mut record = record();
        for (at, step) in history.into_iter().enumerate() {
            let before = record.clone();
            let now = OffsetDateTime::UNIX_EPOCH + Duration::seconds(i64::try_from(at).expect("small"));
            let allowed = apply(&mut record, step.clone(), now).is_ok();
            prop_assert!(allowed || record == before, "a refused step changes nothing");
            prop_assert!(!before.state.is_terminal() || !allowed, "terminal states never change (I2)");
            prop_assert!(record.attempt >= before.attempt, "the fencing token never falls");
            let claimed = allowed && matches!(step, Step::Claim(_));
            prop_assert_eq!(record.attempt > before.attempt, claimed, "only a claim raises it");
            let same_attempt = record.state == before.state && !claimed;
            prop_assert!(!same_attempt || record.progress.done >= before.progress.done, "progress never goes back");
            prop_assert_eq!(record.lease.is_some(), record.state == JobState::Running);
            prop_assert_eq!(record.outcome.is_some(), record.state.is_terminal());
            prop_assert_eq!(record.finished_at.is_some(), record.state.is_terminal());
            prop_assert!(record.lost <= MAX_LOST);
            let open = !record.open_questions().is_empty();
            prop_assert_eq!(open && !record.state.is_terminal(), record.state == JobState::InputRequired);
            let kept = before.answers.iter().all(|(name, answer)| record.answers.get(name) == Some(answer));
            prop_assert!(kept, "an answer stands");
            prop_assert!(record.answers.keys().all(|name| record.asks.contains_key(name)), "only what was asked");
        }
    }
}

#[test]
fn the_third_loss_is_the_last() {
    let mut record = record();
    let now = OffsetDateTime::UNIX_EPOCH;
    for _ in 0..MAX_LOST {
        assert_eq!(record.state, JobState::Queued);
        let lease = Lease { holder: "a".to_owned(), until: now };
        apply(&mut record, Step::Claim(lease), now).expect("queued");
        apply(&mut record, Step::Lose("its server went away".to_owned()), now).expect("running");
    }
    assert!(matches!(record.outcome, Some(JobOutcome::Failed(JobError { cause: Cause::WorkerLost, .. }))));
}

#[test]
fn giving_a_job_back_is_no_loss() {
    let mut record = record();
    let now = OffsetDateTime::UNIX_EPOCH;
    for _ in 0..10 {
        apply(&mut record, Step::Claim(Lease { holder: "a".to_owned(), until: now }), now).expect("queued");
        apply(&mut record, Step::Return, now).expect("running");
    }
    assert_eq!((record.state, record.attempt, record.lost), (JobState::Queued, 10, 0));
}

#[test]
fn a_question_waits_for_its_last_answer() {
    let mut record = record();
    let now = OffsetDateTime::UNIX_EPOCH;
    let lease = || Lease { holder: "a".to_owned(), until: now };
    apply(&mut record, Step::Claim(lease()), now).expect("queued");
    let asked = ["a", "b"].map(|name| (name.to_owned(), question()));
    apply(&mut record, Step::Ask(asked.into()), now).expect("running");
    assert!(apply(&mut record, Step::Claim(lease()), now).is_err(), "nobody runs it meanwhile");
    let answer = |name: &str| Step::Answer([(name.to_owned(), Answer::Declined)].into());
    for (name, state) in [("z", JobState::InputRequired), ("b", JobState::InputRequired), ("a", JobState::Queued)] {
        apply(&mut record, answer(name), now).expect("it asks");
        assert_eq!(record.state, state, "after {name}");
    }
    assert!(apply(&mut record, answer("a"), now).is_err(), "too late");
    apply(&mut record, Step::Claim(lease()), now).expect("queued again");
    assert_eq!((record.attempt, record.lost, record.answers.len()), (2, 0, 2));
}

#[test]
fn a_tool_that_asks_what_it_knows_is_stopped() {
    let mut record = record();
    let now = OffsetDateTime::UNIX_EPOCH;
    for _ in 0..2 {
        apply(&mut record, Step::Claim(Lease { holder: "a".to_owned(), until: now }), now).expect("queued");
        apply(&mut record, Step::Ask([("a".to_owned(), question())].into()), now).expect("running");
        let _ = apply(&mut record, Step::Answer([("a".to_owned(), Answer::Dismissed)].into()), now);
    }
    assert_eq!(record.state, JobState::Failed);
}
