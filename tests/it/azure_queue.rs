//! The queue on Azure, against Azurite: the suite of every queue, and what only this one has.

use std::sync::Arc;
use std::time::Duration;

use actors::model::JobId;
use actors::ports::memory::ShiftedClock;
use actors::ports::{JobQueue as _, Message, SystemClock, contract};

use crate::azurite::{self, Azurite};

const HOLD: Duration = Duration::from_secs(30);

#[tokio::test]
async fn the_queue_keeps_its_promises() {
    let azurite = Azurite::start(&[]).await;
    let clock = Arc::new(ShiftedClock::default());
    let queue = azurite::queue(&azurite.new_queue(), clock.clone(), 16).await;
    contract::queue(&queue, async |time| {
        azurite.advance(time).await;
        clock.advance(time);
    })
    .await;
}

fn message(owner: &str) -> Message {
    Message { job: JobId::random(), owner: owner.parse().expect("an owner") }
}

#[tokio::test]
async fn what_one_server_sends_another_receives() {
    let url = azurite::shared().await.new_queue();
    let (one, other) =
        (azurite::queue(&url, Arc::new(SystemClock), 16).await, azurite::queue(&url, Arc::new(SystemClock), 16).await);
    let sent = message("ada");
    let waiting = other.receive(1, HOLD, Duration::from_mins(1));
    let (sending, received) = tokio::join!(one.send(&sent, Duration::ZERO), waiting);
    sending.expect("there is room");
    let received = received.expect("received");
    assert_eq!(received[0].message, sent);
    assert!(one.receive(1, HOLD, Duration::ZERO).await.expect("received").is_empty(), "held by the other");
    one.forget(&sent.job).await;
    let longer = other.extend(&received[0].receipt, HOLD).await.expect("extended");
    assert_ne!(longer, received[0].receipt, "a message that was handed out is not forgotten");
    one.delete(&longer).await.expect("a receipt serves everywhere");
    assert_eq!(other.depth().await.expect("depth").waiting, 0);
}

#[tokio::test]
async fn what_is_no_message_is_thrown_away() {
    let url = azurite::shared().await.new_queue();
    let queue = azurite::queue(&url, Arc::new(SystemClock), 16).await;
    let put = url.replacen('?', "/messages?", 1);
    for text in
        ["hello", "eyJqb2IiOiAieCJ9", "{&quot;job&quot;:&quot;../x&quot;,&quot;owner&quot;:&quot;ada&quot;}", ""]
    {
        let body = format!("<QueueMessage><MessageText>{text}</MessageText></QueueMessage>");
        let answer = reqwest::Client::new().post(&put).body(body).send().await.expect("an answer");
        assert_eq!(answer.status(), 201);
    }
    let sent = message("ada");
    queue.send(&sent, Duration::ZERO).await.expect("there is room");
    let mut found = Vec::new();
    while found.is_empty() {
        found = queue.receive(5, HOLD, Duration::from_secs(10)).await.expect("received");
    }
    assert_eq!(found[0].message, sent);
    queue.delete(&found[0].receipt).await.expect("deleted");
    assert!(queue.receive(5, Duration::from_secs(1), Duration::ZERO).await.expect("received").is_empty());
    let left = reqwest::get(format!("{put}&peekonly=true")).await.expect("an answer").text().await.expect("a body");
    assert!(!left.contains("MessageText"), "nothing is left: {left}");
}
