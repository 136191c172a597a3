//! One table in every format, separator and encoding; and files that are not what they claim.

mod damage;
mod look;

use std::fs;
use std::io::Write;
use std::sync::Arc;

use ::arrow::array::{ArrayRef, Int64Array, StringArray, StructArray};
use ::arrow::datatypes::{DataType, Field, Fields, Schema};
use ::arrow::ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use ::arrow::record_batch::RecordBatch;
use serde_json::json;

use crate::ToolErrorKind;
use crate::data::samples::Workspace;

const ROWS: [(i64, &str, f64); 3] = [(1, "Äpfel", 1.5), (2, "a;b|c\td, \"e\"", 2.25), (3, "zwei\nZeilen", -0.5)];

/// `id`, `name`, `price` with everything quoted that may need it.
fn separated(separator: &str) -> String {
    let mut text = ["id", "name", "price"].join(separator) + "\n";
    for (id, name, price) in ROWS {
        let name = name.replace('"', "\"\"");
        text += &[id.to_string(), format!("\"{name}\""), price.to_string()].join(separator);
        text.push('\n');
    }
    text
}

fn expected() -> serde_json::Value {
    json!(ROWS.map(|(id, name, price)| json!([id, name, price])))
}

#[test]
fn every_separator_and_gzip_read_the_same() {
    let workspace = Workspace::new();
    for (name, separator) in
        [("c.csv", ","), ("s.csv", ";"), ("p.psv", "|"), ("t.tsv", "\t"), ("tab.csv", "\t"), ("bare", ",")]
    {
        workspace.put(name, separated(separator));
        workspace.put_gzipped(&format!("gz-{name}.gz"), separated(separator));
        for file in [name.to_owned(), format!("gz-{name}.gz")] {
            assert_eq!(workspace.rows(&format!("SELECT * FROM '{file}' ORDER BY id")), expected(), "{file}");
        }
    }
}

#[test]
fn every_format_reads_the_same() {
    let workspace = Workspace::new();
    workspace.put("c.csv", separated(","));
    let objects: Vec<_> =
        ROWS.iter().map(|(id, name, price)| json!({"id": id, "name": name, "price": price}).to_string()).collect();
    workspace.put("array.json", format!("[{}]", objects.join(",\n")));
    workspace.put("lines.ndjson", objects.join("\n"));
    workspace.put("lines.jsonl", objects.join("\n") + "\n");
    workspace.put_gzipped("packed.ndjson.gz", objects.join("\n"));
    let values = "SELECT * FROM (VALUES (1, 'Äpfel', 1.5::DOUBLE), (2, 'a;b|c' || chr(9) || 'd, \"e\"', 2.25), \
                  (3, 'zwei' || chr(10) || 'Zeilen', -0.5)) t(id, name, price)";
    workspace.put_copy("t.parquet", values, "FORMAT parquet");
    put_arrow(&workspace);
    for file in
        ["c.csv", "array.json", "lines.ndjson", "lines.jsonl", "packed.ndjson.gz", "t.parquet", "f.arrow", "s.arrow"]
    {
        assert_eq!(workspace.rows(&format!("SELECT id, name, price FROM '{file}' ORDER BY id")), expected(), "{file}");
    }
    let nested = "SELECT extra, extra.n FROM 'f.arrow' ORDER BY id LIMIT 1";
    assert_eq!(workspace.rows(nested), json!([[{"n": 1}, 1]]));
}

fn put_arrow(workspace: &Workspace) {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(ROWS.map(|row| row.0)));
    let names: ArrayRef = Arc::new(StringArray::from_iter_values(ROWS.map(|row| row.1)));
    let prices: ArrayRef = Arc::new(::arrow::array::Float64Array::from_iter_values(ROWS.map(|row| row.2)));
    let inner = Fields::from(vec![Field::new("n", DataType::Int64, true)]);
    let extra: ArrayRef = Arc::new(StructArray::new(inner.clone(), vec![Arc::clone(&ids)], None));
    let schema = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, true),
        Field::new("name", DataType::Utf8, true),
        Field::new("price", DataType::Float64, true),
        Field::new("extra", DataType::Struct(inner), true),
    ]));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![ids, names, prices, extra]).expect("batch");
    let packed = IpcWriteOptions::default()
        .try_with_compression(Some(::arrow::ipc::CompressionType::LZ4_FRAME))
        .expect("LZ4 is compiled in");
    let mut file = FileWriter::try_new_with_options(Vec::new(), &schema, packed).expect("writer");
    file.write(&batch).expect("write");
    workspace.put("f.arrow", file.into_inner().expect("finish"));
    let mut stream = StreamWriter::try_new(Vec::new(), &schema).expect("writer");
    stream.write(&batch).expect("write");
    workspace.put("s.arrow", stream.into_inner().expect("finish"));
}

