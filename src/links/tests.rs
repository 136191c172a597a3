//! What a link opens, and that nothing near it does.

use actors::ports::memory::ManualClock;

use super::*;

const HOUR: Duration = Duration::from_hours(1);

/// The links of a server with the key `key`, at the moment `at`.
fn links_of(key: u8, at: OffsetDateTime, signs_downloads: bool) -> Links {
    let clock = Arc::new(ManualClock::new(at));
    Links::new(LinkKey::new(&[key; 32]), "http://host".to_owned(), signs_downloads, 24 * HOUR, clock)
}

fn links(signs_downloads: bool) -> Links {
    links_of(7, now(), signs_downloads)
}

/// Links by the machine's clock, for tests of those who use them.
pub(crate) fn real() -> Links {
    let clock = Arc::new(actors::ports::SystemClock);
    Links::new(LinkKey::new(&[7; 32]), String::new(), true, HOUR, clock)
}

fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_800_000_000).expect("a time")
}

fn owner(name: &str) -> Owner {
    name.parse().expect("a name")
}

fn file(text: &str) -> Target {
    Target::File(text.parse().expect("a path"))
}

/// What the request for `url` is allowed at `moment`; `None` where it brings no link.
fn ask(method: &Method, url: &str, moment: OffsetDateTime) -> Option<Result<Grant, AppError>> {
    let rest = url.strip_prefix("http://host").expect("ours");
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    Some(links_of(7, moment, true).check(&Brought::find(method, path, query)?))
}

fn kind(method: &Method, url: &str, moment: OffsetDateTime) -> ErrorKind {
    ask(method, url, moment).expect("it brings a link").expect_err("refused").kind
}

#[test]
fn a_download_link_opens_its_file_until_it_ends() {
    let link = links(true).download(&owner("ada"), "in/a b.csv", None, now());
    assert_eq!(link.until, Some(now() + 24 * HOUR));
    for method in [Method::GET, Method::HEAD] {
        let grant = ask(&method, &link.url, now()).expect("a link").expect("allowed");
        assert_eq!((grant.owner, grant.target), (owner("ada"), file("in/a b.csv")));
    }
    assert_eq!(kind(&Method::GET, &link.url, now() + 24 * HOUR), ErrorKind::Expired);
    for method in [Method::PUT, Method::DELETE, Method::POST] {
        assert_eq!(ask(&method, &link.url, now()), None, "{method} is no affair of a download link");
    }
}

#[test]
fn a_link_ends_with_what_it_leads_to() {
    let kept = now() + HOUR;
    let link = links(true).download(&owner("ada"), "jobs/x/y", Some(kept), now());
    assert_eq!(link.until, Some(kept));
    let plain = links(false).download(&owner("local"), "jobs/x/ü", Some(kept), now());
    assert_eq!(plain, Link { url: "http://host/files/jobs/x/%C3%BC".to_owned(), until: Some(kept) });
}

#[test]
fn any_changed_character_is_as_if_there_were_nothing() {
    let get = links(true).download(&owner("ada"), "a.csv", None, now()).url;
    let put = links(true).upload(&owner("ada"), &"in/".parse().expect("a folder"), HOUR, 1000).url;
    for (method, url) in [(Method::GET, get), (Method::PUT, put)] {
        assert!(ask(&method, &url, now()).expect("a link").is_ok());
        let from = url.find("ada").expect("the owner");
        for at in from..url.len() {
            for new in ["0", "z", "."] {
                let changed = format!("{}{new}{}", &url[..at], &url[at + 1..]);
                if changed != url {
                    assert_eq!(kind(&method, &changed, now()), ErrorKind::NotFound, "{changed}");
                }
            }
            assert_eq!(kind(&method, &url[..at], now()), ErrorKind::NotFound);
        }
    }
}

#[test]
fn nothing_is_carried_over_to_another_file_owner_or_use() {
    let link = links(true).download(&owner("ada"), "a.csv", None, now()).url;
    let token = link.split_once("?link=").expect("signed").1;
    for other in [
        format!("http://host/files/b.csv?link={token}"),
        format!("http://host/files/a.csv/?link={token}"),
        format!("http://host/files/x/../a.csv?link={token}"),
        format!("http://host/files/a.csv?link={}", token.replacen("ada", "bob", 1)),
        format!("http://host/u/{token}/a.csv"),
    ] {
        assert_eq!(kind(&Method::GET, &other, now()), ErrorKind::NotFound, "{other}");
    }
    let foreign = links_of(8, now(), true).download(&owner("ada"), "a.csv", None, now()).url;
    assert_eq!(kind(&Method::GET, &foreign, now()), ErrorKind::NotFound);
    assert_eq!(
        kind(&Method::GET, &foreign, now() + 48 * HOUR),
        ErrorKind::NotFound,
        "who did not sign is told of no end"
    );
}

#[test]
fn an_upload_link_opens_its_folder_and_what_is_below() {
    let link = links(true).upload(&owner("ada"), &"in/".parse().expect("a folder"), HOUR, 1000).url;
    for below in ["", "a.csv", "deep/er/a.csv", "%2E/a.csv"] {
        let grant = ask(&Method::PUT, &format!("{link}{below}"), now()).expect("a link").expect("allowed");
        assert_eq!((grant.owner, grant.max_bytes), (owner("ada"), 1000), "{below}");
    }
    for out in ["../a.csv", "..%2Fa.csv", "deep/../../a.csv", "%2e%2e/a.csv", "/a.csv", "a."] {
        assert_eq!(kind(&Method::PUT, &format!("{link}{out}"), now()), ErrorKind::InvalidParams, "{out}");
    }
    assert_eq!(kind(&Method::PUT, &link.replace("/in/", "/out/"), now()), ErrorKind::NotFound);
    assert_eq!(kind(&Method::PUT, &link.replace("/in/", "/"), now()), ErrorKind::NotFound);
    assert_eq!(kind(&Method::PUT, &link, now() + HOUR), ErrorKind::Expired);
}

#[test]
fn an_upload_link_to_a_file_opens_only_that() {
    let link = links(true).upload(&owner("ada"), &"a.csv".parse().expect("a file"), 48 * HOUR, 1000);
    assert_eq!(link.until, Some(now() + 24 * HOUR), "no longer than links may");
    assert!(ask(&Method::PUT, &link.url, now()).expect("a link").is_ok());
    for other in ["/", "/b", "b"] {
        assert_eq!(kind(&Method::PUT, &format!("{}{other}", link.url), now()), ErrorKind::NotFound, "{other}");
    }
    let token = link.url.split('/').nth(4).expect("a token");
    assert_eq!(kind(&Method::GET, &format!("http://host/files/a.csv?link={token}"), now()), ErrorKind::NotFound);
}

#[test]
fn sealed_words_come_back_only_to_their_owner_and_unchanged() {
    let (ours, other) = (links_of(7, now(), true), links_of(8, now(), true));
    let (ada, bob) = (owner("ada"), owner("bob"));
    let sealed = ours.seal(&ada, "job:1");
    assert_eq!(ours.unseal(&ada, &sealed).as_deref(), Some("job:1"));
    assert_eq!((ours.unseal(&bob, &sealed), other.unseal(&ada, &sealed)), (None, None));
    for at in 0..sealed.len() {
        let mut changed = sealed.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).expect("ASCII");
        assert_eq!(ours.unseal(&ada, &changed), None, "{changed}");
    }
    assert_eq!((ours.unseal(&ada, ""), ours.unseal(&ada, "a.b")), (None, None));
}
