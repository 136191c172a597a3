//! How a call becomes a job: checked, found again if it is known, written, queued, and only then acknowledged (I1).

mod ahead;

use std::sync::Arc;

use actix::Actor as _;
use serde_json::Value;
use tools::{Answers, Questions};

use crate::core::Core;
use crate::error::CoreError;
use crate::job::Job;
use crate::keys::{self, Binding};
use crate::lifecycle::{self, Step};
use crate::model::{JobId, JobInput, JobRecord, JobState, Owner};
use crate::ports::{Etag, Expect, Message, QueueError, QueueErrorKind};
use crate::records::{Versioned, is_conflict};

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
    /// The id that a new job gets, if no other has it; a random one where there is none.
    pub id: Option<JobId>,
    /// The caller's place in a distributed trace: a W3C `traceparent`.
    pub trace: Option<String>,
}

/// What a call became.
#[derive(Clone, Debug)]
pub struct Submitted {
    /// The job.
    pub record: Arc<JobRecord>,
    /// Whether the job was there already.
    pub reused: bool,
}

/// Under what a call is known again.
struct Identity {
    /// The caller's own key's digest, or the call's.
    key: String,
    /// What tells another call under the same key.
    digest: String,
}

/// What stands under a call's key.
enum Known {
    /// A job that the call became before.
    Job(Submitted),
    /// Nothing that stands for the call; this is what a binding would replace.
    Free(Expect),
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
        let submitted = match &call.idempotency_key {
            Some(key) => self.submit_keyed(owner, &call, key).await?,
            None => self.submit_unkeyed(owner, &call).await?,
        };
        self.counters.submitted(submitted.reused);
        Ok(submitted)
    }

    /// A key of the caller's own stands for the call as it is written: its files may have changed or gone since.
    async fn submit_keyed(&self, owner: &Owner, call: &Call, key: &str) -> Result<Submitted, CoreError> {
        let digest = keys::call_digest(&call.tool, &call.params, &[]);
        let identity = Identity { key: keys::chosen_digest(key), digest };
        match self.known(owner, call, &identity).await? {
            Known::Job(found) => Ok(found),
            Known::Free(expect) => {
                let inputs = self.inputs(owner, call).await?;
                self.begin(owner, call, inputs, identity, expect).await
            }
        }
    }

    async fn submit_unkeyed(&self, owner: &Owner, call: &Call) -> Result<Submitted, CoreError> {
        let inputs = self.inputs(owner, call).await?;
        let digest = keys::call_digest(&call.tool, &call.params, &inputs);
        let identity = Identity { key: digest.clone(), digest };
        match self.known(owner, call, &identity).await? {
            Known::Job(found) => Ok(found),
            Known::Free(expect) => self.begin(owner, call, inputs, identity, expect).await,
        }
    }

    /// Makes a new job: here and now where there is room and nobody waits for it, else by way of the queue.
    async fn begin(
        &self,
        owner: &Owner,
        call: &Call,
        inputs: Vec<JobInput>,
        identity: Identity,
        expect: Expect,
    ) -> Result<Submitted, CoreError> {
        let slot = self.free_slot(owner);
        let mut record = self.new_record(owner, call, inputs, &identity.key);
        if slot.is_some() {
            let (claim, now) = (Step::Claim(self.new_lease()), record.submitted_at);
            lifecycle::apply(&mut record, claim, now).expect("a new job can be claimed");
        } else {
            self.check_room().await?;
        }
        let etag = match self.create(&mut record).await {
            Ok(etag) => etag,
            Err(error) => {
                // A store that has just failed may take its time again: the caller is told now.
                let core = self.clone();
                tokio::spawn(async move { core.undo(&record).await });
                return Err(error);
            }
        };
        if slot.is_some() || self.config.exclusive {
            self.board.post(&record);
        }
        if let Some(other) = self.bind(&record, call, &identity, expect).await? {
            return Ok(other);
        }
        match slot {
            Some(slot) => {
                Job::new(
                    self.clone(),
                    Versioned { record: record.clone(), etag, written: record.submitted_at },
                    None,
                    slot,
                )
                .start();
            }
            None => self.enqueue(&record).await,
        }
        Ok(Submitted { record: Arc::new(record), reused: false })
    }

    /// Writes a new job, under another id where the one that the call asked for is taken.
    async fn create(&self, record: &mut JobRecord) -> Result<Etag, CoreError> {
        let created = self.records.create(record).await;
        if !created.as_ref().is_err_and(is_conflict) {
            return created;
        }
        let unlisted = self.records.unlist_namesake(record).await;
        record.id = JobId::random(); // before anything can fail: what is undone must not be the other job
        unlisted?;
        self.records.create(record).await
    }

    /// Takes back a job that nobody can have heard of. What cannot be taken back now runs unseen and goes with its time.
    async fn undo(&self, record: &JobRecord) {
        self.board.drop_job(&record.id);
        let _ = self.records.remove(record).await;
    }

    /// Binds a written job to its key; or finds that somebody made the same call meanwhile, whose job stands.
    ///
    /// From the moment the key may be bound another call may have been told of the job, so from there on it stays.
    async fn bind(
        &self,
        record: &JobRecord,
        call: &Call,
        identity: &Identity,
        mut expect: Expect,
    ) -> Result<Option<Submitted>, CoreError> {
        let binding = Binding { job: record.id.clone(), call: identity.digest.clone() };
        loop {
            let bound = keys::bind(&*self.ports.store, &record.owner, &identity.key, &binding, expect).await;
            match bound.map_err(CoreError::from) {
                Ok(_) => return Ok(None),
                Err(error) if is_conflict(&error) => {}
                Err(error) => {
                    // Off the board, the sweeper finds it if it was bound after all.
                    self.board.drop_job(&record.id);
                    return Err(error);
                }
            }
            let known = match self.known(&record.owner, call, identity).await {
                Ok(known) => known,
                Err(error) => {
                    // Somebody else's binding stands, or may: ours was never told to anybody.
                    self.undo(record).await;
                    return Err(error);
                }
            };
            match known {
                // Our own binding, whose answer was lost.
                Known::Job(found) if found.record.id == record.id => return Ok(None),
                Known::Job(found) => {
                    self.undo(record).await;
                    return Ok(Some(found));
                }
                Known::Free(seen) => expect = seen,
            }
        }
    }

    /// The files of a call. A tool may parse its parameters for them, so that runs off the actor's thread.
    async fn inputs(&self, owner: &Owner, call: &Call) -> Result<Vec<JobInput>, CoreError> {
        let tool = Arc::clone(self.catalogue.get(&call.tool)?);
        let params = call.params.clone();
        let asked = tokio::task::spawn_blocking(move || tool.inputs(&params)).await;
        let specs = asked.map_err(|_| tools::ToolError::internal("the call's parameters could not be examined"))??;
        self.workspace.resolve(owner, &specs, &self.limits_of(owner)).await
    }

    /// The job that a call became before, if it still stands for the call.
    async fn known(&self, owner: &Owner, call: &Call, identity: &Identity) -> Result<Known, CoreError> {
        let (binding, expect) = keys::look_up(&*self.ports.store, owner, &identity.key).await?;
        let Some(binding) = binding else { return Ok(Known::Free(expect)) };
        let record = match self.find(owner, &binding.job).await {
            Ok(found) => found,
            Err(CoreError::NoSuchJob(_) | CoreError::Unreadable { .. }) => return Ok(Known::Free(expect)),
            Err(error) => return Err(error),
        };
        let stands = match &call.idempotency_key {
            Some(key) if binding.call != identity.digest => return Err(CoreError::KeyConflict(key.clone())),
            Some(_) => true,
            None => !call.fresh && !matches!(record.state, JobState::Failed | JobState::Cancelled),
        };
        Ok(if stands { Known::Job(Submitted { record, reused: true }) } else { Known::Free(expect) })
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
            id: call.id.clone().unwrap_or_else(JobId::random),
            owner: owner.clone(),
            tool: call.tool.clone(),
            params: call.params.clone(),
            inputs,
            state: JobState::Queued,
            attempt: 0,
            lost: 0,
            lease: None,
            progress: lifecycle::waiting(),
            asks: Questions::new(),
            answers: Answers::new(),
            outcome: None,
            key: Some(key.to_owned()),
            trace: call.trace.clone(),
            submitted_at: self.ports.clock.now(),
            started_at: None,
            finished_at: None,
            changed_at: None,
        }
    }

    /// Puts a durable job before the dispatchers. It is accepted either way: also by a queue that is full by now, and what the
    /// queue does not take the sweeper brings later.
    pub(crate) async fn enqueue(&self, record: &JobRecord) {
        if let Err(error) = self.ports.queue.send_again(&Message::of(record)).await {
            tracing::warn!(job = %record.id, %error, "accepted job is left to the sweeper");
            self.board.drop_job(&record.id);
        }
    }
}
