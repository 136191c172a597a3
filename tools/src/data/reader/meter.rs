//! A file that tells how much of it has been read, while it is converted.

use std::fs::File;
use std::io::{Read, Result, Seek, SeekFrom};

use super::{Means, format};
use crate::{Input, ToolError};

/// Told at most once in so many bytes.
const STEP: u64 = 1 << 20;

/// An input's local file.
pub(super) struct Meter<'a> {
    file: File,
    message: String,
    bytes: u64,
    read: u64,
    told: u64,
    means: Means<'a>,
}

impl<'a> Meter<'a> {
    /// # Errors
    /// `Internal` when the file cannot be opened.
    pub(super) fn open(input: &Input, means: Means<'a>) -> std::result::Result<Self, ToolError> {
        let file = format::open(input)?;
        Ok(Self {
            file,
            message: format!("converting {}", input.path),
            bytes: input.bytes.max(1),
            read: 0,
            told: 0,
            means,
        })
    }
}

impl Read for Meter<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let read = self.file.read(buffer)?;
        self.read += read as u64;
        if self.read >= self.told + STEP {
            self.told = self.read;
            self.means.say(self.read as f64 / self.bytes as f64, &self.message);
        }
        Ok(read)
    }
}

impl Seek for Meter<'_> {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        self.file.seek(to)
    }
}
