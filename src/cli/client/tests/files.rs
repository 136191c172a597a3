//! Files to and fro, also over a line that breaks off.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_RANGE, ETAG, IF_RANGE, RANGE};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::stream;
use parking_lot::Mutex;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::super::{ClientError, Download};
use super::toy::Toy;
use crate::error::AppError;

/// A workspace in memory that can break off after some bytes.
#[derive(Default)]
pub(super) struct ToyFiles {
    files: Mutex<BTreeMap<String, Bytes>>,
    /// How many bytes the next answers carry before they break off.
    break_after: Mutex<Vec<usize>>,
    /// The ranges that were asked for.
    ranges: Mutex<Vec<String>>,
    damage: Mutex<bool>,
}

pub(super) fn routes(config: &mut web::ServiceConfig) {
    let limit = web::PayloadConfig::new(64 << 20);
    config.app_data(limit).route("/files/{path:.*}", web::put().to(put)).route("/files/{path:.*}", web::get().to(get));
}

async fn put(files: web::Data<ToyFiles>, path: web::Path<String>, body: Bytes) -> HttpResponse {
    let mut sha256 = tools::context::hex(&Sha256::digest(&body));
    if *files.damage.lock() {
        sha256.replace_range(0..1, "x");
    }
    let answer = json!({"path": *path, "bytes": body.len(), "sha256": sha256});
    files.files.lock().insert(path.into_inner(), body);
    HttpResponse::Created().json(answer)
}

async fn get(
    files: web::Data<ToyFiles>,
    path: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, AppError> {
    let missing = || AppError::not_found(format!("no file is called {path}"));
    let body = files.files.lock().get(path.as_str()).cloned().ok_or_else(missing)?;
    let etag = format!("\"{}\"", tools::context::hex(&Sha256::digest(&body)));
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let range = header(RANGE).filter(|_| header(IF_RANGE).is_none_or(|known| known == etag));
    files.ranges.lock().push(header(RANGE).unwrap_or_default());
    let from: usize = match &range {
        Some(range) => range["bytes=".len()..range.len() - 1].parse().expect("a range like bytes=5-"),
        None => 0,
    };
    if range.is_some() && from >= body.len() {
        return Ok(HttpResponse::new(StatusCode::RANGE_NOT_SATISFIABLE));
    }
    let status = if range.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let mut response = HttpResponse::build(status);
    response.insert_header((ETAG, etag));
    if range.is_some() {
        let all = body.len();
        response.insert_header((CONTENT_RANGE, format!("bytes {from}-{}/{all}", all - 1)));
    }
    let rest = body.slice(from..);
    let break_after = files.break_after.lock().pop();
    let Some(carried) = break_after else {
        return Ok(response.body(rest));
    };
    let broken = Err(std::io::Error::other("the line breaks off"));
    let pieces = stream::iter([Ok(rest.slice(..carried.min(rest.len()))), broken]);
    Ok(response.no_chunking(rest.len() as u64).streaming(pieces))
}

fn bytes() -> Bytes {
    (0..3_000_000_u32).map(|i| (i % 251) as u8).collect()
}

#[actix_web::test]
async fn a_file_goes_up_and_comes_back() {
    let toy = Toy::start().await;
    let folder = tempfile::tempdir().expect("temporary folder");
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    std::fs::write(&from, bytes()).expect("write");
    let sent = std::sync::Arc::new(Mutex::new(0));
    let counted = std::sync::Arc::clone(&sent);
    let uploaded = toy.client().put_file(&from, "in put/100%.bin", move |piece| *counted.lock() += piece).await;
    let uploaded = uploaded.expect("uploaded");
    assert_eq!((uploaded.path.as_str(), uploaded.bytes, *sent.lock()), ("in put/100%.bin", 3_000_000, 3_000_000));
    let mut last = None;
    let got = toy.client().get_file("in put/100%.bin", &to, |download| last = Some(download)).await;
    assert_eq!(got, Ok(3_000_000));
    assert_eq!(last, Some(Download { done: 3_000_000, total: Some(3_000_000) }));
    assert!(std::fs::read(&to).expect("read") == bytes());
}

#[actix_web::test]
async fn a_damaged_upload_is_noticed() {
    let toy = Toy::start().await;
    *toy.files.damage.lock() = true;
    let folder = tempfile::tempdir().expect("temporary folder");
    let from = folder.path().join("from");
    std::fs::write(&from, "abc").expect("write");
    let error = toy.client().put_file(&from, "a", |_| ()).await.expect_err("damaged");
    assert!(error.to_string().contains("arrived damaged"), "{error}");
}

#[actix_web::test]
async fn a_broken_download_goes_on_where_it_broke_off() {
    let toy = Toy::start().await;
    toy.files.files.lock().insert("a.bin".to_owned(), bytes());
    *toy.files.break_after.lock() = vec![700_000, 1_000_000];
    let folder = tempfile::tempdir().expect("temporary folder");
    let to = folder.path().join("a.bin");
    assert_eq!(toy.client().get_file("a.bin", &to, |_| ()).await, Ok(3_000_000));
    assert!(std::fs::read(&to).expect("read") == bytes());
    let ranges = toy.files.ranges.lock().clone();
    assert_eq!(ranges.len(), 3, "{ranges:?}");
    assert!(ranges[0].is_empty() && ranges[1].starts_with("bytes=") && ranges[2].starts_with("bytes="), "{ranges:?}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("folder").count(), 1, "no parts are left");
}

#[actix_web::test]
async fn a_part_of_an_older_version_is_not_mixed_in() {
    let toy = Toy::start().await;
    toy.files.files.lock().insert("a.bin".to_owned(), bytes());
    let folder = tempfile::tempdir().expect("temporary folder");
    let to = folder.path().join("a.bin");
    std::fs::write(folder.path().join("a.bin.part"), vec![7; 4_000_000]).expect("write");
    std::fs::write(folder.path().join("a.bin.part.etag"), "\"older\"").expect("write");
    assert_eq!(toy.client().get_file("a.bin", &to, |_| ()).await, Ok(3_000_000));
    assert!(std::fs::read(&to).expect("read") == bytes());
}

#[actix_web::test]
async fn a_part_that_is_whole_already_is_not_spoilt() {
    let toy = Toy::start().await;
    toy.files.files.lock().insert("a.bin".to_owned(), bytes());
    let folder = tempfile::tempdir().expect("temporary folder");
    let to = folder.path().join("a.bin");
    let etag = format!("\"{}\"", tools::context::hex(&Sha256::digest(bytes())));
    std::fs::write(folder.path().join("a.bin.part"), bytes()).expect("write");
    std::fs::write(folder.path().join("a.bin.part.etag"), etag).expect("write");
    assert_eq!(toy.client().get_file("a.bin", &to, |_| ()).await, Ok(3_000_000));
    assert!(std::fs::read(&to).expect("read") == bytes());
}

#[actix_web::test]
async fn standard_output_gets_one_version_or_an_error() {
    let toy = Toy::start().await;
    toy.files.files.lock().insert("a.bin".to_owned(), bytes());
    *toy.files.break_after.lock() = vec![1_000_000];
    let mut out = Vec::new();
    assert_eq!(toy.client().get_to("a.bin", &mut out).await, Ok(3_000_000));
    assert!(out == bytes());
    let missing = toy.client().get_to("b.bin", &mut out).await;
    assert!(matches!(missing, Err(ClientError::Refused { kind: Some(kind), .. }) if kind == "not_found"));
}
