//! Symbolic links in the store lead nowhere.

use std::os::unix::fs::symlink;

use super::*;

/// A store with links to a folder outside, in which there is a secret.
fn linked() -> (TempDir, TempDir, LocalStore) {
    let (folder, store) = store();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    fs::create_dir(folder.path().join("a")).unwrap();
    symlink(outside.path(), folder.path().join("out")).unwrap();
    symlink(outside.path(), folder.path().join("a/out")).unwrap();
    symlink(outside.path().join("secret"), folder.path().join("a/file")).unwrap();
    symlink(outside.path().join("new"), folder.path().join("a/dangling")).unwrap();
    (folder, outside, store)
}

#[tokio::test]
async fn nothing_is_read_through_a_link() {
    let (_folder, outside, store) = linked();
    let to = outside.path().join("fetched");
    for name in ["out/secret", "a/out/secret", "a/file", "a/out", "out"] {
        assert_eq!(value(&store, name).await, None, "{name}");
        assert_eq!(store.head(&key(name)).await.unwrap(), None, "{name}");
        assert_eq!(store.read(&key(name), None).await.map(drop).unwrap_err().kind, StoreErrorKind::NotFound, "{name}");
        assert_eq!(store.fetch(&key(name), &to).await.unwrap_err().kind, StoreErrorKind::NotFound, "{name}");
        assert!(fs::symlink_metadata(&to).is_err(), "{name}");
    }
    for prefix in ["", "out/", "a/", "a/out/", "a/out/s", "a/file"] {
        assert!(store.list(prefix, None, 10).await.unwrap().entries.is_empty(), "{prefix}");
    }
}

#[tokio::test]
async fn nothing_is_written_or_deleted_through_a_link() {
    let (folder, outside, store) = linked();
    for name in ["out/new", "a/out/new", "a/out/new/deeper", "out/secret", "a/file", "a/dangling", "out"] {
        assert_eq!(put_kind(&store, name).await, StoreErrorKind::Invalid, "{name}");
        store.delete(&key(name)).await.unwrap();
    }
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    assert_eq!(fs::read(outside.path().join("secret")).unwrap(), b"secret");
    assert_eq!(drafts(&folder), 0);
}

#[tokio::test]
async fn a_link_is_not_taken_for_a_file() {
    let (_folder, outside, store) = linked();
    let from = store.scratch().join("from");
    symlink(outside.path().join("secret"), &from).unwrap();
    store.put_file(&key("stolen"), &from, Expect::Any).await.unwrap_err();
    assert_eq!(value(&store, "stolen").await, None);
    store.put_file(&key("folder"), outside.path(), Expect::Any).await.unwrap_err();
    assert_eq!(value(&store, "folder").await, None);
}

#[test]
fn links_in_place_of_the_stores_own_files_are_not_followed() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("kept"), "kept").unwrap();
    let folder = tempfile::tempdir().unwrap();
    symlink(outside.path(), folder.path().join(".tmp")).unwrap();
    let store = LocalStore::open(folder.path()).unwrap();
    assert!(fs::symlink_metadata(folder.path().join(".tmp")).unwrap().is_dir(), "the link was replaced");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1, "what it led to was not touched");
    drop(store);

    fs::remove_file(folder.path().join(".lock")).unwrap();
    symlink(outside.path().join("kept"), folder.path().join(".lock")).unwrap();
    LocalStore::open(folder.path()).unwrap_err();
    assert_eq!(fs::read(outside.path().join("kept")).unwrap(), b"kept");
}