#[test]
fn every_encoding_reads_the_same() {
    let workspace = Workspace::new();
    let text = separated(",");
    let sixteen = |bytes: fn(u16) -> [u8; 2], mark: bool| -> Vec<u8> {
        mark.then_some(0xfeff).into_iter().chain(text.encode_utf16()).flat_map(bytes).collect()
    };
    let mut latin = text.replace("Äpfel", "\u{1}pfel").into_bytes();
    latin.iter_mut().filter(|byte| **byte == 1).for_each(|byte| *byte = 0xc4);
    workspace.put("plain.csv", &text);
    workspace.put("mark.csv", format!("\u{feff}{text}"));
    workspace.put("le.csv", sixteen(u16::to_le_bytes, true));
    workspace.put("be.csv", sixteen(u16::to_be_bytes, true));
    workspace.put("bare16.csv", sixteen(u16::to_le_bytes, false));
    workspace.put("latin.csv", &latin);
    workspace.put_gzipped("latin-packed.csv.gz", &latin);
    for file in ["plain.csv", "mark.csv", "le.csv", "be.csv", "bare16.csv", "latin.csv", "latin-packed.csv.gz"] {
        assert_eq!(workspace.rows(&format!("SELECT id, name, price FROM '{file}' ORDER BY id")), expected(), "{file}");
    }
}

#[test]
fn another_encoding_far_into_a_file_is_found_when_it_is_met() {
    let workspace = Workspace::new();
    let mut bytes = b"n,name\n".to_vec();
    (0..60_000).for_each(|n| writeln!(bytes, "{n},Mueller").expect("write"));
    bytes.extend_from_slice(b"60000,M\xfcller\n");
    workspace.put("late.csv", bytes);
    assert_eq!(workspace.rows("SELECT name FROM late WHERE n = 60000"), json!([["Müller"]]));
}

#[test]
fn a_column_that_becomes_text_late_fails_nothing() {
    let workspace = Workspace::new();
    let mut csv = b"n,code\n".to_vec();
    let mut lines = Vec::new();
    for n in 0..60_000 {
        writeln!(csv, "{n},{n}").expect("write");
        writeln!(lines, "{{\"n\": {n}, \"code\": {n}}}").expect("write");
    }
    workspace.put("late.csv", [&csv[..], b"60000,A7\n"].concat());
    workspace.put("late.ndjson", [&lines[..], b"{\"n\": 60000, \"code\": \"A7\"}\n"].concat());
    let summary = "SELECT count(*), count_if(CAST(code AS VARCHAR) LIKE '%A7%'), typeof(any_value(n)) FROM";
    for file in ["late.csv", "late.ndjson"] {
        assert_eq!(workspace.rows(&format!("{summary} '{file}'")), json!([[60_001, 1, "BIGINT"]]), "{file}");
    }
    assert_eq!(workspace.rows("SELECT max(code) FROM 'late.csv'"), json!([["A7"]]));
}

