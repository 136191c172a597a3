//! Pictures: one tool that takes a batch through a list of operations, one file per operation.
//!
//! | to find | look in |
//! |---|---|
//! | the tool and its parameters | [`process`] |
//! | many pictures at once: workers, progress, failures | [`batch`] |
//! | one operation | [`ops`], a file each |
//! | files to pixels and back | [`decode`], [`encode`], [`mod@format`] |
//! | what the results are called | [`names`] |

mod batch;
mod decode;
mod encode;
mod format;
mod jpeg;
mod names;
mod ops;
mod picture;
mod process;
mod summary;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use format::Format;
pub use ops::{Background, Blur, Crop, Fit, Flip, FlipAxis, Grayscale, Operation, Resize, Rotate};
pub use process::{Params, Process};
pub use summary::{Details, Failure};
