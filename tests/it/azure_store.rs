//! The store on Azure, against Azurite: the suite of every store, and what only this one has.

use std::sync::Arc;

use actors::ports::{BlobStore as _, Expect, Key, StoreErrorKind, contract};
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use futures_util::future::join_all;

use crate::azurite;

#[tokio::test]
async fn the_store_keeps_its_promises() {
    let container = azurite::shared().await.new_container();
    let store = azurite::store(&container.replacen('?', "/a%20folder/in%20it?", 1)).await;
    let scratch = tempfile::tempdir().expect("temporary folder");
    contract::store(&store, scratch.path()).await;
}

#[tokio::test]
async fn a_folder_of_a_container_is_a_store_of_its_own() {
    let container = azurite::shared().await.new_container();
    let below = |folder: &str| container.replacen('?', &format!("/{folder}?"), 1);
    let (ours, theirs) = (azurite::store(&below("team/a")).await, azurite::store(&below("team/ab")).await);
    let key = Key::new("x/y");
    ours.put(&key, "ours".into(), Expect::Absent).await.expect("nothing is there");
    theirs.put(&key, "theirs".into(), Expect::Absent).await.expect("nothing is there either");
    let blob = ours.get(&key).await.expect("get works").expect("it is there");
    assert_eq!(&blob.value[..], b"ours");
    let page = ours.list("", None, 10).await.expect("list works");
    let listed: Vec<Key> = page.entries.into_iter().map(|entry| entry.key).collect();
    assert_eq!(listed, std::slice::from_ref(&key));
    ours.delete(&key).await.expect("deleted");
    assert!(theirs.get(&key).await.expect("get works").is_some(), "the neighbour's stays");
}

#[tokio::test]
async fn two_servers_can_make_the_same_container_at_once() {
    let url = azurite::shared().await.new_container();
    join_all((0..4).map(|_| azurite::store(&url))).await;
}

/// Larger than a block and a part, and not a multiple of either.
#[tokio::test]
async fn large_files_go_and_come_in_parts() {
    let store = azurite::store(&azurite::shared().await.new_container()).await;
    let folder = tempfile::tempdir().expect("temporary folder");
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    let value: Vec<u8> = (0..70_000_001_u32).map(|at| (at ^ (at >> 8) ^ (at >> 16)).to_le_bytes()[0]).collect();
    tokio::fs::write(&from, &value).await.expect("written");
    let key = Key::new("large");
    let etag = store.put_file(&key, &from, Expect::Absent).await.expect("nothing is there");
    let meta = store.fetch(&key, &to).await.expect("it is there");
    assert_eq!((&meta.etag, meta.bytes), (&etag, value.len() as u64));
    assert!(tokio::fs::read(&to).await.expect("fetched") == value, "the same bytes");

    tokio::fs::write(&from, &value).await.expect("written");
    let refused = store.put_file(&key, &from, Expect::Absent).await.expect_err("it is there");
    assert_eq!(refused.kind, StoreErrorKind::Conflict);
    assert!(from.exists(), "after an error the file is still there");
    let again = store.put_file(&key, &from, Expect::Etag(etag)).await.expect("this version");

    let (meta, stream) = store.read(&key, Some(20_000_000..60_000_000)).await.expect("it is there");
    assert_eq!(meta.etag, again);
    let pieces: Vec<Bytes> = stream.try_collect().await.expect("a quiet blob");
    assert!(pieces.concat() == value[20_000_000..60_000_000], "the range");
    assert!(pieces.iter().all(|piece| piece.len() < 4 << 20), "piece by piece");
}

#[tokio::test]
async fn versions_of_other_stores_are_none_of_azures() {
    let store = Arc::new(azurite::store(&azurite::shared().await.new_container()).await);
    let key = Key::new("a");
    store.put(&key, "1".into(), Expect::Any).await.expect("written");
    for etag in ["*", "", "a\"b", "a, b", "\u{1F980}"] {
        let expect = Expect::Etag(actors::ports::Etag(etag.to_owned()));
        let refused = store.put(&key, "2".into(), expect).await.expect_err("no version of it");
        assert_eq!(refused.kind, StoreErrorKind::Conflict, "{etag:?}");
    }
}
