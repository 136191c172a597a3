//! Job records in the store: written whole, read back only if they are whole.
//!
//! Used by `Session` (accept, cancel), `Job` (swap), `Supervisor` (recover, sweep) and the server's read routes.

pub(crate) mod sealed;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::try_join;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use time::OffsetDateTime;

use crate::error::CoreError;
use crate::model::{JobId, JobRecord, Owner};
use crate::ports::{BlobStore, Clock, Entry, Etag, Expect, Key, StoreErrorKind};
use crate::{keys, layout};

/// How many blobs are asked for at once where many are needed.
const AT_ONCE: usize = 16;

/// A record and the version of it that was read.
#[derive(Clone, Debug)]
pub struct Versioned {
    /// The record.
    pub record: JobRecord,
    /// For [`Records::swap`].
    pub etag: Etag,
    /// When it was written, by the store's clock.
    pub written: OffsetDateTime,
}

/// The records of all jobs.
#[derive(Clone)]
pub struct Records {
    store: Arc<dyn BlobStore>,
    clock: Arc<dyn Clock>,
    /// How long an ended job is kept; from then on it is as if it had gone.
    result_ttl: Duration,
}

impl Records {
    /// The records in `store`, of jobs that are kept for `result_ttl` after their end.
    pub fn new(store: Arc<dyn BlobStore>, clock: Arc<dyn Clock>, result_ttl: Duration) -> Self {
        Self { store, clock, result_ttl }
    }

    /// Whether a job's time to live is over.
    pub fn is_over(&self, record: &JobRecord) -> bool {
        record.finished_at.is_some_and(|finished| finished + self.result_ttl <= self.clock.now())
    }

    /// Writes a new job: record, marker and index entry. When it returns, the job is durable (I1).
    ///
    /// # Errors
    /// `Store`; what was written by then is swept later and was never acknowledged.
    pub async fn create(&self, record: &JobRecord) -> Result<Etag, CoreError> {
        let (key, marker, entry) = (layout::record(&record.id), layout::active(&record.id), layout::index(record));
        let record_put = self.store.put(&key, sealed::seal_job(record), Expect::Absent);
        let marker_put = self.store.put(&marker, Bytes::new(), Expect::Any);
        let entry_put = self.store.put(&entry, Bytes::new(), Expect::Any);
        // A record without its marker would be found by no restart, a marker without its record is known to mean nothing.
        let both = async {
            marker_put.await?;
            record_put.await
        };
        let (etag, _) = try_join(both, entry_put).await?;
        Ok(etag)
    }

    /// The record of `job`, whoever owns it; `None` when there is none.
    ///
    /// # Errors
    /// `Unreadable` when it is damaged or of a later version; `Store`.
    pub async fn load(&self, job: &JobId) -> Result<Option<Versioned>, CoreError> {
        let Some(blob) = self.store.get(&layout::record(job)).await? else { return Ok(None) };
        let record = sealed::open(&blob.value).map_err(|why| CoreError::Unreadable { job: job.clone(), why })?;
        Ok(Some(Versioned { record, etag: blob.meta.etag, written: blob.meta.modified }))
    }

    /// The record of `job` if `owner` owns it (I5).
    ///
    /// # Errors
    /// `NoSuchJob` when there is none, it is another's, or its time to live is over; as [`load`](Self::load).
    pub async fn load_owned(&self, owner: &Owner, job: &JobId) -> Result<Versioned, CoreError> {
        let found = self.load(job).await?.filter(|found| found.record.owner == *owner && !self.is_over(&found.record));
        found.ok_or_else(|| CoreError::NoSuchJob(job.clone()))
    }

    /// Replaces the version `etag` of a record.
    ///
    /// # Errors
    /// `Store` with `Conflict` when someone else wrote meanwhile.
    pub async fn swap(&self, record: &JobRecord, etag: &Etag) -> Result<Etag, CoreError> {
        let expect = Expect::Etag(etag.clone());
        Ok(self.store.put(&layout::record(&record.id), sealed::seal_job(record), expect).await?)
    }

