//! Who hears of what, and how often.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::*;

fn owner(name: &str) -> Owner {
    name.parse().expect("a name")
}

fn bell() -> Ring {
    Ring::Bell(Notify::new())
}

fn is(version: &str) -> Version {
    Version::Is(version.to_owned())
}

fn updated(subscription: &Subscription) -> Vec<String> {
    subscription.subscriber().take().updated.into_iter().collect()
}

#[test]
fn everyone_hears_of_what_is_theirs_alone() {
    let changes = Changes::default();
    let (ada, eve) = (owner("ada"), owner("eve"));
    let of = |owner: &Owner| changes.subscribe(owner, Lists::ALL, bell());
    let (hers, other, deaf) = (of(&ada), of(&eve), changes.subscribe(&ada, Lists::default(), bell()));
    for subscription in [&hers, &other, &deaf] {
        subscription.watch("heavylift://files/a.csv", "mine");
    }
    changes.file(&ada, &"a.csv".parse().expect("a path"), Some("1"));
    let news = hers.subscriber().take();
    assert_eq!(news.lists, Lists { resources: true, ..Lists::default() });
    assert_eq!(news.updated.into_iter().collect::<Vec<_>>(), ["mine"]);
    assert_eq!(other.subscriber().take(), News::default(), "another's file");
    let news = deaf.subscriber().take();
    assert_eq!((news.lists, news.updated.len()), (Lists::default(), 1), "lists were not asked for");
    changes.list(List::Tools);
    assert!(hers.subscriber().take().lists.tools && other.subscriber().take().lists.tools);
}

#[test]
fn a_change_is_told_once() {
    let (changes, ada) = (Changes::default(), owner("ada"));
    let subscription = changes.subscribe(&ada, Lists::default(), bell());
    subscription.watch("u", "u");
    let seen = |uri: &str| changes.watched().into_iter().find(|watched| watched.uri == uri).expect("watched");
    subscription.looked("u", is("1"));
    assert!(updated(&subscription).is_empty(), "the first look tells nothing");
    changes.looked(&seen("u"), is("1"));
    assert!(updated(&subscription).is_empty());
    let before = seen("u");
    changes.resource(&ada, "u", is("2"));
    assert_eq!(updated(&subscription), ["u"]);
    changes.looked(&before, is("1"));
    changes.looked(&seen("u"), is("2"));
    changes.resource(&ada, "u", is("2"));
    assert!(updated(&subscription).is_empty(), "an old look and the same version tell nothing");
    changes.looked(&seen("u"), Version::Absent);
    assert_eq!(updated(&subscription), ["u"], "what another replica did");
}

#[test]
fn nothing_is_left_of_who_has_gone() {
    let (changes, ada) = (Changes::default(), owner("ada"));
    let (first, second) = (changes.subscribe(&ada, Lists::ALL, bell()), changes.subscribe(&ada, Lists::ALL, bell()));
    first.watch("u", "u");
    first.watch("u", "also u");
    second.watch("u", "u");
    first.forget("u", "u");
    changes.resource(&ada, "u", is("1"));
    assert_eq!(updated(&first), ["also u"]);
    first.forget("u", "also u");
    changes.resource(&ada, "u", is("2"));
    assert!(updated(&first).is_empty());
    assert_eq!(changes.watched().len(), 1);
    drop(second);
    assert!(changes.watched().is_empty());
    drop(first);
    assert!(!changes.desk.lock().has(&ada));
}

#[test]
fn a_call_comes_once_until_somebody_asks() {
    let (changes, ada, calls) = (Changes::default(), owner("ada"), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&calls);
    let ring = Ring::Call(Box::new(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
    }));
    let subscription = changes.subscribe(&ada, Lists::ALL, ring);
    for _ in 0..3 {
        changes.list(List::Resources(&ada));
    }
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    assert!(subscription.subscriber().take().lists.resources);
    changes.list(List::Resources(&ada));
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_bell_wakes_who_waits() {
    let (changes, ada) = (Changes::default(), owner("ada"));
    let subscription = changes.subscribe(&ada, Lists::ALL, bell());
    let subscriber = Arc::clone(subscription.subscriber());
    let waits = tokio::spawn(async move { subscriber.next().await });
    tokio::task::yield_now().await;
    changes.list(List::Prompts);
    assert!(waits.await.expect("no panic").lists.prompts);
}

#[test]
fn somebody_looks_while_something_is_watched() {
    let (changes, ada, calls) = (Changes::default(), owner("ada"), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&calls);
    changes.look_by(Box::new(move || {
        counted.fetch_add(1, Ordering::SeqCst);
    }));
    let subscription = changes.subscribe(&ada, Lists::ALL, bell());
    subscription.watch("u", "u");
    subscription.watch("v", "v");
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    subscription.forget("u", "u");
    assert_eq!(changes.watched().len(), 1, "there is still one to look at");
    subscription.forget("v", "v");
    assert!(changes.watched().is_empty());
    subscription.watch("u", "u");
    assert_eq!(calls.load(Ordering::SeqCst), 2, "whoever looked has stopped");
}
