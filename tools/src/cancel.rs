//! The word "stop", said once from outside and heard by a running tool.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::ToolError;

/// A flag that starts down and goes up once. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Raises the flag. Calling it twice does no more than once.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether the flag is up.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// # Errors
    /// `Cancelled` once the flag is up.
    pub fn check(&self) -> Result<(), ToolError> {
        if self.is_cancelled() { Err(ToolError::cancelled()) } else { Ok(()) }
    }
}