    /// Takes the entry of a job that was not created, since another has its id, out of their owner's index.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub async fn unlist_namesake(&self, record: &JobRecord) -> Result<(), CoreError> {
        let entry = layout::index(record);
        match self.load(&record.id).await? {
            Some(other) if layout::index(&other.record) == entry => Ok(()), // accepted in the same moment
            _ => Ok(self.store.delete(&entry).await?),
        }
    }

    /// Takes a terminal job's marker away.
    ///
    /// # Errors
    /// `Store`.
    pub async fn settle(&self, job: &JobId) -> Result<(), CoreError> {
        Ok(self.store.delete(&layout::active(job)).await?)
    }

    /// Asks whoever runs the job, anywhere, to stop.
    ///
    /// # Errors
    /// `Store`.
    pub async fn request_cancel(&self, job: &JobId) -> Result<(), CoreError> {
        self.store.put(&layout::cancel(job), Bytes::new(), Expect::Any).await?;
        Ok(())
    }

    /// Whether someone asked the job to stop.
    ///
    /// # Errors
    /// `Store`.
    pub async fn cancel_requested(&self, job: &JobId) -> Result<bool, CoreError> {
        Ok(self.store.head(&layout::cancel(job)).await?.is_some())
    }

    /// Notes that a job's id was handed out.
    ///
    /// # Errors
    /// `Store`.
    pub async fn keep(&self, job: &JobId) -> Result<(), CoreError> {
        self.store.put(&layout::kept(job), Bytes::new(), Expect::Any).await?;
        Ok(())
    }

    /// Whether a job's id was handed out.
    ///
    /// # Errors
    /// `Store`.
    pub async fn is_kept(&self, job: &JobId) -> Result<bool, CoreError> {
        Ok(self.store.head(&layout::kept(job)).await?.is_some())
    }

    /// At most `limit` of an owner's jobs, newest first, those after `after`; and whether there are more.
    ///
    /// # Errors
    /// `NoSuchJob` when `after` is none of theirs; `Store`. A record that cannot be read is left out and logged.
    pub async fn list(
        &self,
        owner: &Owner,
        after: Option<&JobId>,
        limit: usize,
    ) -> Result<(Vec<JobRecord>, bool), CoreError> {
        let after = match after {
            Some(job) => Some(layout::index(&self.load_owned(owner, job).await?.record)),
            None => None,
        };
        let page = self.store.list(&layout::index_prefix(owner), after.as_ref(), limit).await?;
        let jobs: Vec<JobId> = page.entries.iter().filter_map(|entry| layout::job_of_index(&entry.key)).collect();
        let found = stream::iter(jobs).map(|job| self.listed(job)).buffered(AT_ONCE).try_collect::<Vec<_>>().await?;
        Ok((found.into_iter().flatten().collect(), page.more))
    }

    /// The newest `limit` of an owner's jobs by their ids alone, newest first. Some may be over.
    ///
    /// # Errors
    /// `Store`.
    pub async fn ids(&self, owner: &Owner, limit: usize) -> Result<Vec<JobId>, CoreError> {
        let page = self.store.list(&layout::index_prefix(owner), None, limit).await?;
        Ok(page.entries.iter().filter_map(|entry| layout::job_of_index(&entry.key)).collect())
    }

    async fn listed(&self, job: JobId) -> Result<Option<JobRecord>, CoreError> {
        match self.load(&job).await {
            Ok(found) => Ok(found.map(|found| found.record).filter(|record| !self.is_over(record))),
            Err(error @ CoreError::Unreadable { .. }) => {
                tracing::error!(%job, %error, "record left out of a list");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Every job that has a marker, and when that was written.
    ///
    /// # Errors
    /// `Store`.
    pub async fn active(&self) -> Result<Vec<(JobId, OffsetDateTime)>, CoreError> {
        let mut jobs = Vec::new();
        let mut after = None;
        loop {
            let page = self.store.list(layout::ACTIVE, after.as_ref(), 1000).await?;
            let marked = |entry: &Entry| Some((entry.key.after(layout::ACTIVE)?.parse().ok()?, entry.meta.modified));
            jobs.extend(page.entries.iter().filter_map(marked));
            after = page.entries.last().map(|entry| entry.key.clone());
            if !page.more {
                return Ok(jobs);
            }
        }
    }

    /// Removes everything of a job: files first, the record last, so that a removal cut short is taken up again.
    ///
    /// # Errors
    /// `Store`.
    pub async fn remove(&self, record: &JobRecord) -> Result<(), CoreError> {
        self.remove_files(&record.id).await?;
        if let Some(digest) = &record.key {
            keys::unbind(&*self.store, &record.owner, digest, &record.id).await?;
        }
        self.store.delete(&layout::index(record)).await?;
        self.settle(&record.id).await?;
        Ok(self.store.delete(&layout::record(&record.id)).await?)
    }

    /// Removes the files of a job that has no record.
    ///
    /// # Errors
    /// `Store`.
    pub async fn remove_files(&self, job: &JobId) -> Result<(), CoreError> {
        let own = layout::record(job);
        self.remove_below(&layout::job_prefix(job), |key| *key != own).await
    }

    /// Removes what earlier attempts than the winning one wrote.
    ///
    /// # Errors
    /// `Store`.
    pub async fn remove_losers(&self, record: &JobRecord) -> Result<(), CoreError> {
        let won = layout::attempt_prefix(&record.id, record.attempt);
        let own = layout::record(&record.id);
        self.remove_below(&layout::job_prefix(&record.id), |key| *key != own && key.after(&won).is_none()).await
    }

    async fn remove_below(&self, prefix: &str, unwanted: impl Fn(&Key) -> bool + Send) -> Result<(), CoreError> {
        remove_below(&self.store, prefix, unwanted).await
    }
}

/// Removes every blob of `store` below `prefix` that is `unwanted`.
pub(crate) async fn remove_below(
    store: &Arc<dyn BlobStore>,
    prefix: &str,
    unwanted: impl Fn(&Key) -> bool + Send,
) -> Result<(), CoreError> {
    let mut after = None;
    loop {
        let page = store.list(prefix, after.as_ref(), 1000).await?;
        after = page.entries.last().map(|entry| entry.key.clone());
        let unwanted: Vec<Key> = page.entries.into_iter().map(|entry| entry.key).filter(&unwanted).collect();
        let deletes = unwanted.into_iter().map(|key| {
            let store = Arc::clone(store);
            async move { store.delete(&key).await }
        });
        stream::iter(deletes).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        if !page.more {
            return Ok(());
        }
    }
}

/// Whether `error` says that someone else wrote first.
pub fn is_conflict(error: &CoreError) -> bool {
    matches!(error, CoreError::Store(store) if store.kind == StoreErrorKind::Conflict)
}
