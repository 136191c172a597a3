//! What an error of Azure means to the queue's caller: the outcome is unknown.

use actors::ports::{QueueError, QueueErrorKind};

use crate::azure::Fault;

pub(super) fn failed(about: &str, fault: &Fault) -> QueueError {
    QueueError { kind: QueueErrorKind::Unavailable, message: format!("{about}: {}", fault.words) }
}
