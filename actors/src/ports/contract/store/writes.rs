//! Writing, replacing and removing one blob.

use bytes::Bytes;

use super::{Area, pattern};
use crate::ports::{Etag, Expect, StoreErrorKind};

pub(super) async fn check(area: &Area<'_>) {
    a_value_comes_back(area).await;
    a_write_happens_only_if_its_condition_holds(area).await;
    deleting_twice_is_deleting_once(area).await;
    errors_show_no_path(area).await;
}

async fn a_value_comes_back(area: &Area<'_>) {
    assert!(area.get("new/none").await.is_none(), "what was never written is absent");
    let names =
        ["plain", "a/deep/er/place", "Grüße/日本語 🦀.csv", "with space/100%?#&+.txt", ".hidden", "a.b/c..d/~$"];
    let values = [Bytes::from_static(b"{}"), Bytes::new(), pattern(1), pattern(70_000), pattern(8 * 1024 * 1024)];
    for (name, value) in names.into_iter().zip(values.iter().cycle()) {
        let etag = area.put(&format!("new/{name}"), value.clone()).await;
        let blob = area.get(&format!("new/{name}")).await.unwrap_or_else(|| panic!("{name} was written"));
        assert!(blob.value == *value, "{name} comes back as it was written");
        assert_eq!((&blob.meta.etag, blob.meta.bytes), (&etag, value.len() as u64), "{name}");
        let head = area.store.head(&area.key(&format!("new/{name}"))).await.expect("head works");
        assert_eq!(head, Some(blob.meta), "head of {name} says what get says");
    }
}

async fn a_write_happens_only_if_its_condition_holds(area: &Area<'_>) {
    let nowhere = Expect::Etag(Etag("none".to_owned()));
    assert_eq!(area.put_if("if", "0", nowhere.clone()).await, Err(StoreErrorKind::Conflict), "a version of nothing");
    assert!(area.get("if").await.is_none(), "a conflict writes nothing");

    let first = area.put_if("if", "1", Expect::Absent).await.expect("nothing is there");
    for expect in [Expect::Absent, nowhere] {
        assert_eq!(area.put_if("if", "2", expect.clone()).await, Err(StoreErrorKind::Conflict), "{expect:?}");
    }
    let second = area.put_if("if", "3", Expect::Etag(first.clone())).await.expect("it is this version");
    assert_eq!(area.put_if("if", "4", Expect::Etag(first)).await, Err(StoreErrorKind::Conflict), "an old version");
    let blob = area.get("if").await.expect("it was written");
    assert_eq!((&blob.value[..], &blob.meta.etag), (&b"3"[..], &second), "conflicts leave the value alone");

    area.put_if("if", "5", Expect::Any).await.expect("anything goes");
    assert_eq!(area.value("if").await.as_deref(), Some(&b"5"[..]));
    area.delete("if").await;
    assert_eq!(area.put_if("if", "6", Expect::Etag(second)).await, Err(StoreErrorKind::Conflict), "it is gone");
    area.put_if("if", "7", Expect::Absent).await.expect("it is gone");
}

async fn deleting_twice_is_deleting_once(area: &Area<'_>) {
    area.put("gone/a", "a").await;
    area.put("gone/b", "b").await;
    area.delete("gone/a").await;
    area.delete("gone/a").await;
    area.delete("gone/never/was").await;
    assert!(area.get("gone/a").await.is_none(), "what was deleted is absent");
    assert_eq!(area.value("gone/b").await.as_deref(), Some(&b"b"[..]), "its neighbour stays");
    area.delete("gone/b").await;
    area.put("gone/a", "again").await;
    assert_eq!(area.value("gone/a").await.as_deref(), Some(&b"again"[..]), "a place can be used again");
}

async fn errors_show_no_path(area: &Area<'_>) {
    let key = area.key("err/absent");
    let error = area.store.fetch(&key, &area.scratch.join("absent")).await.expect_err("nothing to fetch");
    assert_eq!(error.kind, StoreErrorKind::NotFound);
    let scratch = area.scratch.to_string_lossy();
    assert!(!error.message.contains(&*scratch), "an error shows no path of the host, got {:?}", error.message);
}
