//! Turns among owners, and the queue's length.

use std::collections::HashSet;
use std::time::Duration;

use super::{Bench, message};
use crate::model::JobId;
use crate::ports::QueueErrorKind;

pub(super) async fn check<A: AsyncFn(Duration)>(bench: &Bench<'_, A>) {
    owners_take_turns(bench).await;
    a_full_queue_says_so(bench).await;
    forgetting_touches_one_job(bench).await;
}

async fn owners_take_turns<A: AsyncFn(Duration)>(bench: &Bench<'_, A>) {
    for owner in ["ada", "ada", "ada", "ben", "ben", "cyd"] {
        bench.send(owner).await;
    }
    let deliveries = bench.receive(6).await;
    let owners: Vec<&str> = deliveries.iter().map(|delivery| delivery.message.owner.as_str()).collect();
    let first: HashSet<&str> = owners.iter().take(3).copied().collect();
    let second: HashSet<&str> = owners.iter().skip(3).take(2).copied().collect();
    assert_eq!(first, HashSet::from(["ada", "ben", "cyd"]), "one of each before a second of any, got {owners:?}");
    assert_eq!(second, HashSet::from(["ada", "ben"]), "and so on, got {owners:?}");
    for delivery in deliveries {
        bench.delete(&delivery.receipt).await;
    }
}

async fn a_full_queue_says_so<A: AsyncFn(Duration)>(bench: &Bench<'_, A>) {
    let capacity = bench.queue.capacity();
    for n in 0..capacity {
        bench.send_later("ada", Duration::from_secs((n % 2) as u64)).await;
    }
    let refused = bench.queue.send(&message("ben"), Duration::ZERO).await.expect_err("it is full");
    assert_eq!(refused.kind, QueueErrorKind::Full);
    assert_eq!(bench.waiting().await, capacity, "nothing was added");

    let held = bench.receive_one("half of it is visible").await;
    bench.send("ben").await;
    bench.queue.send(&message("ben"), Duration::ZERO).await.expect_err("it is full again");
    let accepted_before = message("ben");
    bench.queue.send_again(&accepted_before).await.expect("what was accepted comes in");
    bench.release(&held.receipt).await;
    bench.advance(Duration::from_secs(1)).await;
    let drained = bench.drain().await;
    assert_eq!(drained.len(), capacity + 2, "what comes back to a full queue is not lost");
    assert!(drained.contains(&held.message), "what comes back to a full queue is not lost");
    assert!(drained.contains(&accepted_before), "what was accepted before is handed out");
    assert_eq!(bench.waiting().await, 0);
}

async fn forgetting_touches_one_job<A: AsyncFn(Duration)>(bench: &Bench<'_, A>) {
    let gone = bench.send("ada").await;
    let stays = bench.send("ada").await;
    let late = bench.send_later("ben", Duration::from_secs(1)).await;
    bench.queue.forget(&gone.job).await;
    bench.queue.forget(&gone.job).await;
    bench.queue.forget(&JobId::random()).await;
    bench.advance(Duration::from_secs(1)).await;
    let left = bench.drain().await;
    assert!(left.contains(&stays) && left.contains(&late), "other jobs' messages stay");
    assert!(left.len() == 2 || left.contains(&gone), "nothing but the forgotten message may be missing");
}
