//! Files that lie about themselves or whose bytes were turned: each is named, and nothing else is harmed.

use std::fs;
use std::sync::Arc;

use ::arrow::array::{ArrayRef, Int64Array, NullArray, StringArray};
use ::arrow::datatypes::{DataType, Field, Schema};
use ::arrow::ipc::CompressionType;
use ::arrow::ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use ::arrow::record_batch::RecordBatch;
use ::parquet::arrow::ArrowWriter;
use serde_json::json;

use super::{bad, put_arrow};
use crate::data::duck::{Phase, Watch};
use crate::data::reader::format::Format;
use crate::data::reader::{Means, arrow};
use crate::data::samples::Workspace;
use crate::{Context, Input, ToolError, ToolErrorKind};

/// A Parquet file whose one column is text that snappy packs, with `bytes` of its first page turned.
fn put_damaged(workspace: &Workspace, path: &str, bytes: std::ops::Range<usize>) {
    let select = "SELECT 'row ' || (range * 7919 % 5000) || ' of a table' AS t FROM range(5000)";
    let whole = workspace.put_copy("whole.parquet", select, "FORMAT parquet, COMPRESSION snappy");
    let mut turned = fs::read(&whole.local).expect("read");
    turned[bytes].iter_mut().for_each(|byte| *byte ^= 0xa5);
    workspace.put(path, turned);
}

#[test]
fn damaged_pages_are_the_files_fault_in_both_engines() {
    let workspace = Workspace::new();
    for (path, bytes) in [("a.parquet", 60..90), ("b.parquet", 400..600), ("c.parquet", 5..30)] {
        put_damaged(&workspace, path, bytes);
        let queried = workspace.query(&format!("SELECT count(*) FROM '{path}' WHERE t LIKE '%7%'")).expect_err(path);
        let profiled = workspace.run("data_profile", &json!({"file": path})).expect_err(path);
        for error in [queried, profiled] {
            assert_eq!(error.kind, ToolErrorKind::BadInput, "{error}");
            assert!(error.message.starts_with(&format!("{path} is damaged: ")), "{error}");
        }
    }
}

#[test]
fn a_fault_of_the_query_is_not_the_files() {
    let workspace = Workspace::new();
    workspace.put_copy("t.parquet", "SELECT range AS n FROM range(10)", "FORMAT parquet");
    let error = workspace.query("SELECT error('stop at ' || n) FROM t").expect_err("stopped");
    assert_eq!(error.kind, ToolErrorKind::BadQuery, "{error}");
}

#[test]
fn columns_whose_names_differ_only_in_case_are_told_apart() {
    let workspace = Workspace::new();
    let column = |first: i64| -> ArrayRef { Arc::new(Int64Array::from_iter_values([first, first + 1])) };
    let schema = ["a", "A", "a"].map(|name| Field::new(name, DataType::Int64, true));
    let schema = Arc::new(Schema::new(schema.to_vec()));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![column(1), column(10), column(100)]).expect("batch");
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, None).expect("writer");
    writer.write(&batch).expect("write");
    workspace.put("twice.parquet", writer.into_inner().expect("finish"));
    let report = workspace.run("data_profile", &json!({"file": "twice.parquet"})).expect("profiled").report;
    let least: Vec<_> = report.rows.iter().map(|row| json!([row[0], row[5]])).collect();
    assert_eq!(json!(least), json!([["a", 1], ["A_1", 10], ["a_2", 100]]));
    assert_eq!(workspace.rows("SELECT a, \"A_1\", a_2 FROM twice LIMIT 1"), json!([[1, 10, 100]]));
}

fn converted(input: &Input, format: Format, ctx: &Context) -> Result<(), ToolError> {
    let watch = Watch::new(ctx);
    let phase = Phase { message: "converting", from: 0.0, to: 1.0 };
    arrow::to_parquet(input, format, &ctx.scratch().join("copy"), Means::of(ctx, &watch, phase)).map(drop)
}

