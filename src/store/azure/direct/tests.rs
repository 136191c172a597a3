//! Addresses from keys, with a stand-in of the one request that gives a key: what is signed, and how often it is asked for.

use std::sync::atomic::{AtomicU32, Ordering};

use actors::ports::memory::ManualClock;
use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenRequestOptions};
use azure_core::http::headers::Headers;
use azure_core::http::{AsyncRawResponse, HttpClient, Request, StatusCode, Transport};
use azure_core::time::OffsetDateTime as Moment;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::format_description::well_known::Rfc3339;

use super::*;

const OBJECT: &str = "11111111-2222-3333-4444-555555555555";
const TENANT: &str = "66666666-7777-8888-9999-000000000000";
const DAY: Duration = Duration::from_hours(24);

/// Azure as far as it gives keys: as long as they are asked for, or none.
#[derive(Debug, Default)]
struct Keys {
    asked: AtomicU32,
    refuses: std::sync::atomic::AtomicBool,
}

#[async_trait]
impl HttpClient for Keys {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        assert_eq!(
            request.url().as_str(),
            "https://acct.blob.core.windows.net/?comp=userdelegationkey&restype=service"
        );
        if self.refuses.load(Ordering::Relaxed) {
            let code = "<Error><Code>AuthorizationPermissionMismatch</Code></Error>";
            return Ok(AsyncRawResponse::from_bytes(StatusCode::Forbidden, Headers::new(), code));
        }
        let azure_core::http::Body::Bytes(asked) = request.body() else { panic!("a short body") };
        let asked = String::from_utf8_lossy(asked);
        let part = |name: &str| asked.split(&format!("<{name}>")).nth(1).expect(name)[..20].to_owned();
        let answer = format!(
            "<UserDelegationKey><SignedOid>{OBJECT}</SignedOid><SignedTid>{TENANT}</SignedTid>\
             <SignedStart>{}</SignedStart><SignedExpiry>{}</SignedExpiry><SignedService>b</SignedService>\
             <SignedVersion>2026-04-06</SignedVersion><Value>{}</Value></UserDelegationKey>",
            part("Start"),
            part("Expiry"),
            STANDARD.encode("the key")
        );
        Ok(AsyncRawResponse::from_bytes(StatusCode::Ok, Headers::new(), answer))
    }
}

#[derive(Debug)]
struct Identity;

#[async_trait]
impl TokenCredential for Identity {
    async fn get_token(&self, _: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        Ok(AccessToken::new("token", Moment::now_utc() + DAY))
    }
}

/// Links of `acct`'s container `jobs`, at noon.
struct World {
    azure: Arc<Keys>,
    clock: Arc<ManualClock>,
    links: DirectLinks,
}

fn at(text: &str) -> Option<DirectLinks> {
    links(text, &Arc::default(), &Arc::default())
}

fn links(text: &str, azure: &Arc<Keys>, clock: &Arc<ManualClock>) -> Option<DirectLinks> {
    let url = AzureUrl::container(&Url::parse(text).expect("a URL")).expect("a container");
    let transport = Some(Transport::new(Arc::clone(azure) as _));
    let options = ClientOptions { transport, ..ClientOptions::default() };
    DirectLinks::new(&url, (Some(Arc::new(Identity)), options), Arc::clone(clock) as _).expect("a client")
}

impl World {
    fn new() -> Self {
        let (azure, clock) = <(Arc<Keys>, Arc<ManualClock>)>::default();
        let links = links("https://acct.blob.core.windows.net/jobs/team", &azure, &clock).expect("an identity");
        Self { azure, clock, links }
    }

    /// The address of a blob for `time` from now.
    async fn address(&self, time: Duration) -> Option<Url> {
        let blob = Url::parse("https://acct.blob.core.windows.net/jobs/team%2Fa%20b.csv").expect("a URL");
        let terms = DirectTerms {
            until: self.clock.now() + time,
            file_name: "a b.csv".to_owned(),
            mime: "text/csv".to_owned(),
        };
        let address = self.links.address(&blob, "team/a b.csv", &terms).await?;
        Some(Url::parse(&address).expect("a URL"))
    }

