//! Waiting for a message: woken by whatever makes one visible, and by nothing else.

use std::time::Duration;

use futures_util::future::join;

use super::{Bench, HOLD, message};

/// How long the steps are ready to wait; more than any of them needs.
const LONG: Duration = Duration::from_mins(10);

pub(super) async fn check<A: AsyncFn(Duration)>(bench: &Bench<'_, A>) {
    a_wait_has_an_end(bench).await;
    sending_wakes(bench).await;
    a_delay_that_ends_wakes(bench).await;
    a_hold_that_ends_wakes(bench).await;
    releasing_wakes(bench).await;
    a_shorter_hold_wakes_earlier(bench).await;
    every_receiver_is_woken(bench).await;
}

async fn a_wait_has_an_end<A: AsyncFn(Duration)>(bench: &Bench<'_, A>) {
    let (deliveries, ()) = join(bench.receive_within(3, HOLD), bench.advance(HOLD)).await;
    assert!(deliveries.is_empty(), "nothing was sent");
}

async fn sending_wakes<A: AsyncFn(Duration)>(bench: &Bench<'_, A>) {
    let (deliveries, sent) = join(bench.receive_within(3, LONG), bench.send("ada")).await;
    assert_eq!(deliveries.len(), 1, "one was sent");
    assert_eq!(deliveries[0].message, sent);
    bench.delete(&deliveries[0].receipt).await;
}

async fn a_delay_that_ends_wakes<A: AsyncFn(Duration)>(bench: &Bench<'_, A>) {
    let delayed = async {
        let sent = bench.send_later("ada", HOLD).await;
        bench.advance(HOLD).await;
        sent
    };
    let (deliveries, sent) = join(bench.receive_within(3, LONG), delayed).await;
    assert_eq!(deliveries.len(), 1, "its delay is over");
    assert_eq!(deliveries[0].message, sent);
    bench.delete(&deliveries[0].receipt).await;
}

async fn a_hold_that_ends_wakes<A: AsyncFn(Duration)>(bench: &Bench<'_, A>) {
    let sent = bench.send("ada").await;
    bench.receive_one("sent").await;
    let (deliveries, ()) = join(bench.receive_within(3, LONG), bench.advance(HOLD)).await;
    assert_eq!(deliveries.len(), 1, "its hold is over");
    assert_eq!(deliveries[0].message, sent);
    bench.delete(&deliveries[0].receipt).await;
}

async fn releasing_wakes<A: AsyncFn(Duration)>(bench: &Bench<'_, A>) {
    bench.send("ada").await;
    let held = bench.receive_one("sent").await;
    let (deliveries, ()) = join(bench.receive_within(3, LONG), bench.release(&held.receipt)).await;
    assert_eq!(deliveries.len(), 1, "it was released");
    bench.delete(&deliveries[0].receipt).await;
}

async fn a_shorter_hold_wakes_earlier<A: AsyncFn(Duration)>(bench: &Bench<'_, A>) {
    bench.send("ada").await;
    let held = bench.receive_one("sent").await;
    let held = bench.extend(&held.receipt, HOLD * 10).await;
    let shorten = async {
        bench.extend(&held, HOLD).await;
        bench.advance(HOLD).await;
    };
    let (deliveries, ()) = join(bench.receive_within(3, LONG), shorten).await;
    assert_eq!(deliveries.len(), 1, "the shorter hold is over");
    bench.delete(&deliveries[0].receipt).await;
}

async fn every_receiver_is_woken<A: AsyncFn(Duration)>(bench: &Bench<'_, A>) {
    let send = async {
        let message = message("ada");
        for _ in 0..2 {
            bench.queue.send(&message, Duration::ZERO).await.unwrap_or_else(|error| panic!("send failed: {error}"));
        }
    };
    let receive = join(bench.receive_within(1, LONG), bench.receive_within(1, LONG));
    let ((one, other), ()) = join(receive, send).await;
    assert_eq!((one.len(), other.len()), (1, 1), "a message for each");
    assert_ne!(one[0].receipt, other[0].receipt, "no message goes to two receivers");
    bench.delete(&one[0].receipt).await;
    bench.delete(&other[0].receipt).await;
}