#[test]
fn no_turned_byte_of_an_arrow_file_is_our_fault() {
    let workspace = Workspace::new();
    put_arrow(&workspace);
    let folder = tempfile::tempdir().expect("temporary folder");
    let ctx = Context::detached(Vec::new(), folder.path()).expect("context");
    for (path, format) in [("f.arrow", Format::ArrowFile), ("s.arrow", Format::ArrowStream)] {
        let whole = fs::read(workspace.local(path)).expect("read");
        for at in 0..whole.len() {
            for turn in [0xff_u8, 0x40] {
                let mut turned = whole.clone();
                turned[at] ^= turn;
                let result = converted(&workspace.put("turned", turned), format, &ctx);
                let kind = result.as_ref().err().map(|error| error.kind);
                assert_ne!(kind, Some(ToolErrorKind::Internal), "{path}, byte {at}: {result:?}");
            }
        }
    }
}

#[test]
fn an_arrow_batch_cannot_promise_rows_without_end() {
    let workspace = Workspace::new();
    let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Null, true)]));
    let nothing: ArrayRef = Arc::new(NullArray::new(1 << 40));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![nothing]).expect("batch");
    let mut file = FileWriter::try_new(Vec::new(), &schema).expect("writer");
    file.write(&batch).expect("write");
    workspace.put("file.arrow", file.into_inner().expect("finish"));
    let mut stream = StreamWriter::try_new(Vec::new(), &schema).expect("writer");
    stream.write(&batch).expect("write");
    workspace.put("stream.arrow", stream.into_inner().expect("finish"));
    for path in ["file.arrow", "stream.arrow"] {
        let message = bad(&workspace, path);
        assert!(message.contains("declares 2199023255552 values in"), "{message}"); // rows and cells
    }
}

#[test]
fn an_arrow_buffer_cannot_unpack_without_end() {
    let workspace = Workspace::new();
    let zeros: ArrayRef = Arc::new(Int64Array::from(vec![0; 1_000]));
    let batch = RecordBatch::try_from_iter([("n", zeros)]).expect("batch");
    let packed = IpcWriteOptions::default().try_with_compression(Some(CompressionType::LZ4_FRAME)).expect("LZ4");
    let mut file = FileWriter::try_new_with_options(Vec::new(), &batch.schema(), packed).expect("writer");
    file.write(&batch).expect("write");
    let mut bytes = file.into_inner().expect("finish");
    let unpacked = 8_000_i64.to_le_bytes();
    let at = bytes.windows(8).position(|window| window == unpacked).expect("it stands before the packed buffer");
    bytes[at..at + 8].copy_from_slice(&(1_i64 << 50).to_le_bytes());
    workspace.put("huge.arrow", bytes);
    let error = workspace.query("SELECT * FROM 'huge.arrow'").expect_err("huge");
    assert_eq!(error.kind, ToolErrorKind::TooLarge, "{error}");
    assert!(error.message.starts_with("huge.arrow: a batch unpacks to 11258999068"), "{error}");
}

#[test]
fn arrow_types_without_a_like_in_sql_are_read_and_told() {
    use ::arrow::array::{Decimal256Array, DurationMillisecondArray};
    use ::arrow::datatypes::i256;
    let workspace = Workspace::new();
    let narrow = Decimal256Array::from_iter_values([i256::from_i128(1250)]).with_precision_and_scale(20, 2);
    let wide = Decimal256Array::from_iter_values([i256::from_i128(1250)]).with_precision_and_scale(60, 2);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("took", Arc::new(DurationMillisecondArray::from_iter_values([1500]))),
        ("price", Arc::new(narrow.expect("in range"))),
        ("sum", Arc::new(wide.expect("in range"))),
        ("word", Arc::new(StringArray::from_iter_values(["x"]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).expect("batch");
    let mut file = FileWriter::try_new(Vec::new(), &batch.schema()).expect("writer");
    file.write(&batch).expect("write");
    workspace.put("odd.arrow", file.into_inner().expect("finish"));
    let report = workspace.query("SELECT took, price, \"sum\", word FROM odd").expect("read").report;
    assert_eq!(json!(report.rows), json!([[1500, 12.5, "12.50", "x"]]));
    let told = report.guidance.join("\n");
    assert!(
        told.contains("odd.arrow, column \"took\": its durations are read as whole numbers of milliseconds"),
        "{told}"
    );
    assert!(told.contains("column \"sum\": its numbers of more than 38 digits are read as text"), "{told}");
    assert!(!told.contains("price"), "{told}");
}
