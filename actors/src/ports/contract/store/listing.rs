//! Listings: order, prefixes, pages.

use futures_util::future::join_all;

use super::Area;
use crate::ports::{Entry, Key};

/// Names in bytewise order, which is not the order of a folder's listing: `-` and `.` come before `/`, digits after it.
const NAMES: [&str; 14] = [
    "A/z",
    "a-b",
    "a-b-/x",
    "a.b/c",
    "a.c",
    "a/b-c",
    "a/b.c/d",
    "a/b/c",
    "a/b/c2/x",
    "a/bb",
    "a0",
    "ab",
    "z z",
    "é/日本",
];

pub(super) async fn check(area: &Area<'_>) {
    assert!(names(area, "", None, 10).await.is_empty(), "an empty place has an empty listing");
    join_all(NAMES.iter().rev().map(|name| area.put(name, *name))).await;
    everything_in_order(area).await;
    a_prefix_narrows(area).await;
    pages_join_up(area).await;
    strange_prefixes_find_nothing(area).await;
    what_is_deleted_is_not_listed(area).await;
    many_pages(area).await;
}

async fn entries(area: &Area<'_>, prefix: &str, after: Option<&Key>, limit: usize) -> (Vec<Entry>, bool) {
    let prefix = format!("{}{prefix}", area.prefix);
    let page = area.store.list(&prefix, after, limit).await.unwrap_or_else(|error| panic!("list failed: {error}"));
    assert!(page.entries.len() <= limit, "no more than {limit} were asked for");
    (page.entries, page.more)
}

fn name(area: &Area<'_>, key: &Key) -> String {
    key.after(&area.prefix).expect("the listing is of this area").to_owned()
}

async fn names(area: &Area<'_>, prefix: &str, after: Option<&str>, limit: usize) -> Vec<String> {
    let after = after.map(|after| area.key(after));
    entries(area, prefix, after.as_ref(), limit).await.0.iter().map(|entry| name(area, &entry.key)).collect()
}

async fn everything_in_order(area: &Area<'_>) {
    let (all, more) = entries(area, "", None, 100).await;
    let listed: Vec<String> = all.iter().map(|entry| name(area, &entry.key)).collect();
    assert_eq!(listed, NAMES, "in order of key, bytewise");
    assert!(!more, "nothing comes after everything");
    for entry in all {
        let head = area.store.head(&entry.key).await.expect("head works");
        assert_eq!(head, Some(entry.meta), "{}: a listing says what head says", entry.key);
    }
}

async fn a_prefix_narrows(area: &Area<'_>) {
    for prefix in
        ["a", "a/", "a/b", "a/b/", "a/b/c", "a-", "a-b", "ab", "a/b/c2/x", "z ", "é", "é/日", "b", "a/b/c2/x/", "a//"]
    {
        let expected: Vec<&str> = NAMES.into_iter().filter(|name| name.starts_with(prefix)).collect();
        assert_eq!(names(area, prefix, None, 100).await, expected, "prefix {prefix:?}");
    }
    let whole_area = area.prefix.trim_end_matches('/');
    let page = area.store.list(whole_area, None, 100).await.expect("list works");
    assert_eq!(page.entries.len(), NAMES.len(), "a prefix may end anywhere");
}

async fn pages_join_up(area: &Area<'_>) {
    for limit in 1..=NAMES.len() + 1 {
        let mut seen = Vec::new();
        let mut after: Option<Key> = None;
        loop {
            let (page, more) = entries(area, "", after.as_ref(), limit).await;
            after = page.last().map(|entry| entry.key.clone()).or(after);
            seen.extend(page.iter().map(|entry| name(area, &entry.key)));
            if !more {
                break;
            }
            assert!(seen.len() <= NAMES.len(), "pages of {limit} never end");
        }
        assert_eq!(seen, NAMES, "pages of {limit}");
    }
    for after in ["a", "a-b", "a/", "a/b/c1", "a/b/c2", "a.", "ab/x", "zz", "0", "é/日本"] {
        let Some(key) = Key::parse(&format!("{}{after}", area.prefix)) else { continue };
        let expected: Vec<&str> = NAMES.into_iter().filter(|name| *name > after).collect();
        let (page, _) = entries(area, "", Some(&key), 100).await;
        let listed: Vec<String> = page.iter().map(|entry| name(area, &entry.key)).collect();
        assert_eq!(listed, expected, "after {after:?}, which need not exist");
        let within: Vec<&str> = expected.into_iter().filter(|name| name.starts_with("a/b")).collect();
        assert_eq!(names(area, "a/b", Some(after.trim_end_matches('/')), 100).await, within, "after {after:?} in a/b");
    }
}

async fn strange_prefixes_find_nothing(area: &Area<'_>) {
    for prefix in ["../", "a/../", "./", "//", "a/./b", "a/b/c/../../", "\u{0}", "a\\"] {
        assert!(names(area, prefix, None, 10).await.is_empty(), "no key begins with {prefix:?}");
    }
    let page = area.store.list("../", None, 10).await.expect("list works");
    assert!(page.entries.is_empty(), "nothing lies above the store");
}

async fn what_is_deleted_is_not_listed(area: &Area<'_>) {
    area.delete("a/b/c").await;
    area.delete("a/b/c2/x").await;
    assert_eq!(names(area, "a/b", None, 100).await, ["a/b-c", "a/b.c/d", "a/bb"]);
    assert!(names(area, "a/b/", None, 100).await.is_empty());
}

async fn many_pages(area: &Area<'_>) {
    let many: Vec<String> = (0..120).map(|n| format!("many/{}/{n:03}", n / 50)).collect();
    join_all(many.iter().map(|name| area.put(name, ""))).await;
    let mut seen: Vec<String> = Vec::new();
    loop {
        let page = names(area, "many/", seen.last().map(String::as_str), 17).await;
        if page.is_empty() {
            break;
        }
        seen.extend(page);
        assert!(seen.len() <= many.len(), "pages never end");
    }
    assert_eq!(seen, many);
}