#[test]
fn headers_and_line_ends_are_found() {
    let workspace = Workspace::new();
    workspace.put("noheader.csv", "1,2\n3,4\n");
    workspace.put("words.csv", "a,b\nx,y\n");
    workspace.put("bare.csv", "a,b\n");
    workspace.put("mixed.csv", "a,b\r\n1,2\n3,4\r\n");
    workspace.put("mac.csv", "a,b\r1,2\r3,4\r");
    workspace.put("one.csv", "name\nAnn\nBob\n");
    assert_eq!(workspace.rows("SELECT count(*), sum(column0) FROM noheader"), json!([[2, 4]]));
    assert_eq!(workspace.rows("SELECT a, b FROM words"), json!([["x", "y"]]));
    assert_eq!(workspace.rows("SELECT count(a), count(b) FROM bare"), json!([[0, 0]]));
    assert_eq!(workspace.rows("SELECT sum(a), sum(b) FROM mixed"), json!([[4, 6]]));
    assert_eq!(workspace.rows("SELECT sum(a), sum(b) FROM mac"), json!([[4, 6]]));
    assert_eq!(workspace.rows("SELECT name FROM one"), json!([["Ann"], ["Bob"]]));
}

#[test]
fn big_whole_numbers_keep_their_digits() {
    let workspace = Workspace::new();
    workspace.put("big.csv", "id\n12345678901234567890123\n9007199254740993\n");
    let rows = workspace.rows("SELECT id FROM big ORDER BY id");
    assert_eq!(rows, json!([["9007199254740993"], ["12345678901234567890123"]]));
}

fn bad(workspace: &Workspace, file: &str) -> String {
    let error = workspace.query(&format!("SELECT * FROM '{file}'")).expect_err(file);
    assert_eq!(error.kind, ToolErrorKind::BadInput, "{file}: {error}");
    error.message
}

#[test]
fn ragged_rows_are_named_by_their_line() {
    let workspace = Workspace::new();
    workspace.put("short.csv", "a,b,c\n1,2,3\n4,5\n6,7,8\n");
    workspace.put("long.csv", format!("a,b,c\n{}4,5,6,7\n", "1,2,3\n".repeat(50_000)));
    workspace.put("open.csv", "a,b\n1,2\n\"x,1\n2,3\n");
    let remedy = "mend that row, or quote a field that holds the separator";
    assert_eq!(
        bad(&workspace, "short.csv"),
        format!("short.csv, line 3: 2 fields where the first row has 3; {remedy}")
    );
    assert_eq!(
        bad(&workspace, "long.csv"),
        format!("long.csv, line 50002: 4 fields where the first row has 3; {remedy}")
    );
    assert_eq!(bad(&workspace, "open.csv"), "open.csv, line 3: a quoted field is never closed; add its quote");
}

#[test]
fn empty_and_mislabelled_files_are_named() {
    let workspace = Workspace::new();
    workspace.put("zero.csv", "");
    workspace.put("blank.csv", "\n\n \n");
    workspace.put("zero.parquet", "");
    workspace.put("text.parquet", "a,b\n1,2\n");
    workspace.put("picture.csv", b"\x89PNG\r\n\x1a\n....");
    workspace.put("binary.csv", b"a,b\n\0\x01\x02\0,\0\0\n");
    workspace.put("array.csv", "[{\"a\": 1}]");
    assert_eq!(bad(&workspace, "zero.csv"), "zero.csv is empty (0 bytes); upload it again");
    assert_eq!(bad(&workspace, "zero.parquet"), "zero.parquet is empty (0 bytes); upload it again");
    assert_eq!(bad(&workspace, "blank.csv"), "blank.csv has no header and no rows; upload it again");
    assert!(bad(&workspace, "text.parquet").starts_with("text.parquet is not Parquet as its name says"));
    assert!(bad(&workspace, "picture.csv").contains("it holds a PNG picture"));
    assert_eq!(bad(&workspace, "binary.csv"), "binary.csv is not text: it holds NUL bytes; replace it");
    assert!(bad(&workspace, "array.csv").contains("give it the ending .json"));
    workspace.put("book.xlsx", b"PK\x03\x04....");
    let error = workspace.query("FROM 'book.xlsx'").expect_err("no reader");
    assert_eq!(error.kind, ToolErrorKind::Unsupported);
}

#[test]
fn broken_json_is_named_by_its_line() {
    let workspace = Workspace::new();
    workspace.put("lines.ndjson", "{\"a\": 1}\n{\"a\": 2\n{\"a\": 3}\n");
    workspace.put("words.json", "hello world");
    workspace.put("cut.json", "[{\"a\": 1}, {\"a\": 2");
    let message = bad(&workspace, "lines.ndjson");
    assert!(message.starts_with("lines.ndjson is not valid JSON at byte 9 in line 3"), "{message}");
    bad(&workspace, "words.json");
    bad(&workspace, "cut.json");
}

