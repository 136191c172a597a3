//! What keeps a request from its answer.

use rmcp::ErrorData;

use crate::error::AppError;

/// Why a request is not answered.
#[derive(Clone, Debug)]
pub enum CallError {
    /// A failure as every front door knows it.
    App(AppError),
    /// An answer that the protocol itself spells out, code and data.
    Protocol(ErrorData),
}

impl<E: Into<AppError>> From<E> for CallError {
    fn from(error: E) -> Self {
        Self::App(error.into())
    }
}

impl From<CallError> for ErrorData {
    fn from(error: CallError) -> Self {
        match error {
            CallError::App(error) => error.into(),
            CallError::Protocol(error) => error,
        }
    }
}
