//! Reading: ranges, and what a reader sees while others write.

use std::ops::Range;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use futures_util::future::{join, join_all};

use super::{Area, drain, pattern};
use crate::ports::StoreErrorKind;

pub(super) async fn check(area: &Area<'_>) {
    a_range_is_cut_to_the_blob(area).await;
    a_reader_sees_whole_values_only(area).await;
    a_reader_keeps_what_it_reads(area).await;
}

async fn a_range_is_cut_to_the_blob(area: &Area<'_>) {
    let value = pattern(700_000);
    let etag = area.put("range", value.clone()).await;
    let whole = u64::from(700_000_u32);
    let asked: [Option<Range<u64>>; 9] = [
        None,
        Some(0..whole),
        Some(0..1),
        Some(262_143..262_146),
        Some(100_000..600_001),
        Some(whole - 1..whole + 10),
        Some(5..u64::MAX),
        Some(3..3),
        Some(whole + 5..whole + 9),
    ];
    for range in asked {
        let (meta, stream) = area.store.read(&area.key("range"), range.clone()).await.expect("it is there");
        assert_eq!((&meta.etag, meta.bytes), (&etag, whole), "{range:?}: the meta is the whole blob's");
        let got = drain(stream).await.expect("a quiet blob");
        assert!(got == expected(&value, range.clone()), "{range:?}: {} bytes, or not these", got.len());
    }
    area.put("range", "").await;
    for range in [None, Some(0..0), Some(0..9)] {
        let (_, stream) = area.store.read(&area.key("range"), range).await.expect("it is there");
        assert!(drain(stream).await.expect("a quiet blob").is_empty(), "nothing in nothing");
    }
    let missing = area.store.read(&area.key("never"), None).await.map(drop).expect_err("nothing to read");
    assert_eq!(missing.kind, StoreErrorKind::NotFound);
}

fn expected(value: &Bytes, range: Option<Range<u64>>) -> Bytes {
    let cut = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(value.len());
    range.map_or(value.clone(), |range| value.slice(cut(range.start)..cut(range.end)))
}

/// Each value is one byte, as often as the byte says in KiB: a mixture of two versions shows.
async fn a_reader_sees_whole_values_only(area: &Area<'_>) {
    let value = |of: u8| Bytes::from(vec![of; usize::from(of) * 1024]);
    area.put("whole", value(1)).await;
    let writing = join_all((0..3_u32).map(async |writer| {
        for round in 0..20_u32 {
            let of = 1 + (round * 37 + writer * 83) % 250;
            area.put("whole", value(u8::try_from(of).expect("at most 250"))).await;
        }
    }));
    let reading = join_all((0..3).map(async |_| {
        for _ in 0..20 {
            let blob = area.get("whole").await.expect("it is never absent");
            assert!(is_whole(&blob.value) && blob.meta.bytes == blob.value.len() as u64, "get sees one version");
            let (meta, stream) = area.store.read(&area.key("whole"), None).await.expect("it is never absent");
            let streamed = drain(stream).await.expect("it is never absent");
            assert!(is_whole(&streamed) && meta.bytes == streamed.len() as u64, "a stream has one version");
        }
    }));
    join(writing, reading).await;
}

fn is_whole(value: &[u8]) -> bool {
    value.first().is_some_and(|of| value.len() == usize::from(*of) * 1024 && value.iter().all(|byte| byte == of))
}

async fn a_reader_keeps_what_it_reads(area: &Area<'_>) {
    let old = pattern(3 * 1024 * 1024);
    area.put("kept", old.clone()).await;
    let (_, mut stream) = area.store.read(&area.key("kept"), None).await.expect("it is there");
    let begun = stream.try_next().await.expect("a first piece").expect("it is not empty");
    area.put("kept", vec![0; old.len()]).await;
    area.delete("kept").await;
    let rest = drain(stream).await.expect("what is read already is kept");
    assert!([begun, rest].concat() == old, "a reader that began before goes on with the old version");
}
