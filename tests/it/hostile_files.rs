//! Files made to break whoever reads them: refused by their headers; and where nobody looks at those, only the process that
//! reads them is lost.

use std::io::Write as _;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use serde_json::json;

use crate::harness::{Caller, Server};
use crate::thrift::Struct;

/// What the Parquet file claims to hold.
const ROWS: i64 = 1_000_000_000_000_000;
/// The pages that it really has.
const PAGES: usize = 2_000;
/// As many rows as a page can have.
const A_PAGE: i32 = i32::MAX;
const FRAMES: usize = 100_000;

#[tokio::test]
async fn the_headers_are_looked_at_first() {
    let server = Server::start(&["--job-memory", "512MiB"]).await;
    let caller = server.caller();
    put_all(&caller).await;
    let refused = [
        ("data_query", json!({"sql": "select count(*), max(n) from huge"}), "1000000000000000 rows"),
        ("data_profile", json!({"file": "huge.parquet"}), "1000000000000000 rows"),
        ("image_process", json!({"files": ["wide.png"], "format": "png"}), "wide.png is larger than allowed"),
    ];
    for (tool, call, says) in refused {
        let view = caller.call(tool, call).await.raw;
        let message = view["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(says), "{tool}: {view}");
        assert!(matches!(view["error"]["kind"].as_str(), Some("bad_input" | "too_large")), "{view}");
    }
    // Without a header that would tell: read as far as the limits go, or as the file's first picture.
    let view = caller.call("data_query", json!({"sql": "select count(*) from zeros"})).await.raw;
    assert!(matches!(view["error"]["kind"].as_str(), Some("bad_input" | "too_large" | "resource_exhausted")), "{view}");
    let view = caller.call("image_process", json!({"files": ["long.gif"], "format": "png"})).await.raw;
    assert_eq!(view["status"], "succeeded", "{view}");
    let view = caller.call("data_query", json!({"sql": "select 1"})).await.raw;
    assert_eq!(view["status"], "succeeded", "{view}");
}

#[tokio::test]
async fn an_engine_that_trusts_them_loses_its_own_process_alone() {
    let flags = ["--workers", "3", "--threads-per-job", "1", "--job-memory", "512MiB", "--job-cpu", "20s"];
    let folder = Arc::new(tempfile::tempdir().expect("temporary folder"));
    let server = Server::start_hostile_in(folder, &flags).await;
    let caller = server.caller();
    put_all(&caller).await;
    let bare = |file: &'static str, engine: &'static str| {
        let caller = caller.clone();
        async move { caller.call("bare", json!({"file": file, "engine": engine, "wait_seconds": 600})).await.raw }
    };
    let others = async {
        for number in 0..20 {
            let view = caller.call("data_query", json!({"sql": format!("select {number}"), "wait_seconds": 600})).await;
            assert_eq!(view.raw["rows"], json!([[number]]), "{}", view.raw);
        }
    };
    let (polars, image, gif, gzip, ()) = tokio::join!(
        bare("many.parquet", "polars"),
        bare("wide.png", "image"),
        bare("long.gif", "gif"),
        bare("zeros.csv.gz", "gzip"),
        others,
    );
    // The picture has far fewer bytes than pixels, which the codec says once it has made room for all of them.
    for (name, view, causes) in [
        ("polars", &polars, &["limit"][..]),
        ("image", &image, &["tool", "limit", "worker_lost"]),
        ("gif", &gif, &["limit"]),
        ("gzip", &gzip, &["limit"]),
    ] {
        assert!(view["error"]["cause"].as_str().is_some_and(|cause| causes.contains(&cause)), "{name}: {view}");
    }
    assert_eq!(caller.json("/readyz").await.1["lanes"], "ok");
}

async fn put_all(caller: &Caller) {
    caller.put("huge.parquet", parquet(ROWS, PAGES)).await;
    caller.put("many.parquet", parquet(i64::from(A_PAGE) * 2, 2)).await;
    caller.put("wide.png", png()).await;
    caller.put("zeros.csv.gz", zeros()).await;
    caller.put("long.gif", gif()).await;
}

/// A Parquet file of a few kilobytes that claims `rows` rows: each of its pages says the same value two thousand million times. After the Parquet format's `parquet.thrift`.
fn parquet(rows: i64, pages: usize) -> Vec<u8> {
    let mut file = b"PAR1".to_vec();
    let value = 7_i32.to_le_bytes();
    let dictionary = Struct::new().i32(1, 1).i32(2, 0).end();
    file.extend(Struct::new().i32(1, 2).i32(2, 4).i32(3, 4).structure(7, &dictionary).end());
    file.extend(value);
    let begin = file.len();
    // One bit an index, then one run: the length twice over, and the index it repeats.
    let mut run = vec![1];
    run.extend(crate::thrift::varint(u64::from(A_PAGE.unsigned_abs()) << 1));
    run.push(0);
    let size = i32::try_from(run.len()).expect("a few bytes");
    let header = Struct::new().i32(1, A_PAGE).i32(2, 8).i32(3, 3).i32(4, 3).end();
    let page = [Struct::new().i32(1, 0).i32(2, size).i32(3, size).structure(5, &header).end(), run].concat();
    file.extend(page.repeat(pages));
    let bytes = |at: usize| i64::try_from(at).expect("a small file");
    let chunk = Struct::new()
        .i32(1, 1)
        .list_i32(2, &[8, 0])
        .list_text(3, &["n"])
        .i32(4, 0)
        .i64(5, rows)
        .i64(6, bytes(file.len() - 4))
        .i64(7, bytes(file.len() - 4))
        .i64(9, bytes(begin))
        .i64(11, 4)
        .end();
    let column = Struct::new().i64(2, 4).structure(3, &chunk).end();
    let group = Struct::new().list_struct(1, &[column]).i64(2, bytes(file.len() - 4)).i64(3, rows).end();
    let root = Struct::new().text(4, "schema").i32(5, 1).end();
    let field = Struct::new().i32(1, 1).i32(3, 0).text(4, "n").end();
    let footer = Struct::new().i32(1, 1).list_struct(2, &[root, field]).i64(3, rows).list_struct(4, &[group]).end();
    file.extend(&footer);
    file.extend(u32::try_from(footer.len()).expect("a small footer").to_le_bytes());
    file.extend(b"PAR1");
    file
}

/// A PNG of 2^31 - 1 by 1, the most that the format allows.
fn png() -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = i32::MAX.to_be_bytes().to_vec();
    header.extend([0, 0, 0, 1, 8, 2, 0, 0, 0]);
    chunk(&mut file, b"IHDR", &header);
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&vec![0; 1 << 16]).expect("packed");
    chunk(&mut file, b"IDAT", &packed.finish().expect("packed"));
    chunk(&mut file, b"IEND", &[]);
    file
}

