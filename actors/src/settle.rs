//! What is done to a job from outside, wherever it is: a cancel, and the answers to what its tool asked.
//!
//! Used by the front doors; the record's compare-and-swap decides who comes first.

use tools::Answers;

use crate::core::Core;
use crate::error::CoreError;
use crate::job::CancelJob;
use crate::lifecycle::{self, Step};
use crate::model::{JobId, JobRecord, JobState, Owner};
use crate::records::{Versioned, is_conflict};

impl Core {
    /// Asks for a job's end. One that waits, for room or for an answer, ends at once, a running one as soon as its tool obeys;
    /// a finished one stays as it is.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub async fn cancel(&self, owner: &Owner, job: &JobId) -> Result<JobRecord, CoreError> {
        let mut found = self.records.load_owned(owner, job).await?;
        if !found.record.state.is_terminal() {
            self.records.request_cancel(job).await?;
            // A job that begins to ask from here on sees the request; one that began before is seen now.
            found = self.records.load_owned(owner, job).await?;
        }
        loop {
            match found.record.state {
                JobState::Queued | JobState::InputRequired => match self.cancel_waiting(found).await {
                    Err(error) if is_conflict(&error) => found = self.records.load_owned(owner, job).await?,
                    settled => return settled,
                },
                JobState::Running => {
                    if let Some(runner) = self.board.runner(job) {
                        runner.do_send(CancelJob);
                    }
                    return Ok(found.record);
                }
                _ => return Ok(found.record),
            }
        }
    }

    /// Ends a job that nobody runs.
    ///
    /// # Errors
    /// `Store`, with `Conflict` when somebody else wrote first.
    pub(crate) async fn cancel_waiting(&self, found: Versioned) -> Result<JobRecord, CoreError> {
        let Versioned { mut record, etag, .. } = found;
        lifecycle::apply(&mut record, Step::Cancel, self.ports.clock.now()).expect("a waiting job can be cancelled");
        self.records.swap(&record, &etag).await?;
        self.board.post(&record);
        self.ports.queue.forget(&record.id).await;
        self.records.settle(&record.id).await?;
        Ok(record)
    }

    /// Ends a job that asks, if it was cancelled while it ran.
    ///
    /// # Errors
    /// `Store`.
    pub(crate) async fn stop_asking_if_cancelled(&self, record: &JobRecord) -> Result<(), CoreError> {
        if self.records.cancel_requested(&record.id).await? {
            self.cancel(&record.owner, &record.id).await?;
        }
        Ok(())
    }

    /// Answers what a job's tool asked. With the last answer the job goes on, on whichever replica has room. Answers to what
    /// was not asked, or is answered, change nothing, nor do any to a job that does not ask.
    ///
    /// # Errors
    /// As [`find`](Self::find). After `Store` with `Unavailable` the same answers may be given again.
    pub async fn answer(&self, owner: &Owner, job: &JobId, answers: Answers) -> Result<JobRecord, CoreError> {
        loop {
            let Versioned { mut record, etag, .. } = self.records.load_owned(owner, job).await?;
            let step = Step::Answer(answers.clone());
            if lifecycle::apply(&mut record, step, self.ports.clock.now()).is_err() {
                return Ok(record);
            }
            match self.records.swap(&record, &etag).await {
                Ok(_) => {
                    self.answered(&record).await;
                    return Ok(record);
                }
                Err(error) if is_conflict(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn answered(&self, record: &JobRecord) {
        self.board.show(record.clone());
        if record.state != JobState::Queued {
            return;
        }
        if self.config.exclusive {
            self.board.post(record);
        }
        self.enqueue(record).await;
    }
}
