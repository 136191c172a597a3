//! A record as bytes: a line with schema version and checksum, then the record. What does not check out is refused, never
//! guessed at.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tools::context::hex;

/// The version that this build writes, and the only one that it reads.
const SCHEMA: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Seal {
    schema: u32,
    /// Of the record's bytes, in lower-case hex.
    sha256: String,
}

#[derive(Deserialize)]
struct Version {
    schema: u32,
}

/// The bytes of `record`.
pub(crate) fn seal<T: Serialize>(record: &T) -> Bytes {
    let body = serde_json::to_vec(record).expect("a record has only string keys");
    let seal = Seal { schema: SCHEMA, sha256: checksum(&body) };
    let mut bytes = serde_json::to_vec(&seal).expect("a seal has only string keys");
    bytes.push(b'\n');
    bytes.extend_from_slice(&body);
    Bytes::from(bytes)
}

/// The record in `bytes`, or why there is none.
pub(crate) fn open<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let damaged = || "it is damaged".to_owned();
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or_else(damaged)?;
    let (head, body) = (&bytes[..end], &bytes[end + 1..]);
    let version: Version = serde_json::from_slice(head).map_err(|_| damaged())?;
    if version.schema != SCHEMA {
        return Err(format!("it has schema {}, this server reads {SCHEMA}", version.schema));
    }
    let seal: Seal = serde_json::from_slice(head).map_err(|_| damaged())?;
    if checksum(body) != seal.sha256 {
        return Err("its checksum is wrong".to_owned());
    }
    serde_json::from_slice(body).map_err(|error| format!("a field is wrong: {error}"))
}

fn checksum(body: &[u8]) -> String {
    hex(&Sha256::digest(body))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use time::OffsetDateTime;
    use tools::Progress;

    use super::*;
    use crate::model::JobRecord;
    use crate::model::{JobId, JobState, Owner};

    fn record() -> JobRecord {
        JobRecord {
            id: JobId::random(),
            owner: Owner::local(),
            tool: "test".to_owned(),
            params: serde_json::json!({"x": 0.1, "text": "a\nb"}),
            inputs: Vec::new(),
            state: JobState::Queued,
            attempt: 0,
            lost: 0,
            lease: None,
            progress: Progress::of(0.3, 0.7, "phase"),
            outcome: None,
            key: None,
            trace: None,
            submitted_at: OffsetDateTime::UNIX_EPOCH,
            started_at: None,
            finished_at: None,
        }
    }

    #[test]
    fn a_record_comes_back_as_it_was() {
        let record = record();
        assert_eq!(open::<JobRecord>(&seal(&record)).expect("whole"), record);
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let sealed = seal(&record());
        for at in 0..sealed.len() {
            let mut changed = sealed.to_vec();
            changed[at] ^= 1;
            assert!(open::<JobRecord>(&changed).is_err(), "byte {at}");
        }
        assert!(open::<JobRecord>(&sealed[..sealed.len() - 1]).is_err());
    }

    #[test]
    fn a_later_version_is_refused_by_name() {
        let head = serde_json::json!({"schema": 2, "sealed_by": "someone"}).to_string();
        let later = format!("{head}\n{}", Value::Null);
        assert_eq!(open::<JobRecord>(later.as_bytes()).expect_err("refused"), "it has schema 2, this server reads 1");
    }
}
