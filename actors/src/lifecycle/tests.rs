//! Any sequence of steps keeps the promises of a job's life.

use proptest::prelude::*;
use serde_json::Value;
use time::Duration;
use tools::Report;

use super::*;
use crate::model::{JobId, Owner};

fn record() -> JobRecord {
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
        outcome: None,
        key: None,
        trace: None,
        submitted_at: OffsetDateTime::UNIX_EPOCH,
        started_at: None,
        finished_at: None,
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
        Just(Step::Lose),
        Just(Step::Cancel),
    ]
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
        apply(&mut record, Step::Lose, now).expect("running");
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
