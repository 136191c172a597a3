//! A record as bytes: a line with schema version and checksum, then the record. What does not check out is refused, never
//! guessed at.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tools::context::hex;

use crate::model::JobRecord;

/// The version of most records.
const PLAIN: u32 = 1;
/// The version of a job's record that asked something, which an earlier build would run without the answers.
const ASKING: u32 = 2;

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
    seal_as(PLAIN, record)
}

/// The bytes of a job's record.
pub(super) fn seal_job(record: &JobRecord) -> Bytes {
    seal_as(if record.asks.is_empty() { PLAIN } else { ASKING }, record)
}

fn seal_as<T: Serialize>(schema: u32, record: &T) -> Bytes {
    let body = serde_json::to_vec(record).expect("a record has only string keys");
    let seal = Seal { schema, sha256: checksum(&body) };
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
    if !(PLAIN..=ASKING).contains(&version.schema) {
        return Err(format!("it has schema {}, this server reads {PLAIN} to {ASKING}", version.schema));
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
    use tools::{Answer, Answers, Progress, Question, Questions};

    use super::*;
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
            asks: Questions::new(),
            answers: Answers::new(),
            outcome: None,
            key: None,
            trace: None,
            submitted_at: OffsetDateTime::UNIX_EPOCH,
            started_at: None,
            finished_at: None,
            changed_at: None,
        }
    }

    #[test]
    fn a_record_comes_back_as_it_was() {
        let record = record();
        assert_eq!(open::<JobRecord>(&seal(&record)).expect("whole"), record);
    }

    #[test]
    fn a_record_that_asked_is_kept_from_builds_that_do_not_ask() {
        let mut record = record();
        let question = Question { message: "sure?".to_owned(), schema: Value::Null };
        record.asks.insert("sure".to_owned(), question);
        record.answers.insert("sure".to_owned(), Answer::Given(serde_json::json!({"sure": true})));
        record.state = JobState::InputRequired;
        record.changed_at = Some(OffsetDateTime::UNIX_EPOCH);
        let sealed = seal_job(&record);
        assert!(sealed.starts_with(b"{\"schema\":2,"), "{sealed:?}");
        assert_eq!(open::<JobRecord>(&sealed).expect("whole"), record);
    }

    #[test]
    fn a_record_of_the_first_version_is_read() {
        let mut fields = serde_json::to_value(record()).expect("JSON");
        let fields = fields.as_object_mut().expect("an object");
        for later in ["asks", "answers", "changed_at"] {
            assert!(fields.remove(later).is_none(), "{later} is left out where it says nothing");
        }
        assert!(seal_job(&record()).starts_with(b"{\"schema\":1,"));
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
        let head = serde_json::json!({"schema": 3, "sealed_by": "someone"}).to_string();
        let later = format!("{head}\n{}", Value::Null);
        assert_eq!(
            open::<JobRecord>(later.as_bytes()).expect_err("refused"),
            "it has schema 3, this server reads 1 to 2"
        );
    }
}
