//! A wall around the reading of hostile bytes: a panic in a codec or a reader fails that file, not the batch and not the server.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::ToolError;

/// What `work` gives, or `panicked` if it panics.
///
/// # Errors
/// Those of `work`, and `panicked`.
pub(crate) fn guarded<T>(
    panicked: impl FnOnce() -> ToolError,
    work: impl FnOnce() -> Result<T, ToolError>,
) -> Result<T, ToolError> {
    // Sound to go on: all that one file's work changes is its own and is dropped with it.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(panicked()))
}

#[test]
fn a_panic_becomes_an_error() {
    let error = guarded::<()>(|| ToolError::bad_input("upset"), || panic!("as a codec might")).expect_err("panicked");
    assert_eq!(error.message, "upset");
    assert_eq!(guarded(|| ToolError::bad_input("upset"), || Ok(1)), Ok(1));
}
