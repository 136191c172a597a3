//! What a session of the protocol leaves in the store, so that any replica can take it up: whose it is, what it began with,
//! which request became which job, and answers on their way to the replica that asked.
//!
//! Used by the server's MCP front door. The owner is a part of every key: to anybody else a session does not exist (I5).
//! What the front door keeps here is opaque.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

use crate::error::CoreError;
use crate::layout;
use crate::model::{JobId, Owner, SessionId};
use crate::ports::{BlobStore, Clock, Entry, Expect, StoreErrorKind};
use crate::records::sealed;

/// What a session began with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionRecord {
    /// What the client said when it opened the session, as the front door wants it back.
    pub initialize: Value,
    /// When that was.
    #[serde(with = "time::serde::rfc3339")]
    pub opened_at: OffsetDateTime,
}

/// The sessions of all principals.
#[derive(Clone)]
pub struct Sessions {
    store: Arc<dyn BlobStore>,
    clock: Arc<dyn Clock>,
    /// How long a session is kept after its last use.
    ttl: Duration,
}

impl Sessions {
    /// The sessions in `store`, each kept for `ttl` after its last use.
    pub fn new(store: Arc<dyn BlobStore>, clock: Arc<dyn Clock>, ttl: Duration) -> Self {
        Self { store, clock, ttl }
    }

    /// Writes what a session began with. When it returns, any replica can take the session up.
    ///
    /// # Errors
    /// `Store`.
    pub async fn save(&self, owner: &Owner, session: &SessionId, initialize: Value) -> Result<(), CoreError> {
        let record = SessionRecord { initialize, opened_at: self.clock.now() };
        self.store.put(&layout::session(owner, session), sealed::seal(&record), Expect::Any).await?;
        Ok(())
    }

    /// What an owner's session began with; `None` when there is none, it is another's, or it was not used for too long.
    /// Counts as a use.
    ///
    /// # Errors
    /// `Store`; `Session` when the record cannot be read.
    pub async fn load(&self, owner: &Owner, session: &SessionId) -> Result<Option<SessionRecord>, CoreError> {
        let key = layout::session(owner, session);
        let Some(blob) = self.store.get(&key).await? else { return Ok(None) };
        if self.is_over(blob.meta.modified) {
            return Ok(None);
        }
        let record = sealed::open(&blob.value).map_err(CoreError::Session)?;
        if self.is_old(blob.meta.modified) {
            // Written again, it counts from now. Who wrote or removed it meanwhile knows better.
            match self.store.put(&key, blob.value, Expect::Etag(blob.meta.etag)).await {
                Err(error) if error.kind != StoreErrorKind::Conflict => return Err(error.into()),
                _ => {}
            }
        }
        Ok(Some(record))
    }

