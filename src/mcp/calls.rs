//! Which request of a session became which job, so that a cancel by the request's id finds it.
//!
//! rmcp cancels a request's token also when its session ends, which says nothing about the job; the notification alone does.

use std::collections::HashMap;

use actors::model::JobId;
use parking_lot::Mutex;
use rmcp::model::RequestId;

/// At most this many requests are remembered; a session has far fewer under way.
const MOST: usize = 1024;

/// The requests under way.
#[derive(Default)]
pub(super) struct Calls(Mutex<HashMap<RequestId, Call>>);

enum Call {
    Became(JobId),
    /// The cancel came before the job was known.
    Cancelled,
}

impl Calls {
    /// A request became a job. True when it had been cancelled by then.
    pub(super) fn began(&self, request: &RequestId, job: &JobId) -> bool {
        let mut calls = self.0.lock();
        if calls.len() >= MOST {
            calls.clear();
        }
        matches!(calls.insert(request.clone(), Call::Became(job.clone())), Some(Call::Cancelled))
    }

    /// A request was answered.
    pub(super) fn ended(&self, request: &RequestId) {
        self.0.lock().remove(request);
    }

    /// A request was cancelled; gives its job, if it became one.
    pub(super) fn cancelled(&self, request: RequestId) -> Option<JobId> {
        let mut calls = self.0.lock();
        if let Some(Call::Became(job)) = calls.remove(&request) {
            return Some(job);
        }
        if calls.len() >= MOST {
            calls.clear();
        }
        calls.insert(request, Call::Cancelled);
        None
    }
}

#[test]
fn a_cancel_finds_its_job_in_either_order() {
    let (calls, job, id) = (Calls::default(), JobId::random(), |number| RequestId::Number(number));
    assert!(!calls.began(&id(1), &job));
    assert_eq!(calls.cancelled(id(1)), Some(job.clone()));
    assert_eq!(calls.cancelled(id(2)), None);
    assert!(calls.began(&id(2), &job));
    calls.ended(&id(2));
    assert_eq!(calls.cancelled(id(2)), None);
}