fn chunk(file: &mut Vec<u8>, name: &[u8], content: &[u8]) {
    file.extend(u32::try_from(content.len()).expect("short").to_be_bytes());
    let mut crc = flate2::Crc::new();
    crc.update(name);
    crc.update(content);
    file.extend(name);
    file.extend(content);
    file.extend(crc.sum().to_be_bytes());
}

/// Four gibibytes of zeros in four megabytes.
fn zeros() -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(&vec![0; 256 << 20]).expect("packed");
    packed.finish().expect("packed").repeat(16)
}

/// A GIF of one hundred thousand frames of 64 × 64, each all of one colour.
fn gif() -> Vec<u8> {
    let mut file = b"GIF89a\x40\0\x40\0\x80\0\0\0\0\0\xff\xff\xff".to_vec();
    let mut first = Vec::new();
    image::codecs::gif::GifEncoder::new(&mut first)
        .encode_frame(image::Frame::new(image::RgbaImage::new(64, 64)))
        .expect("a frame");
    let frame = &first[frame_at(&first)..first.len() - 1];
    file.extend(frame.repeat(FRAMES));
    file.push(0x3b);
    file
}

/// Where the first frame's blocks begin, after the header and its table of colours.
fn frame_at(gif: &[u8]) -> usize {
    let table = if gif[10] & 0x80 == 0 { 0 } else { 3 << ((gif[10] & 7) + 1) };
    13 + table
}
