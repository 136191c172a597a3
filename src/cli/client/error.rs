//! What can go wrong between a client and a server, sorted by what the user should do.

/// A failed request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The server did not answer, or its answer broke off: try again.
    #[error("{0}")]
    Unreachable(String),
    /// The server answered with an error.
    #[error("{message}")]
    Refused {
        /// The kind in the server's table, where it says.
        kind: Option<String>,
        /// What it says.
        message: String,
    },
    /// The request was cancelled before a job was known.
    #[error("cancelled")]
    Cancelled,
    /// What was asked for cannot be sent.
    #[error("{0}")]
    Usage(String),
    /// Something on this machine: a file that cannot be read or written.
    #[error("{0}")]
    Local(String),
}

impl ClientError {
    /// An answer that no server of ours gives.
    pub(super) fn strange(what: impl std::fmt::Display) -> Self {
        Self::Refused { kind: None, message: format!("the answer is not one of a Heavylift server: {what}") }
    }

    /// An I/O error on this machine while doing `what`.
    pub(super) fn io(what: &str, error: &std::io::Error) -> Self {
        Self::Local(format!("{what}: {error}"))
    }

    /// A request that HTTP could not carry.
    pub(super) fn http(error: &reqwest::Error) -> Self {
        if error.is_builder() {
            return Self::Usage(root(error));
        }
        if is_about_json(error) {
            return Self::strange(root(error));
        }
        let host = error.url().and_then(|url| Some((url.host_str()?.to_owned(), url.port_or_known_default()?)));
        let place = host.map_or_else(|| "the server".to_owned(), |(host, port)| format!("{host}:{port}"));
        if error.is_connect() {
            return Self::Unreachable(format!("could not reach {place}: {}; is the server running?", root(error)));
        }
        Self::Unreachable(format!("the connection to {place} broke off: {}", root(error)))
    }

    /// Whether the same request may succeed when it is sent again.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable(_))
    }
}

impl From<reqwest::Error> for ClientError {
    fn from(error: reqwest::Error) -> Self {
        Self::http(&error)
    }
}

/// Whether the answer came whole and makes no sense; one that broke off is a "decode" error to reqwest as well.
fn is_about_json(error: &reqwest::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(current) = cause {
        if current.is::<serde_json::Error>() {
            return true;
        }
        cause = current.source();
    }
    false
}

/// The innermost cause, which names what happened ("connection refused").
fn root(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
