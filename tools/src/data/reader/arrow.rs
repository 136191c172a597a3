//! Arrow IPC files and streams, turned into Parquet in scratch: neither engine here reads all their types as they stand.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use ::arrow::datatypes::SchemaRef;
use ::arrow::error::ArrowError;
use ::arrow::ipc::reader::{FileReader, StreamReader};
use ::arrow::record_batch::RecordBatch;
use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::Compression;
use ::parquet::file::properties::WriterProperties;

use super::castings::Castings;
use super::format::Format;
use super::ipc::damaged;
use super::meter::Meter;
use super::{Means, ipc};
use crate::guard::guarded;
use crate::{Input, ToolError};

/// Writes the table of `input` to `copy` as Parquet, and says what became of types that SQL does not know.
///
/// # Errors
/// `BadInput` for a file that is cut short or damaged.
pub(super) fn to_parquet(input: &Input, format: Format, copy: &Path, means: Means) -> Result<Vec<String>, ToolError> {
    let upset = || damaged(input, "its bytes upset the reader");
    guarded(upset, || {
        ipc::check(input, format, means.limits, means.cancel())?;
        let mut file = BufReader::new(Meter::open(input, means)?);
        if format == Format::ArrowStream {
            return stream(file, input, copy, means);
        }
        file.rewind().map_err(|error| ToolError::io(&format!("reading {}", input.path), &error))?;
        let batches = FileReader::try_new(file, None).map_err(|error| unreadable(input, &error))?;
        write(input, &batches.schema(), batches, copy, means)
    })
}

fn stream(file: impl Read, input: &Input, copy: &Path, means: Means) -> Result<Vec<String>, ToolError> {
    let batches = StreamReader::try_new(file, None).map_err(|error| unreadable(input, &error))?;
    write(input, &batches.schema(), batches, copy, means)
}

fn unreadable(input: &Input, error: &ArrowError) -> ToolError {
    damaged(input, error.to_string().lines().next().unwrap_or("unreadable"))
}

fn write(
    input: &Input,
    schema: &SchemaRef,
    batches: impl Iterator<Item = Result<RecordBatch, ArrowError>>,
    copy: &Path,
    means: Means,
) -> Result<Vec<String>, ToolError> {
    let what = format!("converting {}", input.path);
    let castings = Castings::of(schema);
    let mut writer = writer(input, &castings, copy, &what)?;
    let mut rows = 0;
    for batch in batches {
        means.cancel().check()?;
        if rows >= means.rows {
            break;
        }
        let batch = batch.and_then(|batch| castings.apply(batch)).map_err(|error| unreadable(input, &error))?;
        rows += batch.num_rows();
        writer.write(&batch).map_err(|error| writing(&what, &error))?;
        if writer.in_progress_size() as u64 > means.limits.engine_memory_bytes() / 8 {
            writer.flush().map_err(|error| writing(&what, &error))?;
        }
    }
    writer.close().map_err(|error| writing(&what, &error))?;
    Ok(castings.notes(input.path.as_str()))
}

fn writer(input: &Input, castings: &Castings, copy: &Path, what: &str) -> Result<ArrowWriter<File>, ToolError> {
    let out = File::create(copy).map_err(|error| ToolError::io(what, &error))?;
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    ArrowWriter::try_new(out, castings.schema(), Some(properties)).map_err(|error| {
        ToolError::unsupported(format!("{} has a column that Parquet cannot hold: {error}", input.path))
    })
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
