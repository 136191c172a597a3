//! What one job may use. Checked before anything is decoded or allocated.

use serde::{Deserialize, Serialize};

use crate::ToolError;

/// The bounds of one job; set by the server, never by the caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Memory that the job may use in all, in bytes.
    pub memory_bytes: u64,
    /// Processor time that the job may use, in seconds over all its threads; `None` for as much as it takes.
    pub cpu_seconds: Option<u64>,
    /// Files that the job may hold open at once.
    pub max_open_files: u64,
    /// Threads an engine may use.
    pub threads: usize,
    /// Bytes of one input file.
    pub max_input_bytes: u64,
    /// Bytes of scratch and output files together.
    pub max_output_bytes: u64,
    /// Pixels of one picture (width × height), by its header.
    pub max_pixels: u64,
    /// Pixels of one side of a picture.
    pub max_side: u32,
    /// Files in one call.
    pub max_files: usize,
    /// Characters of one SQL text.
    pub max_sql_chars: usize,
    /// Rows that a preview may hold at most, whatever the caller asks for.
    pub max_preview_rows: usize,
    /// Characters of one previewed cell.
    pub max_cell_chars: usize,
    /// Characters of a whole preview.
    pub max_preview_chars: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 1 << 30,
            cpu_seconds: None,
            max_open_files: 4096,
            threads: 2,
            max_input_bytes: 64 << 30,
            max_output_bytes: 64 << 30,
            max_pixels: 268_435_456,
            max_side: 32_768,
            max_files: 10_000,
            max_sql_chars: 100_000,
            max_preview_rows: 1_000,
            max_cell_chars: 200,
            max_preview_chars: 40_000,
        }
    }
}

impl Limits {
    /// Memory that an engine may use before it spills to disk, in bytes: what is left goes to what an engine does not count.
    #[must_use]
    pub fn engine_memory_bytes(&self) -> u64 {
        self.memory_bytes / 4 * 3
    }

    /// # Errors
    /// `TooLarge` when a picture of `width` × `height` pixels, as its header says, is over the limits.
    pub fn check_picture(&self, name: &str, width: u32, height: u32) -> Result<(), ToolError> {
        let pixels = u64::from(width) * u64::from(height);
        if width <= self.max_side && height <= self.max_side && pixels <= self.max_pixels {
            return Ok(());
        }
        Err(ToolError::too_large(format!(
            "{name} is {width} × {height} pixels; at most {} pixels and {} on a side are allowed",
            self.max_pixels, self.max_side
        )))
    }

    /// # Errors
    /// `TooLarge` when an input file has more than `max_input_bytes`.
    pub fn check_input(&self, name: &str, bytes: u64) -> Result<(), ToolError> {
        if bytes <= self.max_input_bytes {
            return Ok(());
        }
        Err(ToolError::too_large(format!("{name} has {bytes} bytes; at most {} are allowed", self.max_input_bytes)))
    }
}

#[test]
fn a_picture_is_judged_by_its_header() {
    let limits = Limits::default();
    assert!(limits.check_picture("a.png", 6000, 4000).is_ok());
    let error = limits.check_picture("a.png", 100_000, 100_000).expect_err("too large");
    assert!(error.message.contains("a.png is 100000 × 100000"), "{error}");
}
