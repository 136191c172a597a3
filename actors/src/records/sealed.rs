//! A record as bytes: schema version, checksum, record. What does not check out is refused, never guessed at.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use tools::context::hex;

use crate::model::JobRecord;

/// The version that this build writes, and the only one that it reads.
const SCHEMA: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Sealed<'a> {
    schema: u32,
    sha256: String,
    #[serde(borrow)]
    record: &'a RawValue,
}

#[derive(Deserialize)]
struct Version {
    schema: u32,
}

/// The bytes of `record`.
pub(super) fn seal(record: &JobRecord) -> Bytes {
    let text = serde_json::value::to_raw_value(record).expect("a record has only string keys");
    let sealed = Sealed { schema: SCHEMA, sha256: checksum(&text), record: &text };
    Bytes::from(serde_json::to_vec(&sealed).expect("a sealed record has only string keys"))
}

/// The record in `bytes`, or why there is none.
pub(super) fn open(bytes: &[u8]) -> Result<JobRecord, String> {
    let version: Version = serde_json::from_slice(bytes).map_err(|_| "it is damaged".to_owned())?;
    if version.schema != SCHEMA {
        return Err(format!("it has schema {}, this server reads {SCHEMA}", version.schema));
    }
    let sealed: Sealed = serde_json::from_slice(bytes).map_err(|_| "it is damaged".to_owned())?;
    if checksum(sealed.record) != sealed.sha256 {
        return Err("its checksum is wrong".to_owned());
    }
    serde_json::from_str(sealed.record.get()).map_err(|error| format!("a field is wrong: {error}"))
}

fn checksum(text: &RawValue) -> String {
    hex(&Sha256::digest(text.get().as_bytes()))
}
