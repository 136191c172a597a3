//! What an error of Azure Storage means, in the terms of its callers, and in words that carry no address and no secret.
//!
//! Codes as in "Common REST API error codes", "Blob service error codes" and "Queue service error codes". The SDK's own
//! texts are not passed on: they may hold the request's address with its signature.

use azure_core::error::{Error, ErrorKind};

/// What the caller is to make of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The condition of the request did not hold.
    Conflict,
    /// The blob or message is not there.
    Absent,
    /// The container or queue is not there.
    NoPlace,
    /// The range begins beyond the end.
    BeyondEnd,
    /// The receipt is not the message's latest.
    OldReceipt,
    /// Blocks that were sent are gone: another write of the same blob came in between.
    BlocksLost,
    /// Azure does not take this name.
    BadName,
    /// We may not.
    Forbidden,
    /// Anything else: no answer, a broken one, or one that was not foreseen.
    Unknown,
}

/// An error of the SDK, understood.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) meaning: Meaning,
    /// For people: lowercase, with the remedy where there is one.
    pub(crate) words: String,
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::HttpResponse { status, error_code, .. } => {
                // Without a code of the service the SDK puts the status' name there.
                let code = error_code.as_deref().unwrap_or_default();
                Self::answered(u16::from(*status), code)
            }
            ErrorKind::Credential => Self::new(
                Meaning::Forbidden,
                "no token for Azure could be had; check --azure-credential, --azure-client-id and the identity itself",
            ),
            ErrorKind::Connection => {
                Self::new(Meaning::Unknown, format!("Azure Storage cannot be reached ({})", innermost(&error)))
            }
            ErrorKind::Io => {
                Self::new(Meaning::Unknown, format!("Azure Storage did not answer ({})", innermost(&error)))
            }
            _ => Self::new(Meaning::Unknown, "Azure Storage's answer was not understood"),
        }
    }
}

impl Fault {
    pub(crate) fn new(meaning: Meaning, words: impl Into<String>) -> Self {
        Self { meaning, words: words.into() }
    }

    fn answered(status: u16, code: &str) -> Self {
        let meaning = meaning(status, code);
        let words = match meaning {
            Meaning::Conflict => "someone else wrote it before; read it again".to_owned(),
            Meaning::Absent => "there is no such blob".to_owned(),
            Meaning::NoPlace => "the container or queue does not exist; make it, or start the server again".to_owned(),
            Meaning::BadName => "Azure Storage does not take this name; choose a shorter or plainer one".to_owned(),
            Meaning::Forbidden => format!(
                "Azure Storage refused access ({status} {code}); renew the signature in the address, or give the identity \
                 the role Storage Blob Data Contributor or Storage Queue Data Contributor"
            ),
            Meaning::BlocksLost => "someone else wrote it at the same time; write it again".to_owned(),
            Meaning::BeyondEnd | Meaning::OldReceipt | Meaning::Unknown => {
                format!("Azure Storage answered {status} {code}")
            }
        };
        Self { meaning, words }
    }
}

fn meaning(status: u16, code: &str) -> Meaning {
    match (status, code) {
        (_, "ContainerNotFound" | "QueueNotFound" | "ContainerBeingDeleted" | "QueueBeingDeleted") => Meaning::NoPlace,
        (412, _) | (_, "BlobAlreadyExists") => Meaning::Conflict,
        (416, _) => Meaning::BeyondEnd,
        (_, "PopReceiptMismatch") => Meaning::OldReceipt,
        (_, "InvalidBlockList") => Meaning::BlocksLost,
        (404, _) => Meaning::Absent,
        (401 | 403, _) => Meaning::Forbidden,
        (400, "InvalidResourceName" | "InvalidUri" | "OutOfRangeInput") => Meaning::BadName,
        _ => Meaning::Unknown,
    }
}

/// The last link of the chain of causes: what the connection or the disk said. Those above it may name the address.
pub(super) fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    if last.is::<reqwest::Error>() { "the connection broke".to_owned() } else { last.to_string().to_lowercase() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_understood() {
        for (status, code, meant) in [
            (412, "ConditionNotMet", Meaning::Conflict),
            (409, "BlobAlreadyExists", Meaning::Conflict),
            (409, "ContainerBeingDeleted", Meaning::NoPlace),
            (409, "SnapshotsPresent", Meaning::Unknown),
            (404, "BlobNotFound", Meaning::Absent),
            (404, "ContainerNotFound", Meaning::NoPlace),
            (404, "404", Meaning::Absent),
            (403, "AuthorizationPermissionMismatch", Meaning::Forbidden),
            (400, "PopReceiptMismatch", Meaning::OldReceipt),
            (400, "InvalidBlockList", Meaning::BlocksLost),
            (503, "ServerBusy", Meaning::Unknown),
        ] {
            assert_eq!(meaning(status, code), meant, "{status} {code}");
        }
    }

    #[test]
    fn words_name_the_remedy() {
        let refused = Fault::answered(403, "AuthenticationFailed").words;
        assert!(refused.contains("renew the signature") && refused.contains("Contributor"), "{refused}");
    }
}