    /// Whether an owner's session is there. Counts as a use.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub async fn touch(&self, owner: &Owner, session: &SessionId) -> Result<bool, CoreError> {
        match self.store.head(&layout::session(owner, session)).await? {
            Some(meta) if self.is_old(meta.modified) => Ok(self.load(owner, session).await?.is_some()),
            found => Ok(found.is_some()),
        }
    }

    /// Whether a session that was written at `written` is to be written again at its next use.
    pub fn is_old(&self, written: OffsetDateTime) -> bool {
        written + self.ttl / 8 <= self.clock.now()
    }

    /// Removes everything of an owner's session, first of all what makes it be there.
    ///
    /// # Errors
    /// `Store`.
    pub async fn remove(&self, owner: &Owner, session: &SessionId) -> Result<(), CoreError> {
        self.store.delete(&layout::session(owner, session)).await?;
        crate::records::remove_below(&self.store, &layout::session_prefix(owner, session), |_| true).await
    }

    /// Notes that a request became `job`, where that is not the one that is called `request`.
    ///
    /// # Errors
    /// `Store`.
    pub async fn note_job(
        &self,
        owner: &Owner,
        session: &SessionId,
        request: &JobId,
        job: &JobId,
    ) -> Result<(), CoreError> {
        let (key, value) = (layout::session_job(owner, session, request), Bytes::from(job.as_str().to_owned()));
        self.store.put(&key, value, Expect::Any).await?;
        Ok(())
    }

    /// The job that was noted for a request.
    ///
    /// # Errors
    /// `Store`.
    pub async fn noted_job(
        &self,
        owner: &Owner,
        session: &SessionId,
        request: &JobId,
    ) -> Result<Option<JobId>, CoreError> {
        let found = self.store.get(&layout::session_job(owner, session, request)).await?;
        Ok(found.and_then(|blob| std::str::from_utf8(&blob.value).ok()?.parse().ok()))
    }

    /// What a session's client wants to be told of; `None` where it never said.
    ///
    /// # Errors
    /// `Store`.
    pub async fn wishes(&self, owner: &Owner, session: &SessionId) -> Result<Option<Bytes>, CoreError> {
        Ok(self.store.get(&layout::session_wishes(owner, session)).await?.map(|blob| blob.value))
    }

    /// The version of that, by which another replica's change is noticed.
    ///
    /// # Errors
    /// `Store`.
    pub async fn wishes_version(&self, owner: &Owner, session: &SessionId) -> Result<Option<String>, CoreError> {
        Ok(self.store.head(&layout::session_wishes(owner, session)).await?.map(|meta| meta.etag.0))
    }

    /// Replaces it by what `change` makes of it; gives that and its version. `change` is called again where another replica
    /// was faster.
    ///
    /// # Errors
    /// `Store`; whatever `change` fails with.
    pub async fn change_wishes<E: From<CoreError>>(
        &self,
        owner: &Owner,
        session: &SessionId,
        change: impl Fn(Option<&[u8]>) -> Result<Vec<u8>, E> + Send,
    ) -> Result<(Bytes, String), E> {
        let key = layout::session_wishes(owner, session);
        loop {
            let found = self.store.get(&key).await.map_err(CoreError::from)?;
            let wishes = Bytes::from(change(found.as_ref().map(|blob| blob.value.as_ref()))?);
            let expect = found.map_or(Expect::Absent, |blob| Expect::Etag(blob.meta.etag));
            match self.store.put(&key, wishes.clone(), expect).await {
                Ok(etag) => return Ok((wishes, etag.0)),
                Err(error) if error.kind == StoreErrorKind::Conflict => {}
                Err(error) => return Err(CoreError::from(error).into()),
            }
        }
    }

    /// Leaves a client's answer for the replica that asked for it.
    ///
    /// # Errors
    /// `Store`.
    pub async fn leave_reply(
        &self,
        owner: &Owner,
        session: &SessionId,
        reply: &JobId,
        text: Vec<u8>,
    ) -> Result<(), CoreError> {
        self.store.put(&layout::session_reply(owner, session, reply), Bytes::from(text), Expect::Any).await?;
        Ok(())
    }

    /// Takes a client's answer that another replica left; `None` while there is none.
    ///
    /// # Errors
    /// `Store`.
    pub async fn take_reply(
        &self,
        owner: &Owner,
        session: &SessionId,
        reply: &JobId,
    ) -> Result<Option<Bytes>, CoreError> {
        let key = layout::session_reply(owner, session, reply);
        let Some(blob) = self.store.get(&key).await? else { return Ok(None) };
        self.store.delete(&key).await?;
        Ok(Some(blob.value))
    }

    /// Removes the sessions that were not used for too long. What fails is logged and looked at again the next time.
    pub(crate) async fn expire(&self) {
        let mut after = None;
        loop {
            let page = match self.store.list(layout::SESSIONS, after.as_ref(), 1000).await {
                Ok(page) => page,
                Err(error) => return tracing::warn!(%error, "search for sessions that are over cut short"),
            };
            for entry in &page.entries {
                self.remove_if_over(entry).await;
            }
            after = page.entries.last().map(|entry| entry.key.clone());
            if !page.more {
                return;
            }
        }
    }

    async fn remove_if_over(&self, entry: &Entry) {
        let Some((owner, session)) = layout::session_of(&entry.key) else { return };
        if !self.is_over(entry.meta.modified) {
            return;
        }
        if let Err(error) = self.remove(&owner, &session).await {
            tracing::warn!(%owner, %error, "session not removed");
        }
    }

    fn is_over(&self, written: OffsetDateTime) -> bool {
        written + self.ttl <= self.clock.now()
    }
}
