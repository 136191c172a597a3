//! What an Arrow IPC file says of its own batches, judged against its size before a reader believes it.
//!
//! A reader allocates what a few bytes declare: rows of a column without data, the unpacked length of a buffer.

use std::io::{Read, Seek, SeekFrom};

use ::arrow::ipc::{Block, FieldNode, Message, RecordBatch, root_as_footer, root_as_message};

use super::format::{self, Format};
use super::parquet::{is_plausible, promise};
use crate::{Cancel, Input, Limits, ToolError};

/// Stands before a message's length in all files written since 2019.
const CONTINUES: [u8; 4] = [0xff; 4];
/// The footer's length and the magic.
const TRAILER: u64 = 10;

/// # Errors
/// `BadInput` for a file whose messages lie outside it or declare more than it can hold, `TooLarge` for a batch that unpacks to
/// more than the job's memory.
pub(super) fn check(input: &Input, format: Format, limits: &Limits, cancel: &Cancel) -> Result<(), ToolError> {
    let file = format::open(input)?;
    let size = file.metadata().map_err(|error| ToolError::io(&format!("reading {}", input.path), &error))?.len();
    let mut messages = Messages { file, size, cells: 0, limits, cancel };
    let result = if format == Format::ArrowStream { messages.stream() } else { messages.file() };
    result.map_err(|fault| match fault {
        Fault::Damaged(why) => damaged(input, &why),
        Fault::Ours(error) => ToolError::new(error.kind, format!("{}: {}", input.path, error.message)),
    })
}

/// The error for a file of which a reader says `why`.
pub(super) fn damaged(input: &Input, why: &str) -> ToolError {
    ToolError::bad_input(format!("{} is cut short or damaged ({why}); write or upload it again", input.path))
}

enum Fault {
    Damaged(String),
    Ours(ToolError),
}

impl From<&str> for Fault {
    fn from(why: &str) -> Self {
        Self::Damaged(why.to_owned())
    }
}

impl From<std::io::Error> for Fault {
    fn from(_: std::io::Error) -> Self {
        Self::from("it ends too early")
    }
}

struct Messages<'a, F> {
    file: F,
    size: u64,
    /// Declared by all batches so far.
    cells: u64,
    limits: &'a Limits,
    cancel: &'a Cancel,
}

impl<F: Read + Seek> Messages<'_, F> {
    /// The messages that the footer lists.
    fn file(&mut self) -> Result<(), Fault> {
        let footer = self.footer()?;
        let footer = root_as_footer(&footer).map_err(|_| "its footer cannot be read")?;
        let blocks = footer.dictionaries().into_iter().chain(footer.recordBatches()).flatten();
        blocks.copied().collect::<Vec<_>>().iter().try_for_each(|block| self.block(block))
    }

    fn footer(&mut self) -> Result<Vec<u8>, Fault> {
        let end = self.size.checked_sub(TRAILER).ok_or("it ends too early")?;
        let trailer = self.read(end, TRAILER)?;
        let (length, magic) = trailer.split_at(4);
        if magic != b"ARROW1" {
            return Err("it does not end as an Arrow file does".into());
        }
        let length = u64::from(u32::from_le_bytes(length.try_into().expect("split at four")));
        self.read(end.checked_sub(length).ok_or("its footer lies outside the file")?, length)
    }

    fn block(&mut self, block: &Block) -> Result<(), Fault> {
        let number = |value: i64| u64::try_from(value).map_err(|_| "a batch lies outside the file");
        let (start, head) = (number(block.offset())?, number(block.metaDataLength().into())?);
        let message = self.read(start, head)?;
        let skipped = if message.starts_with(&CONTINUES) { 8 } else { 4 };
        let message = message.get(skipped..).ok_or("a batch has no head")?;
        self.message(message, start.saturating_add(head), Some(number(block.bodyLength())?)).map(drop)
    }

    /// One message after another.
    fn stream(&mut self) -> Result<(), Fault> {
        let mut at = 0;
        while at + 4 <= self.size {
            let mut length = self.read(at, 4)?;
            at += 4;
            if length == CONTINUES && at + 4 <= self.size {
                length = self.read(at, 4)?;
                at += 4;
            }
            let length = u64::from(u32::from_le_bytes(length.try_into().expect("four bytes were read")));
            if length == 0 {
                break;
            }
            let message = self.read(at, length)?;
            at = self.message(&message, at + length, None)?;
        }
        Ok(())
    }

    /// Judges the message whose body begins at `start`, and says where it ends.
    fn message(&mut self, bytes: &[u8], start: u64, body: Option<u64>) -> Result<u64, Fault> {
        self.cancel.check().map_err(Fault::Ours)?;
        let message: Message = root_as_message(bytes).map_err(|_| "a batch's head cannot be read")?;
        let own = u64::try_from(message.bodyLength()).map_err(|_| "a batch lies outside the file")?;
        let body = body.unwrap_or(own);
        let end = start.checked_add(body).filter(|end| *end <= self.size).ok_or("a batch lies outside the file")?;
        let data = message.header_as_dictionary_batch().and_then(|dictionary| dictionary.data());
        for batch in message.header_as_record_batch().into_iter().chain(data) {
            self.batch(batch, start, body)?;
        }
        Ok(end)
    }

    fn batch(&mut self, batch: RecordBatch, start: u64, body: u64) -> Result<(), Fault> {
        let lengths = batch.nodes().into_iter().flatten().map(FieldNode::length);
        for length in lengths.chain([batch.length()]) {
            let length = u64::try_from(length).map_err(|_| "a column has fewer than no rows")?;
            self.cells = self.cells.saturating_add(length);
        }
        let mut unpacked = body;
        let packed = batch.compression().is_some();
        for buffer in batch.buffers().into_iter().flatten() {
            let number = |value: i64| u64::try_from(value).map_err(|_| "a buffer lies outside its batch");
            let (at, length) = (number(buffer.offset())?, number(buffer.length())?);
            if at.checked_add(length).is_none_or(|end| end > body) {
                return Err("a buffer lies outside its batch".into());
            }
            if packed && length >= 8 {
                unpacked = unpacked.saturating_add(self.unpacked(start + at)?);
            }
        }
        if packed && unpacked > self.limits.engine_memory_bytes() {
            let most = self.limits.engine_memory_bytes();
            let message =
                format!("a batch unpacks to {unpacked} bytes, at most {most} are allowed; write smaller batches");
            return Err(Fault::Ours(ToolError::too_large(message)));
        }
        if is_plausible(self.cells, self.size) { Ok(()) } else { Err(Fault::Damaged(promise(self.cells, self.size))) }
    }

    /// The unpacked length that stands before a packed buffer; -1 where it is not packed after all.
    fn unpacked(&mut self, at: u64) -> Result<u64, Fault> {
        let length = i64::from_le_bytes(self.read(at, 8)?.try_into().expect("eight bytes were read"));
        Ok(u64::try_from(length).unwrap_or(0))
    }

    fn read(&mut self, at: u64, length: u64) -> Result<Vec<u8>, Fault> {
        if at.checked_add(length).is_none_or(|end| end > self.size) {
            return Err("a batch lies outside the file".into());
        }
        self.file.seek(SeekFrom::Start(at))?;
        let mut bytes = Vec::new();
        (&mut self.file).take(length).read_to_end(&mut bytes)?;
        if bytes.len() as u64 == length { Ok(bytes) } else { Err("it ends too early".into()) }
    }
}
