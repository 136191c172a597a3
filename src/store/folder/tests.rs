//! A mounted folder on a real disk: what is seen of it, that it stays as it is, and that a change is noticed.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use futures_util::{StreamExt as _, TryStreamExt as _};
use tempfile::TempDir;

use super::*;

fn folder(files: &[(&str, &str)]) -> (TempDir, FolderStore) {
    let folder = tempfile::tempdir().expect("temporary folder");
    for (path, content) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, content).expect("written");
    }
    let store = FolderStore::open(folder.path()).expect("opened");
    (folder, store)
}

fn key(text: &str) -> Key {
    Key::new(text)
}

async fn keys(store: &FolderStore, prefix: &str) -> Vec<String> {
    let page = store.list(prefix, None, 100).await.expect("listed");
    assert!(!page.more);
    page.entries.iter().map(|entry| entry.key.as_str().to_owned()).collect()
}

async fn text(store: &FolderStore, path: &str, range: Option<Range<u64>>) -> String {
    let (_, stream) = store.read(&key(path), range).await.expect("opened");
    let bytes: Vec<Bytes> = stream.try_collect().await.expect("read");
    String::from_utf8(bytes.concat()).expect("text")
}

#[tokio::test]
async fn akept_is_seen_as_it_is() {
    let (kept, store) = folder(&[("a.csv", "0123"), ("in/b.csv", "x"), (".tmp/c", "y"), (".lock", "z"), ("a-b", "")]);
    // Names that the server's own folder keeps for itself are names like others here.
    assert_eq!(keys(&store, "").await, [".lock", ".tmp/c", "a-b", "a.csv", "in/b.csv"]);
    assert_eq!(keys(&store, "in/").await, ["in/b.csv"]);
    let first = store.list("", Some(&key("a-b")), 1).await.expect("listed");
    assert_eq!((first.entries[0].key.as_str(), first.more), ("a.csv", true));
    let meta = store.head(&key("a.csv")).await.expect("asked").expect("there");
    assert_eq!((meta.bytes, &meta), (4, &first.entries[0].meta));
    assert_eq!(store.get(&key("a.csv")).await.expect("asked").expect("there").value, "0123");
    assert_eq!(
        (text(&store, "a.csv", None).await.as_str(), text(&store, "a.csv", Some(1..3)).await.as_str()),
        ("0123", "12")
    );
    for missing in ["in", "nothing", "a.csv/x"] {
        assert!(store.head(&key(missing)).await.expect("asked").is_none(), "{missing}");
        assert!(store.get(&key(missing)).await.expect("asked").is_none(), "{missing}");
    }
    assert!(
        FolderStore::open(&kept.path().join("a.csv")).is_err() && FolderStore::open(Path::new("/nowhere")).is_err()
    );
}

#[tokio::test]
async fn nothing_is_written_and_nothing_left() {
    let (folder, store) = folder(&[("a.csv", "0123")]);
    let from = tempfile::NamedTempFile::new().expect("a file");
    let refused = [
        store.put(&key("a.csv"), Bytes::from_static(b"x"), Expect::Any).await.map(drop),
        store.put_file(&key("new"), from.path(), Expect::Any).await.map(drop),
        store.delete(&key("a.csv")).await,
    ];
    for answer in refused {
        assert_eq!(answer.expect_err("refused").kind, StoreErrorKind::Invalid);
    }
    assert!(from.path().exists());
    let to = tempfile::tempdir().expect("temporary folder");
    store.fetch(&key("a.csv"), &to.path().join("copy")).await.expect("fetched");
    let left: Vec<_> =
        fs::read_dir(folder.path()).expect("read").map(|entry| entry.expect("one").file_name()).collect();
    assert_eq!(left, ["a.csv"]);
    assert_eq!(fs::read(folder.path().join("a.csv")).expect("read"), b"0123");
}

#[tokio::test]
async fn no_link_leads_anywhere() {
    let (outside, _) = folder(&[("secret", "secret"), ("sub/secret", "secret")]);
    let (inside, store) = folder(&[("a.csv", "0123")]);
    symlink(outside.path().join("secret"), inside.path().join("file")).expect("a link");
    symlink(outside.path(), inside.path().join("out")).expect("a link");
    symlink("a.csv", inside.path().join("near")).expect("a link");
    assert_eq!(keys(&store, "").await, ["a.csv"]);
    let to = tempfile::tempdir().expect("temporary folder");
    for path in ["file", "out/secret", "out/sub/secret", "near"] {
        assert!(store.head(&key(path)).await.is_ok_and(|meta| meta.is_none()), "{path}");
        assert!(
            store.read(&key(path), None).await.is_err_and(|error| error.kind == StoreErrorKind::NotFound),
            "{path}"
        );
        let fetched = store.fetch(&key(path), &to.path().join("copy")).await;
        assert!(fetched.is_err_and(|error| error.kind == StoreErrorKind::NotFound), "{path}");
    }
}

#[tokio::test]
async fn what_is_fetched_is_a_copy() {
    let (folder, store) = folder(&[("a.csv", "0123")]);
    let to = tempfile::tempdir().expect("temporary folder");
    let copy = to.path().join("copy");
    let meta = store.fetch(&key("a.csv"), &copy).await.expect("fetched");
    assert_eq!(store.head(&key("a.csv")).await.expect("asked"), Some(meta));
    fs::write(folder.path().join("a.csv"), "9999").expect("changed in place");
    assert_eq!(fs::read(&copy).expect("read"), b"0123");
    store.fetch(&key("a.csv"), &copy).await.expect("again, in its place");
    assert_eq!(fs::read(&copy).expect("read"), b"9999");
}

#[tokio::test]
async fn every_change_is_another_version() {
    let (folder, store) = folder(&[("a.csv", "0123")]);
    let path = folder.path().join("a.csv");
    let etag = || async { store.head(&key("a.csv")).await.expect("asked").expect("there").etag };
    let mut seen = vec![etag().await];
    let set_time = |seconds| {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        File::options().write(true).open(&path).and_then(|file| file.set_modified(time)).expect("set");
    };
    set_time(1_000_000);
    seen.push(etag().await);
    fs::write(&path, "01234").expect("another size");
    set_time(1_000_000);
    seen.push(etag().await);
    let other = folder.path().join("other");
    fs::write(&other, "98765").expect("written");
    fs::rename(&other, &path).expect("another file of this name");
    set_time(1_000_000);
    seen.push(etag().await);
    seen.sort_by(|a, b| a.0.cmp(&b.0));
    seen.dedup();
    assert_eq!(seen.len(), 4);
}

#[tokio::test]
async fn a_change_under_a_read_ends_it() {
    let content = "x".repeat(1 << 20);
    let (folder, store) = folder(&[("big", &content)]);
    let (_, mut stream) = store.read(&key("big"), None).await.expect("opened");
    let first = stream.next().await.expect("a piece").expect("read");
    assert!(!first.is_empty() && first.len() < content.len());
    File::options()
        .append(true)
        .open(folder.path().join("big"))
        .and_then(|mut file| io::Write::write_all(&mut file, b"y"))
        .expect("grown");
    let rest: Result<Vec<Bytes>, _> = stream.try_collect().await;
    let error = rest.expect_err("not the end of another version").message;
    assert!(error.contains("changed while it was read"), "{error}");
}