    async fn end(&self, time: Duration) -> OffsetDateTime {
        let end = parameter(&self.address(time).await.expect("an address"), "se");
        OffsetDateTime::parse(&end, &Rfc3339).expect("a moment")
    }

    fn asked(&self) -> u32 {
        self.azure.asked.load(Ordering::Relaxed)
    }
}

fn parameter(url: &Url, name: &str) -> String {
    url.query_pairs().find_map(|(own, value)| (own == name).then(|| value.into_owned())).unwrap_or_default()
}

#[tokio::test]
async fn what_is_signed_is_what_the_documents_say() {
    let world = World::new();
    let address = world.address(DAY).await.expect("an address");
    let value = |name: &str| parameter(&address, name);
    assert_eq!(address.path(), "/jobs/team%2Fa%20b.csv");
    assert_eq!((value("sp"), value("sr"), value("spr")), ("r".to_owned(), "b".to_owned(), "https".to_owned()));
    assert_eq!((value("se"), value("rsct")), ("2026-01-02T00:00:00Z".to_owned(), "text/csv".to_owned()));
    assert_eq!(value("rscd"), "attachment; filename*=UTF-8''a%20b.csv");
    // "Version 2026-04-06 and later (Blob Storage)" in "Create a user delegation SAS", field by field.
    let signed = [
        "r",
        "",
        "2026-01-02T00:00:00Z",
        "/blob/acct/jobs/team/a b.csv",
        OBJECT,
        TENANT,
        "2025-12-31T23:45:00Z",
        "2026-01-07T00:00:00Z",
        "b",
        "2026-04-06",
        "", // who may use it, who not, correlation
        "",
        "",
        "", // for whom it is delegated
        "",
        "", // from where
        "https",
        "2026-04-06",
        "b",
        "", // snapshot, encryption scope, headers, query
        "",
        "",
        "",
        "", // cache control
        "attachment; filename*=UTF-8''a%20b.csv",
        "", // encoding, language
        "",
        "text/csv",
    ]
    .join("\n");
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"the key");
    assert_eq!(value("sig"), STANDARD.encode(ring::hmac::sign(&key, signed.as_bytes())));
}

#[tokio::test]
async fn a_key_serves_until_shortly_before_its_end() {
    let world = World::new();
    let start = world.clock.now();
    assert_eq!(world.end(DAY).await, start + DAY);
    assert_eq!(world.end(30 * DAY).await, start + KEY_LIFE, "no longer than the key");
    world.clock.advance(2 * DAY);
    assert_eq!((world.end(DAY).await, world.asked()), (start + 3 * DAY, 1));
    world.clock.advance(2 * DAY);
    assert_eq!((world.end(DAY).await, world.asked()), (start + 5 * DAY, 1));
    world.clock.advance(DAY);
    assert_eq!((world.end(DAY).await, world.asked()), (start + 6 * DAY, 2), "too close to its end");
    world.clock.advance(DAY);
    assert_eq!((world.end(5 * DAY).await, world.asked()), (start + 11 * DAY, 2));
}

#[tokio::test]
async fn without_the_right_to_a_key_there_are_no_addresses_for_a_while() {
    let world = World::new();
    world.azure.refuses.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        assert_eq!(world.address(DAY).await, None);
    }
    assert_eq!(world.asked(), 1, "it is not asked each time");
    world.azure.refuses.store(false, Ordering::Relaxed);
    assert_eq!(world.address(DAY).await, None);
    world.clock.advance(REST);
    assert!(world.address(DAY).await.is_some(), "the right was given meanwhile");
    // One that is had is good to its end, also when the right is taken away.
    world.azure.refuses.store(true, Ordering::Relaxed);
    world.clock.advance(5 * DAY + Duration::from_hours(20));
    assert!(world.address(DAY).await.is_some());
    world.clock.advance(Duration::from_hours(4));
    assert_eq!(world.address(DAY).await, None);
}

#[test]
fn an_account_that_nobody_names_cannot_be_signed_for() {
    assert!(at("https://acct.blob.core.windows.net/jobs").is_some());
    assert!(at("https://files.example.com/jobs").is_none());
}
