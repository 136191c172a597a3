//! A Parquet file's footer, judged against its size before any engine sees the file.
//!
//! A footer is a few bytes that an engine believes: a small file that declares a huge number of rows can make one abort.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use super::format;
use crate::guard::guarded;
use crate::{Input, ToolError};

const MAGIC: &[u8] = b"PAR1";
/// The magic at both ends and the footer's length.
const LEAST_BYTES: u64 = 12;
/// Cells up to this many are harmless whatever the file's size.
const HARMLESS_CELLS: u64 = 50_000_000;
/// Cells a byte of file may stand for: far more than run-length encoding of one value gives in files that engines write.
const CELLS_PER_BYTE: u64 = 4096;

/// # Errors
/// `BadInput` for a file that is cut short, damaged, or declares what it cannot hold.
pub(super) fn check(input: &Input) -> Result<(), ToolError> {
    let name = input.path.as_str();
    let mut file = format::open(input)?;
    let size = file.metadata().map_err(|error| ToolError::io(&format!("reading {name}"), &error))?.len();
    if size < LEAST_BYTES || !ends_well(&mut file) {
        return Err(cut_short(name));
    }
    let unreadable =
        || ToolError::bad_input(format!("{name} is damaged: its footer cannot be read; write or upload it again"));
    let parsed = guarded(unreadable, || Ok(ParquetMetaDataReader::new().parse_and_finish(&file)))?;
    let metadata = parsed.map_err(|_| unreadable())?;
    judge(&metadata, size)
        .map_err(|why| ToolError::bad_input(format!("{name} is damaged: {why}; write or upload it again")))
}

fn cut_short(name: &str) -> ToolError {
    ToolError::bad_input(format!("{name} is cut short: it does not end as a Parquet file does; upload it again"))
}

fn ends_well(file: &mut (impl Read + Seek)) -> bool {
    let mut end = [0; 4];
    file.seek(SeekFrom::End(-4)).is_ok() && file.read_exact(&mut end).is_ok() && end == MAGIC
}

fn judge(metadata: &ParquetMetaData, size: u64) -> Result<(), String> {
    let declared = u64::try_from(metadata.file_metadata().num_rows()).map_err(|_| "it declares fewer than no rows")?;
    let mut rows = 0_u64;
    for group in metadata.row_groups() {
        let group_rows = u64::try_from(group.num_rows()).map_err(|_| "a row group has fewer than no rows")?;
        rows = rows.saturating_add(group_rows);
        for column in group.columns() {
            check_chunk(column, size)?;
        }
    }
    if rows != declared {
        return Err(format!("it declares {declared} rows and its row groups hold {rows}"));
    }
    let columns = metadata.file_metadata().schema_descr().num_columns() as u64;
    let cells = declared.saturating_mul(columns.max(1));
    if !is_plausible(cells, size) {
        return Err(format!("it declares {declared} rows of {columns} columns in {size} bytes"));
    }
    Ok(())
}

/// Whether a file of `size` bytes may hold so many cells.
pub(super) fn is_plausible(cells: u64, size: u64) -> bool {
    cells <= HARMLESS_CELLS || cells / size.max(1) <= CELLS_PER_BYTE
}

/// What is wrong with a file that [`is_plausible`] denies.
pub(super) fn promise(cells: u64, size: u64) -> String {
    format!("it declares {cells} values in {size} bytes")
}

/// The columns' names as the file `local`, which passed [`check`], spells them.
pub(super) fn names(local: &Path) -> Option<Vec<String>> {
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&File::open(local).ok()?).ok()?;
    let fields = metadata.file_metadata().schema_descr().root_schema().get_fields().iter();
    Some(fields.map(|field| field.name().to_owned()).collect())
}

fn check_chunk(column: &parquet::file::metadata::ColumnChunkMetaData, size: u64) -> Result<(), String> {
    let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset()).min(column.data_page_offset());
    let end = start.checked_add(column.compressed_size());
    let inside =
        start >= 0 && column.compressed_size() >= 0 && column.uncompressed_size() >= 0 && column.num_values() >= 0;
    let within = end.and_then(|end| u64::try_from(end).ok()).is_some_and(|end| end <= size);
    if inside && within {
        return Ok(());
    }
    Err(format!("column {} lies outside the file", column.column_path().string()))
}