#[test]
fn cut_and_lying_binary_files_are_refused_before_an_engine_sees_them() {
    let workspace = Workspace::new();
    let whole = workspace.put_copy("whole.parquet", "SELECT range AS n FROM range(10000)", "FORMAT parquet");
    let bytes = fs::read(&whole.local).expect("read");
    workspace.put("cut.parquet", &bytes[..bytes.len() / 2]);
    workspace.put("tiny.parquet", b"PAR1");
    assert!(bad(&workspace, "cut.parquet").starts_with("cut.parquet is cut short"));
    assert!(bad(&workspace, "tiny.parquet").starts_with("tiny.parquet is cut short"));
    let mut broken = bytes.clone();
    let end = broken.len();
    broken[end - 60..end - 8].fill(0xff); // inside the footer
    workspace.put("footer.parquet", &broken);
    assert!(bad(&workspace, "footer.parquet").starts_with("footer.parquet is damaged"));
    // The same pages under a footer that was moved: its offsets point behind the end.
    let footer = u32::from_le_bytes(bytes[end - 8..end - 4].try_into().expect("four bytes")) as usize + 8;
    workspace.put("hollow.parquet", [&b"PAR1"[..], &bytes[end - footer..]].concat());
    assert!(bad(&workspace, "hollow.parquet").contains("lies outside the file"));

    put_arrow(&workspace);
    let arrow = fs::read(workspace.local("f.arrow")).expect("read");
    workspace.put("cut.arrow", &arrow[..arrow.len() / 2]);
    assert!(bad(&workspace, "cut.arrow").starts_with("cut.arrow is cut short or damaged"));
}

#[test]
fn a_footer_cannot_promise_more_rows_than_its_file_has_room_for() {
    use ::parquet::column::writer::ColumnWriter;
    use ::parquet::file::properties::WriterProperties;
    use ::parquet::file::writer::SerializedFileWriter;
    use ::parquet::schema::parser::parse_message_type;
    // One run-length encoded value, very many times over: what a small file that aborts an engine looks like.
    let schema = Arc::new(parse_message_type("message t { optional int64 n; }").expect("schema"));
    let one_page = WriterProperties::builder()
        .set_data_page_row_count_limit(usize::MAX)
        .set_write_batch_size(usize::MAX)
        .set_dictionary_enabled(false)
        .build();
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::new(one_page)).expect("writer");
    let nulls = vec![0_i16; 10_000_000];
    for _ in 0..20 {
        let mut group = writer.next_row_group().expect("group");
        let mut column = group.next_column().expect("column").expect("one");
        if let ColumnWriter::Int64ColumnWriter(typed) = column.untyped() {
            typed.write_batch(&[], Some(&nulls), None).expect("write");
        }
        column.close().expect("close");
        group.close().expect("close");
    }
    writer.close().expect("close");
    let workspace = Workspace::new();
    workspace.put("huge.parquet", &bytes);
    let message = bad(&workspace, "huge.parquet");
    assert!(message.contains("declares 200000000 rows of 1 columns in"), "{message}");
}

#[test]
fn a_late_fraction_or_key_is_not_lost() {
    let workspace = Workspace::new();
    let numbers = || (0..30_000).map(|number: u32| number.to_string());
    let csv = format!("v\n{}\n", numbers().collect::<Vec<_>>().join("\n"));
    let lines: String = numbers().map(|number| "{\"v\": ".to_owned() + &number + "}\n").collect();
    workspace.put("late.csv", csv + "1.5\n");
    workspace.put("late.ndjson", lines + "{\"v\": 1.5, \"w\": \"new\"}\n");
    for file in ["late.csv", "late.ndjson"] {
        let sum = workspace.rows(&format!("SELECT sum(v) FROM '{file}'"));
        assert_eq!(sum, json!([[449_985_001.5]]), "{file}");
    }
    assert_eq!(workspace.rows("SELECT w FROM 'late.ndjson' WHERE w IS NOT NULL"), json!([["new"]]));
}
