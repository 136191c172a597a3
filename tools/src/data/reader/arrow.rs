//! Arrow IPC files and streams, turned into Parquet in scratch: neither engine here reads all their types as they stand.

use std::fs::File;
use std::io::{BufReader, Seek};
use std::path::Path;

use ::arrow::datatypes::SchemaRef;
use ::arrow::error::ArrowError;
use ::arrow::ipc::reader::{FileReader, StreamReader};
use ::arrow::record_batch::RecordBatch;
use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::Compression;
use ::parquet::file::properties::WriterProperties;

use super::Means;
use super::format::{self, Format};
use crate::{Input, ToolError};

/// Writes the table of `input` to `copy` as Parquet.
///
/// # Errors
/// `BadInput` for a file that is cut short or damaged.
pub(super) fn to_parquet(input: &Input, format: Format, copy: &Path, means: Means) -> Result<(), ToolError> {
    let mut file = BufReader::new(format::open(input)?);
    let damaged = |error: &ArrowError| damaged(input, error);
    if format == Format::ArrowStream {
        let batches = StreamReader::try_new(file, None).map_err(|error| damaged(&error))?;
        return write(input, batches.schema(), batches, copy, means);
    }
    file.rewind().map_err(|error| ToolError::io(&format!("reading {}", input.path), &error))?;
    let batches = FileReader::try_new(file, None).map_err(|error| damaged(&error))?;
    write(input, batches.schema(), batches, copy, means)
}

fn damaged(input: &Input, error: &ArrowError) -> ToolError {
    let why = error.to_string();
    let why = why.lines().next().unwrap_or("unreadable");
    ToolError::bad_input(format!("{} is cut short or damaged ({why}); write or upload it again", input.path))
}

fn write(
    input: &Input,
    schema: SchemaRef,
    batches: impl Iterator<Item = Result<RecordBatch, ArrowError>>,
    copy: &Path,
    means: Means,
) -> Result<(), ToolError> {
    let what = format!("converting {}", input.path);
    let out = File::create(copy).map_err(|error| ToolError::io(&what, &error))?;
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let unsupported = |error: ::parquet::errors::ParquetError| {
        ToolError::unsupported(format!("{} has a column that Parquet cannot hold: {error}", input.path))
    };
    let mut writer = ArrowWriter::try_new(out, schema, Some(properties)).map_err(unsupported)?;
    let mut rows = 0;
    for batch in batches {
        means.cancel.check()?;
        if rows >= means.rows {
            break;
        }
        let batch = batch.map_err(|error| damaged(input, &error))?;
        rows += batch.num_rows();
        writer.write(&batch).map_err(|error| writing(&what, &error))?;
        if writer.in_progress_size() as u64 > means.limits.memory_bytes / 8 {
            writer.flush().map_err(|error| writing(&what, &error))?;
        }
    }
    writer.close().map_err(|error| writing(&what, &error))?;
    Ok(())
}

fn writing(what: &str, error: &::parquet::errors::ParquetError) -> ToolError {
    if let ::parquet::errors::ParquetError::NYI(why) = error {
        return ToolError::unsupported(format!("{what} failed on a type that is not offered ({why}); cast it to text"));
    }
    if let ::parquet::errors::ParquetError::External(cause) = error
        && let Some(cause) = cause.downcast_ref::<std::io::Error>()
    {
        return ToolError::io(what, cause);
    }
    ToolError::internal(format!("{what} failed: {error}"))
}
