//! Versions, and writers that race for one.

use std::collections::HashSet;

use bytes::Bytes;
use futures_util::future::join_all;

use super::Area;
use crate::ports::{Etag, Expect, StoreErrorKind};

/// How many writers race, and how often: a check and a write that are two steps slip through once in a while only.
const WRITERS: usize = 24;
const ROUNDS: usize = 20;

pub(super) async fn check(area: &Area<'_>) {
    for round in 0..ROUNDS {
        let version = area.put("race/etag", "start").await;
        one_of_many_wins(area, "race/etag", &Expect::Etag(version)).await;
        one_of_many_wins(area, &format!("race/{round}"), &Expect::Absent).await;
    }
    one_of_many_wins(area, "race/in/a/new/folder", &Expect::Absent).await;
    a_chain_of_versions_loses_no_writer(area).await;
    a_version_never_comes_back(area).await;
    neighbours_come_and_go(area).await;
}

async fn one_of_many_wins(area: &Area<'_>, name: &str, expect: &Expect) {
    let key = area.key(name);
    let writers = (0..WRITERS).map(|writer| area.store.put(&key, Bytes::from(writer.to_string()), expect.clone()));
    let outcomes = join_all(writers).await;
    let mut won = outcomes.iter().enumerate().filter_map(|(writer, outcome)| Some((writer, outcome.as_ref().ok()?)));
    let (winner, etag) = won.next().unwrap_or_else(|| panic!("{name}: nobody won"));
    assert!(won.next().is_none(), "{name}: two writers won with {expect:?}");
    let conflicts = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
    assert!(conflicts.into_iter().all(|error| error.kind == StoreErrorKind::Conflict), "{name}: losers get a conflict");
    let blob = area.get(name).await.expect("the winner wrote it");
    assert_eq!(
        (&blob.value[..], &blob.meta.etag),
        (winner.to_string().as_bytes(), etag),
        "{name}: the winner's value stays"
    );
}

/// Every writer adds one, by read and conditional write until it succeeds: the sum shows a lost update.
async fn a_chain_of_versions_loses_no_writer(area: &Area<'_>) {
    area.put("chain", "0").await;
    join_all((0..8).map(async |_| {
        loop {
            let blob = area.get("chain").await.expect("it is there");
            let sum: u32 = str::from_utf8(&blob.value).ok().and_then(|text| text.parse().ok()).expect("a whole number");
            let next = Bytes::from((sum + 1).to_string());
            if area.store.put(&area.key("chain"), next, Expect::Etag(blob.meta.etag)).await.is_ok() {
                break;
            }
        }
    }))
    .await;
    assert_eq!(area.value("chain").await.as_deref(), Some(&b"8"[..]), "no update is lost");
}

async fn a_version_never_comes_back(area: &Area<'_>) {
    let first = area.put("aba", "a").await;
    let mut seen = HashSet::from([first.clone()]);
    for round in 0..40 {
        if round % 10 == 9 {
            area.delete("aba").await;
        }
        let value = if round % 2 == 0 { "a" } else { "b" };
        assert!(seen.insert(area.put("aba", value).await), "round {round}: the version was used before");
    }
    assert_eq!(
        area.put_if("aba", "c", Expect::Etag(first)).await,
        Err(StoreErrorKind::Conflict),
        "the same bytes, another version"
    );
    let twin: HashSet<Etag> = join_all((0..WRITERS).map(|_| area.put("twins", "same"))).await.into_iter().collect();
    assert_eq!(twin.len(), WRITERS, "writers at once get a version each");
}

/// Blobs are written and deleted beside each other all the time: nobody's place may be pulled away under a writer.
async fn neighbours_come_and_go(area: &Area<'_>) {
    join_all((0..16).map(async |writer| {
        for round in 0..12 {
            let name = format!("busy/{}/{}/{writer}", round % 2, round % 3);
            area.put(&name, name.clone()).await;
            assert_eq!(area.value(&name).await.as_deref(), Some(name.as_bytes()), "{name} was just written");
            area.delete(&name).await;
            assert!(area.get(&name).await.is_none(), "{name} was just deleted");
        }
    }))
    .await;
}
