//! How a call becomes a job: checked, found again if it is known, written, queued, and only then acknowledged (I1).

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::core::Core;
use crate::error::CoreError;
use crate::keys::{self, Binding};
use crate::lifecycle;
use crate::model::{JobId, JobInput, JobRecord, JobState, Owner};
use crate::ports::{Expect, Message, QueueError, QueueErrorKind};
use crate::records::is_conflict;

/// A call that wants to be a job.
#[derive(Clone, Debug)]
pub struct Call {
    /// Which tool.
    pub tool: String,
    /// With which parameters; the tool's own only.
    pub params: Value,
    /// The caller's own name for this call: the same key and call is the same job.
    pub idempotency_key: Option<String>,
    /// Whether to run it even if an identical call is running or has a kept result.
    pub fresh: bool,
}

/// What a call became.
#[derive(Clone, Debug)]
pub struct Submitted {
    /// The job.
    pub record: Arc<JobRecord>,
    /// Whether the job was there already.
    pub reused: bool,
}

impl Core {
    /// Accepts `call` for `owner`. When it returns, the job is durable.
    ///
    /// # Errors
    /// `Call` for what cannot become a job; `Draining`; `Queue` with `Full`; `KeyConflict`; `Store`. After an error there is
    /// no job, or one that was never acknowledged.
    pub async fn submit(&self, owner: &Owner, call: Call) -> Result<Submitted, CoreError> {
        if self.is_draining() {
            return Err(CoreError::Draining);
        }
        // A key of the caller's own stands for the call as it is written: its files may have changed or gone since.
        let written = keys::call_digest(&call.tool, &call.params, &[]);
        if let Some(key) = &call.idempotency_key {
            let (known, _) = keys::look_up(&*self.ports.store, owner, &keys::chosen_digest(key)).await?;
            if let Some(found) = self.reuse(owner, &call, known, &written).await? {
                return Ok(found);
            }
        }
        let inputs = self.inputs(owner, &call).await?;
        let (slot, digest) = if let Some(key) = &call.idempotency_key {
            (keys::chosen_digest(key), written)
        } else {
            let digest = keys::call_digest(&call.tool, &call.params, &inputs);
            (digest.clone(), digest)
        };
        let (known, expect) = keys::look_up(&*self.ports.store, owner, &slot).await?;
        if let Some(found) = self.reuse(owner, &call, known, &digest).await? {
            return Ok(found);
        }
        self.check_room().await?;
        let record = self.new_record(owner, &call, inputs, &slot);
        let reused = match self.records.create(&record).await {
            Ok(_) => self.accept(&record, &call, &digest, expect).await?,
            Err(error) => {
                self.undo(&record).await;
                return Err(error);
            }
        };
        Ok(reused.unwrap_or_else(|| Submitted { record: Arc::new(record), reused: false }))
    }

    /// Takes back a job that nobody can have heard of. What cannot be taken back now runs unseen and goes with its time.
    async fn undo(&self, record: &JobRecord) {
        self.board.drop_job(&record.id);
        let _ = self.records.remove(record).await;
    }

    /// Binds a written job to its key and queues it; or finds that somebody made the same call meanwhile, whose job stands.
    ///
    /// From the moment the key may be bound another call may have been told of the job, so from there on it stays.
    async fn accept(
        &self,
        record: &JobRecord,
        call: &Call,
        digest: &str,
        mut expect: Expect,
    ) -> Result<Option<Submitted>, CoreError> {
        self.board.post(record);
        let (owner, slot) = (&record.owner, record.key.as_deref().unwrap_or(digest));
        let binding = Binding { job: record.id.clone(), call: digest.to_owned() };
        loop {
            match keys::bind(&*self.ports.store, owner, slot, &binding, expect).await.map_err(CoreError::from) {
                Ok(_) => break,
                Err(error) if is_conflict(&error) => {}
                Err(error) => {
                    // Off the board, the sweeper finds it if it was bound after all.
                    self.board.drop_job(&record.id);
                    return Err(error);
                }
            }
            let (known, seen) = keys::look_up(&*self.ports.store, owner, slot).await?;
            if let Some(found) = self.reuse(owner, call, known, digest).await? {
                self.undo(record).await;
                return Ok(Some(found));
            }
            expect = seen;
        }
        self.enqueue(record).await;
        Ok(None)
    }

    /// The files of a call. A tool may parse its parameters for them, so that runs off the actor's thread.
    async fn inputs(&self, owner: &Owner, call: &Call) -> Result<Vec<JobInput>, CoreError> {
        let tool = Arc::clone(self.catalogue.get(&call.tool)?);
        let params = call.params.clone();
        let asked = tokio::task::spawn_blocking(move || tool.inputs(&params)).await;
        let specs = asked.map_err(|_| tools::ToolError::internal("the call's parameters could not be examined"))??;
        self.workspace.resolve(owner, &specs, &self.config.limits).await
    }

    /// The job that a call became before, if it still stands for the call.
    async fn reuse(
        &self,
        owner: &Owner,
        call: &Call,
        known: Option<Binding>,
        digest: &str,
    ) -> Result<Option<Submitted>, CoreError> {
        let Some(binding) = known else { return Ok(None) };
        let found = match self.find(owner, &binding.job).await {
            Ok(found) => found,
            Err(CoreError::NoSuchJob(_) | CoreError::Unreadable { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        if let Some(key) = &call.idempotency_key {
            let same = binding.call == digest;
            return if same {
                Ok(Some(Submitted { record: found, reused: true }))
            } else {
                Err(CoreError::KeyConflict(key.clone()))
            };
        }
        let stands = !call.fresh && !matches!(found.state, JobState::Failed | JobState::Cancelled);
        Ok(stands.then_some(Submitted { record: found, reused: true }))
    }

    async fn check_room(&self) -> Result<(), CoreError> {
        let capacity = self.ports.queue.capacity();
        if self.ports.queue.depth().await?.waiting < capacity {
            return Ok(());
        }
        let message = format!("{capacity} jobs are waiting already; try again in a minute");
        Err(QueueError { kind: QueueErrorKind::Full, message }.into())
    }

    fn new_record(&self, owner: &Owner, call: &Call, inputs: Vec<JobInput>, key: &str) -> JobRecord {
        JobRecord {
            id: JobId::random(),
            owner: owner.clone(),
            tool: call.tool.clone(),
            params: call.params.clone(),
            inputs,
            state: JobState::Queued,
            attempt: 0,
            lost: 0,
            lease: None,
            progress: lifecycle::waiting(),
            outcome: None,
            key: Some(key.to_owned()),
            submitted_at: self.ports.clock.now(),
            started_at: None,
            finished_at: None,
        }
    }

    /// Puts a durable job before the dispatchers. It is accepted either way: what the queue does not take now, the sweeper
    /// brings later.
    async fn enqueue(&self, record: &JobRecord) {
        let message = Message { job: record.id.clone(), owner: record.owner.clone() };
        if let Err(error) = self.ports.queue.send(&message, Duration::ZERO).await {
            tracing::warn!(job = %record.id, %error, "accepted job is left to the sweeper");
            self.board.drop_job(&record.id);
        }
    }
}
