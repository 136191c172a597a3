//! What a message says on the service: `{"job": …, "owner": …}`, as text.

use actors::model::{JobId, Owner};
use actors::ports::Message;
use azure_core::http::{RequestContent, XmlFormat};
use azure_storage_queue::models::QueueMessage;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Text {
    job: JobId,
    owner: Owner,
}

pub(super) fn write(message: &Message) -> azure_core::Result<RequestContent<QueueMessage, XmlFormat>> {
    let text = Text { job: message.job.clone(), owner: message.owner.clone() };
    QueueMessage { message_text: Some(serde_json::to_string(&text)?) }.try_into()
}

/// What `text` says, if it is one of ours.
pub(super) fn read(text: &str) -> Option<Message> {
    let Text { job, owner } = serde_json::from_str(text).ok()?;
    Some(Message { job, owner })
}

#[test]
fn only_a_message_is_one() {
    let job = JobId::random();
    let text = format!(r#"{{"job":"{job}","owner":"ada","later":1}}"#);
    assert_eq!(read(&text).map(|message| message.job), Some(job));
    for text in ["", "hello", "{}", r#"{"job":"../x","owner":"ada"}"#] {
        assert!(read(text).is_none(), "{text}");
    }
}
