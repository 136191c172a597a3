//! Idempotency: which calls are the same, and which job such a call became.
//!
//! A call's digest covers the tool, its parameters and the versions of its inputs. It is kept under the caller's own key
//! where one was given, else under itself, so that an identical call finds the running job or the kept result.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tools::context::hex;

use crate::error::CoreError;
use crate::layout;
use crate::model::{JobId, JobInput, Owner};
use crate::ports::{BlobStore, Etag, Expect, StoreError};

/// What stands under a key in the store.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Binding {
    /// The job that the call became.
    pub job: JobId,
    /// The digest of the call, to tell another call under the same key.
    pub call: String,
}

/// The digest of a call.
pub fn call_digest(tool: &str, params: &Value, inputs: &[JobInput]) -> String {
    let mut text = String::new();
    canonical(params, &mut text);
    let mut hasher = Sha256::new();
    for part in [tool, &text] {
        hasher.update(part.len().to_le_bytes());
        hasher.update(part);
    }
    for input in inputs {
        for part in [&input.name, &input.key, &input.etag.0].into_iter().chain(&input.mount) {
            hasher.update(part.len().to_le_bytes());
            hasher.update(part);
        }
    }
    hex(&hasher.finalize())
}

/// The digest of a key that the caller chose. Never equal to a call's: its text begins otherwise.
pub fn chosen_digest(key: &str) -> String {
    hex(&Sha256::digest(format!("idempotency key {key}")))
}

/// JSON with its object keys in order, so that the order in which a client wrote them does not matter.
fn canonical(value: &Value, text: &mut String) {
    use std::fmt::Write as _;
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(name, _)| *name);
            text.push('{');
            for (name, value) in entries {
                write!(text, "{}:", Value::from(name.as_str())).expect("writing to a string cannot fail");
                canonical(value, text);
                text.push(',');
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for item in items {
                canonical(item, text);
                text.push(',');
            }
            text.push(']');
        }
        other => write!(text, "{other}").expect("writing to a string cannot fail"),
    }
}

/// What stands under `digest`, with its version. What cannot be read counts as absent and may be replaced.
///
/// # Errors
/// `Unavailable`.
pub async fn look_up(
    store: &dyn BlobStore,
    owner: &Owner,
    digest: &str,
) -> Result<(Option<Binding>, Expect), StoreError> {
    let Some(blob) = store.get(&layout::idempotency(owner, digest)).await? else { return Ok((None, Expect::Absent)) };
    Ok((serde_json::from_slice(&blob.value).ok(), Expect::Etag(blob.meta.etag)))
}

/// Puts `binding` under `digest`, in place of what `expect` says.
///
/// # Errors
/// `Conflict` when something else stands there by now; `Full`; `Unavailable`.
pub async fn bind(
    store: &dyn BlobStore,
    owner: &Owner,
    digest: &str,
    binding: &Binding,
    expect: Expect,
) -> Result<Etag, StoreError> {
    let bytes = serde_json::to_vec(binding).expect("a binding has only string keys");
    store.put(&layout::idempotency(owner, digest), Bytes::from(bytes), expect).await
}

/// Takes `digest` away if it still leads to `job`.
///
/// # Errors
/// `Store`.
pub async fn unbind(store: &dyn BlobStore, owner: &Owner, digest: &str, job: &JobId) -> Result<(), CoreError> {
    let (binding, _) = look_up(store, owner, digest).await?;
    if binding.is_some_and(|binding| binding.job == *job) {
        store.delete(&layout::idempotency(owner, digest)).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_order_of_parameters_does_not_matter() {
        let one = call_digest("t", &json!({"a": 1, "b": {"x": [1, 2], "y": null}}), &[]);
        let same = call_digest("t", &json!({"b": {"y": null, "x": [1, 2]}, "a": 1}), &[]);
        let other = call_digest("t", &json!({"a": 1, "b": {"x": [2, 1], "y": null}}), &[]);
        assert_eq!(one, same);
        assert_ne!(one, other);
        assert_ne!(one, call_digest("u", &json!({"a": 1, "b": {"x": [1, 2], "y": null}}), &[]));
    }
}
