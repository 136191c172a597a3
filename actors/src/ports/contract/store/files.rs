//! Local files: handed to the store, and brought from it.

use std::path::PathBuf;

use bytes::Bytes;

use super::{Area, pattern};
use crate::ports::{Expect, StoreErrorKind};

pub(super) async fn check(area: &Area<'_>) {
    a_file_is_taken(area).await;
    a_file_that_is_refused_stays(area).await;
    a_fetched_file_is_the_callers(area).await;
    a_fetched_file_can_be_stored_again(area).await;
}

/// A local file with `value` in it, under a name that is free.
async fn local(area: &Area<'_>, name: &str, value: &Bytes) -> PathBuf {
    let path = area.scratch.join(name);
    tokio::fs::write(&path, value).await.expect("the scratch folder takes files");
    path
}

async fn content(path: &PathBuf) -> Bytes {
    tokio::fs::read(path).await.expect("the file is there").into()
}

async fn a_file_is_taken(area: &Area<'_>) {
    for (name, value) in [("some", pattern(1_000_000)), ("none", Bytes::new())] {
        let from = local(area, name, &value).await;
        let etag = area.store.put_file(&area.key(name), &from, Expect::Absent).await.expect("nothing is there");
        let blob = area.get(name).await.expect("it was written");
        assert!(blob.value == value, "{name}: the file's bytes");
        assert_eq!((blob.meta.etag, blob.meta.bytes), (etag, value.len() as u64), "{name}");
        tokio::fs::remove_file(&from).await.ok();
        assert!(area.value(name).await.is_some_and(|kept| kept == value), "{name}: stays without the local file");
    }
    let next = local(area, "next", &pattern(10)).await;
    let before = area.get("some").await.expect("it is there").meta.etag;
    let after =
        area.store.put_file(&area.key("some"), &next, Expect::Etag(before.clone())).await.expect("this version");
    assert_ne!(before, after, "a new version");
    assert_eq!(area.value("some").await, Some(pattern(10)), "the new value");
}

async fn a_file_that_is_refused_stays(area: &Area<'_>) {
    area.put("taken", "first").await;
    let from = local(area, "refused", &pattern(5_000)).await;
    let refused = area.store.put_file(&area.key("taken"), &from, Expect::Absent).await.expect_err("something is there");
    assert_eq!(refused.kind, StoreErrorKind::Conflict);
    assert_eq!(content(&from).await, pattern(5_000), "after an error the file is still there");
    assert_eq!(area.value("taken").await.as_deref(), Some(&b"first"[..]), "a conflict writes nothing");
    area.store.put_file(&area.key("taken"), &from, Expect::Any).await.expect("asked again, it works");
    assert_eq!(area.value("taken").await, Some(pattern(5_000)));

    let missing = area.scratch.join("missing");
    area.store.put_file(&area.key("untouched"), &missing, Expect::Any).await.expect_err("there is no such file");
    assert!(area.get("untouched").await.is_none(), "no file, no blob");
}

async fn a_fetched_file_is_the_callers(area: &Area<'_>) {
    let old = pattern(300_000);
    area.put("fetched", old.clone()).await;
    let to = area.scratch.join("fetched");
    let meta = area.store.fetch(&area.key("fetched"), &to).await.expect("it is there");
    assert_eq!(Some(meta), area.store.head(&area.key("fetched")).await.expect("head works"), "what it brought");
    area.put("fetched", "newer").await;
    assert!(content(&to).await == old, "a fetched file does not change with the blob");
    area.delete("fetched").await;
    assert!(content(&to).await == old, "a fetched file outlives the blob");
    tokio::fs::remove_file(&to).await.expect("it can be removed");

    area.put("lasting", "lasting").await;
    for _ in 0..2 {
        area.store.fetch(&area.key("lasting"), &to).await.expect("fetched as often as one likes");
        assert_eq!(&content(&to).await[..], b"lasting");
    }
    tokio::fs::remove_file(&to).await.expect("it can be removed");
    assert_eq!(area.value("lasting").await.as_deref(), Some(&b"lasting"[..]), "removing the file leaves the blob");
}

/// A file may share its bytes with the blob it came from; as another blob it must not drag that one along.
async fn a_fetched_file_can_be_stored_again(area: &Area<'_>) {
    area.put("origin", pattern(9_000)).await;
    let before = area.get("origin").await.expect("it is there").meta;
    let to = area.scratch.join("copied");
    area.store.fetch(&area.key("origin"), &to).await.expect("it is there");
    area.store.put_file(&area.key("copy"), &to, Expect::Absent).await.expect("nothing is there");
    assert_eq!(area.value("copy").await, Some(pattern(9_000)));
    let after = area.get("origin").await.expect("it is there").meta;
    assert_eq!(before, after, "the blob a file came from keeps its version");
}
