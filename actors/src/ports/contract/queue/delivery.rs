//! From sending to deleting, and what old receipts can do: nothing.

use std::time::Duration;

use super::{Bench, HOLD, message};
use crate::ports::Receipt;

pub(super) async fn check<A: AsyncFn(Duration)>(bench: &Bench<'_, A>) {
    a_message_comes_once_until_it_is_deleted(bench).await;
    what_is_held_too_long_comes_again(bench).await;
    what_is_released_comes_at_once(bench).await;
    what_is_extended_stays_held(bench).await;
    what_is_delayed_comes_later(bench).await;
    what_is_sent_held_is_its_senders(bench).await;
    the_oldest_is_what_waits_longest(bench).await;
    unknown_receipts_do_nothing(bench).await;
}

async fn a_message_comes_once_until_it_is_deleted<A: AsyncFn(Duration)>(bench: &Bench<'_, A>) {
    assert_eq!(bench.waiting().await, 0, "the suite begins with an empty queue");
    bench.nothing_to_be_had("an empty queue").await;
    let sent = bench.send("ada").await;
    assert_eq!(bench.waiting().await, 1, "what was sent waits");
    assert!(bench.receive(0).await.is_empty(), "none were asked for");
    let delivery = bench.receive_one("sent").await;
    assert_eq!(delivery.message, sent);
    assert_eq!(bench.waiting().await, 0, "what was handed out does not wait");
    bench.nothing_to_be_had("invisible while held").await;
    bench.delete(&delivery.receipt).await;
    bench.delete(&delivery.receipt).await;
    bench.advance(HOLD * 2).await;
    bench.nothing_to_be_had("deleted for good").await;
}

async fn what_is_held_too_long_comes_again<A: AsyncFn(Duration)>(bench: &Bench<'_, A>) {
    let sent = bench.send("ada").await;
    let first = bench.receive_one("sent").await;
    bench.advance(HOLD / 2).await;
    bench.nothing_to_be_had("its time is not over").await;
    bench.advance(HOLD / 2).await;
    assert_eq!(bench.waiting().await, 1, "it waits again");
    let second = bench.receive_one("its time is over").await;
    assert_eq!(second.message, sent);
    assert_ne!(second.receipt, first.receipt, "every delivery has its own receipt");
    bench.delete(&first.receipt).await;
    bench.release(&first.receipt).await;
    bench.extend(&first.receipt, HOLD * 9).await;
    bench.nothing_to_be_had("an old receipt does not release").await;
    bench.advance(HOLD).await;
    let third = bench.receive_one("an old receipt does not delete or extend").await;
    assert_eq!(third.message, sent);
    bench.delete(&third.receipt).await;
}

async fn what_is_released_comes_at_once<A: AsyncFn(Duration)>(bench: &Bench<'_, A>) {
    let sent = bench.send("ada").await;
    let first = bench.receive_one("sent").await;
    bench.release(&first.receipt).await;
    bench.delete(&first.receipt).await;
    let second = bench.receive_one("released, by a receipt that is good for nothing more").await;
    assert_eq!(second.message, sent);
    bench.release(&first.receipt).await;
    bench.nothing_to_be_had("the second holder's hold is not the first one's to end").await;
    bench.delete(&second.receipt).await;
    bench.release(&second.receipt).await;
    bench.nothing_to_be_had("what is deleted cannot be released").await;
}

async fn what_is_extended_stays_held<A: AsyncFn(Duration)>(bench: &Bench<'_, A>) {
    let sent = bench.send("ada").await;
    let delivery = bench.receive_one("sent").await;
    bench.advance(HOLD / 2).await;
    let longer = bench.extend(&delivery.receipt, HOLD * 2).await;
    bench.advance(HOLD).await;
    bench.nothing_to_be_had("held for longer").await;
    if longer != delivery.receipt {
        bench.release(&delivery.receipt).await;
        bench.nothing_to_be_had("the receipt was replaced").await;
    }
    bench.advance(HOLD).await;
    let again = bench.receive_one("the longer time is over, too").await;
    assert_eq!(again.message, sent);
    let longer = bench.extend(&again.receipt, HOLD * 2).await;
    bench.delete(&longer).await;
    bench.advance(HOLD * 3).await;
    bench.nothing_to_be_had("deleted by the receipt that extend gave").await;
}

async fn what_is_delayed_comes_later<A: AsyncFn(Duration)>(bench: &Bench<'_, A>) {
    let late = bench.send_later("ada", HOLD).await;
    let prompt = bench.send("ada").await;
    assert_eq!(bench.waiting().await, 2, "what comes later waits, too");
    assert_eq!(bench.drain().await, [prompt], "only what is not delayed");
    bench.advance(HOLD).await;
    assert_eq!(bench.drain().await, [late], "after its delay");
}

async fn what_is_sent_held_is_its_senders<A: AsyncFn(Duration)>(bench: &Bench<'_, A>) {
    let mine = message("ada");
    let receipt = bench.send_held(&mine).await;
    bench.nothing_to_be_had("its sender holds it").await;
    bench.delete(&receipt).await;
    bench.advance(HOLD).await;
    bench.nothing_to_be_had("its sender deleted it").await;

    let receipt = bench.send_held(&mine).await;
    let longer = bench.extend(&receipt, HOLD * 2).await;
    bench.advance(HOLD).await;
    bench.nothing_to_be_had("its sender holds it for longer").await;
    bench.release(&longer).await;
    assert_eq!(bench.drain().await, std::slice::from_ref(&mine), "its sender released it");

    bench.send_held(&mine).await;
    bench.advance(HOLD).await;
    assert_eq!(bench.drain().await, [mine], "its sender is gone");
}

async fn the_oldest_is_what_waits_longest<A: AsyncFn(Duration)>(bench: &Bench<'_, A>) {
    assert_eq!(bench.oldest().await, None, "nothing waits");
    bench.send("ada").await;
    let first = bench.oldest().await.expect("one waits");
    bench.advance(HOLD).await;
    bench.send("ben").await;
    assert_eq!(bench.oldest().await, Some(first), "the second one came later");
    bench.drain().await;
    assert_eq!(bench.oldest().await, None, "nothing waits any more");
}

async fn unknown_receipts_do_nothing<A: AsyncFn(Duration)>(bench: &Bench<'_, A>) {
    let sent = bench.send("ada").await;
    for receipt in ["", ".", "1", "1.", "nonsense", "0.0", "1.1", "\u{0}", "99999999999999999999.1"] {
        let receipt = Receipt(receipt.to_owned());
        bench.delete(&receipt).await;
        bench.release(&receipt).await;
        bench.extend(&receipt, HOLD).await;
    }
    assert_eq!(bench.drain().await, [sent]);
}
