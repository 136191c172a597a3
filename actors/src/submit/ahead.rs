//! What can be told of a call before it becomes a job: how much it would read, and whether its result is there already.
//!
//! Used by the server's front doors to ask back and to complete names. Nothing here writes.

use std::sync::Arc;

use super::{Call, Identity, Known};
use crate::core::Core;
use crate::error::CoreError;
use crate::keys;
use crate::model::{JobRecord, Owner};

impl Core {
    /// How many bytes of inputs `call` would have to read as a new job: 0 where it would be given one that is there.
    ///
    /// # Errors
    /// What would keep the call from becoming a job, as [`submit`](Self::submit) says it.
    pub async fn weigh(&self, owner: &Owner, call: &Call) -> Result<u64, CoreError> {
        if let Some(key) = &call.idempotency_key {
            let digest = keys::call_digest(&call.tool, &call.params, &[]);
            let identity = Identity { key: keys::chosen_digest(key), digest };
            if let Known::Job(_) = self.known(owner, call, &identity).await? {
                return Ok(0); // its files may have gone since: they are not looked for
            }
            return self.bytes_of(owner, call).await;
        }
        match self.standing(owner, call).await? {
            (Some(_), _) => Ok(0),
            (None, bytes) => Ok(bytes),
        }
    }

    /// The job that an identical call on the same files became, if it still stands for it.
    ///
    /// # Errors
    /// As [`weigh`](Self::weigh).
    pub async fn kept(&self, owner: &Owner, call: &Call) -> Result<Option<Arc<JobRecord>>, CoreError> {
        Ok(self.standing(owner, call).await?.0)
    }

    async fn standing(&self, owner: &Owner, call: &Call) -> Result<(Option<Arc<JobRecord>>, u64), CoreError> {
        let inputs = self.inputs(owner, call).await?;
        let digest = keys::call_digest(&call.tool, &call.params, &inputs);
        let identity = Identity { key: digest.clone(), digest };
        let bytes = inputs.iter().map(|input| input.bytes).sum();
        match self.known(owner, call, &identity).await? {
            Known::Job(found) => Ok((Some(found.record), bytes)),
            Known::Free(_) => Ok((None, bytes)),
        }
    }

    async fn bytes_of(&self, owner: &Owner, call: &Call) -> Result<u64, CoreError> {
        Ok(self.inputs(owner, call).await?.iter().map(|input| input.bytes).sum())
    }
}
