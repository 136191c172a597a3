//! Who is let in, and from where, through actix-web's test service.

use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, HOST, ORIGIN, WWW_AUTHENTICATE};
use actix_web::middleware::from_fn;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, web};
use actors::model::Owner;
use actors::ports::{Clock as _, SystemClock};

use super::*;
use crate::config::ServeConfig;
use crate::config::keys::NewKey;
use crate::links::tests::real as links;

async fn whoami(principal: Principal) -> String {
    principal.owner.to_string()
}

async fn probe() -> &'static str {
    "ok"
}

/// Status, whether it asks for a key, and the body.
async fn ask(keyring: Keyring, request: TestRequest) -> (StatusCode, bool, String) {
    let app = App::new()
        .app_data(web::Data::new(keyring))
        .app_data(web::Data::new(links()))
        .wrap(from_fn(authenticate))
        .route("/whoami", web::get().to(whoami))
        .route("/files/{path:.+}", web::route().to(whoami))
        .route("/u/{path:.+}", web::route().to(whoami))
        .route("/healthz", web::get().to(probe));
    let response = call_service(&init_service(app).await, request.to_request()).await;
    let (status, asks) = (response.status(), response.headers().contains_key(WWW_AUTHENTICATE));
    (status, asks, String::from_utf8(read_body(response).await.to_vec()).expect("text"))
}

fn ring(names: &[&str]) -> (Keyring, Vec<String>) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("keys.toml");
    let mut secrets = Vec::new();
    for name in names {
        let key = NewKey::random(name.parse().expect("a name"));
        key.append_to(&path).expect("append");
        secrets.push(key.secret);
    }
    (Keyring::load(&path).expect("loads"), secrets)
}

#[test]
fn only_a_known_key_opens() {
    let (ring, secrets) = ring(&["ada", "bob", "ada"]);
    let owner = |secret: &str| ring.principal(Some(secret)).map(|who| who.owner.to_string());
    assert_eq!(owner(&secrets[0]).as_deref(), Some("ada"));
    assert_eq!(owner(&secrets[1]).as_deref(), Some("bob"));
    assert_eq!(owner(&secrets[2]).as_deref(), Some("ada"), "a second key of one name");
    let mut near = secrets[0].clone();
    near.pop();
    for wrong in ["", "hl_", near.as_str(), &format!("{} ", secrets[0]), "ada"] {
        assert_eq!(owner(wrong), None, "{wrong:?}");
    }
    assert_eq!(ring.principal(None), None);
    assert_eq!(Keyring::open().principal(None), Some(Principal { owner: Owner::local() }));
}

#[actix_web::test]
async fn both_headers_carry_the_key() {
    let (ring, secrets) = ring(&["ada", "bob"]);
    let by_key = TestRequest::get().uri("/whoami").insert_header(("X-API-Key", secrets[1].as_str()));
    assert_eq!(ask(ring.clone(), by_key).await, (StatusCode::OK, false, "bob".to_owned()));
    let bearer = format!("bearer {}", secrets[0]);
    let by_token = TestRequest::get().uri("/whoami").insert_header((AUTHORIZATION, bearer));
    assert_eq!(ask(ring.clone(), by_token).await, (StatusCode::OK, false, "ada".to_owned()));
    let basic = TestRequest::get().uri("/whoami").insert_header((AUTHORIZATION, format!("Basic {}", secrets[0])));
    assert_eq!(ask(ring, basic).await.0, StatusCode::UNAUTHORIZED);
}

#[actix_web::test]
async fn without_a_key_it_asks_for_one_and_repeats_none() {
    let (ring, _) = ring(&["ada"]);
    let (status, asks, body) = ask(ring.clone(), TestRequest::get().uri("/whoami")).await;
    assert_eq!((status, asks), (StatusCode::UNAUTHORIZED, true));
    assert!(body.contains("\"kind\":\"unauthorized\""), "{body}");
    let wrong = TestRequest::get().uri("/whoami").insert_header(("X-API-Key", "hl_wrong"));
    let (status, _, body) = ask(ring.clone(), wrong).await;
    assert!(status == StatusCode::UNAUTHORIZED && !body.contains("hl_wrong"), "{body}");
    assert_eq!(ask(ring, TestRequest::get().uri("/healthz")).await.0, StatusCode::OK);
}

#[actix_web::test]
async fn a_link_stands_for_its_owner_and_for_nobody_whose_key_is_gone() {
    let (ring, secrets) = ring(&["ada", "bob"]);
    let link = |owner: &str| links().download(&owner.parse().expect("a name"), "a.csv", None, SystemClock.now()).url;
    let get = |uri: &str| TestRequest::get().uri(uri);
    assert_eq!(ask(ring.clone(), get(&link("ada"))).await, (StatusCode::OK, false, "ada".to_owned()));
    // A key beside it changes nothing, and the link opens nothing else.
    let with_key = get(&link("ada")).insert_header(("X-API-Key", secrets[1].as_str()));
    assert_eq!(ask(ring.clone(), with_key).await.2, "ada");
    let put = TestRequest::put().uri(&link("ada"));
    assert_eq!(ask(ring.clone(), put).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(
        ask(ring.clone(), get(&link("ada").replace("/files/a.csv", "/whoami"))).await.0,
        StatusCode::UNAUTHORIZED
    );
    // Whoever is not known any more is as whoever never was.
    let gone = ask(ring.clone(), get(&link("carl"))).await;
    let made_up = ask(ring.clone(), get(&link("ada").replace("ada", "carl"))).await;
    assert_eq!((gone.0, &gone), (StatusCode::NOT_FOUND, &made_up));
    assert_eq!(ask(Keyring::open(), get(&link("ada"))).await.0, StatusCode::NOT_FOUND);
    assert_eq!(ask(Keyring::open(), get(&link("local"))).await.0, StatusCode::OK);
}

#[actix_web::test]
async fn without_a_keyring_everything_is_local() {
    assert_eq!(ask(Keyring::open(), TestRequest::get().uri("/whoami")).await.2, "local");
}

#[test]
fn an_address_that_others_reach_needs_a_lock() {
    let addr = |text: &str| text.parse::<SocketAddr>().expect("an address");
    assert!(check_bind(addr("127.0.0.1:80"), false, false).is_ok());
    assert!(check_bind(addr("[::1]:80"), false, false).is_ok());
    for open in ["0.0.0.0:80", "[::]:80", "10.0.0.1:80"] {
        assert!(check_bind(addr(open), false, false).is_err(), "{open}");
        assert!(check_bind(addr(open), true, false).is_ok() && check_bind(addr(open), false, true).is_ok(), "{open}");
    }
}

async fn from(flags: &[&str], host: &str, origin: Option<&str>) -> StatusCode {
    let config = ServeConfig::from_flags(flags.iter().copied()).expect("valid settings");
    let app = App::new()
        .app_data(web::Data::new(SourceRules::new(&config)))
        .wrap(from_fn(check_source))
        .route("/jobs", web::get().to(probe))
        .route("/readyz", web::get().to(probe));
    let request = TestRequest::get().uri("/jobs").insert_header((HOST, host));
    let request = match origin {
        Some(origin) => request.insert_header((ORIGIN, origin)),
        None => request,
    };
    let service = init_service(app).await;
    let ready = TestRequest::get().uri("/readyz").insert_header((HOST, host)).to_request();
    assert_eq!(call_service(&service, ready).await.status(), StatusCode::OK, "probes come by any address");
    call_service(&service, request.to_request()).await.status()
}

#[actix_web::test]
async fn loopback_is_answered_and_a_foreign_name_is_not() {
    for host in ["localhost", "localhost:8000", "127.0.0.1:9", "[::1]:8000", "LOCALHOST:8000"] {
        assert_eq!(from(&[], host, None).await, StatusCode::OK, "{host}");
    }
    for host in ["evil.example", "localhost.evil.example:8000", "evil@localhost", "localhost/x", "", "127.0.0.2"] {
        assert_eq!(from(&[], host, None).await, StatusCode::FORBIDDEN, "{host}");
    }
}

#[actix_web::test]
async fn a_foreign_page_is_not_answered() {
    for origin in ["http://localhost:6274", "https://localhost", "http://127.0.0.1:8000", "http://[::1]"] {
        assert_eq!(from(&[], "localhost:8000", Some(origin)).await, StatusCode::OK, "{origin}");
    }
    for origin in ["https://evil.example", "null", "http://localhost.evil.example", "file://", ""] {
        assert_eq!(from(&[], "localhost:8000", Some(origin)).await, StatusCode::FORBIDDEN, "{origin}");
    }
}

#[actix_web::test]
async fn the_settings_widen_the_rules() {
    let public = ["--public-url", "https://jobs.example.com"];
    assert_eq!(from(&public, "jobs.example.com", Some("https://jobs.example.com")).await, StatusCode::OK);
    assert_eq!(from(&public, "jobs.example.com", Some("http://jobs.example.com")).await, StatusCode::FORBIDDEN);
    let hosts = ["--allowed-hosts", "a.example:81,b.example"];
    assert_eq!(from(&hosts, "a.example:81", None).await, StatusCode::OK);
    assert_eq!(from(&hosts, "a.example:82", None).await, StatusCode::FORBIDDEN);
    assert_eq!(from(&hosts, "b.example:82", None).await, StatusCode::OK);
    let origins = ["--allowed-origins", "https://app.example,http://dev.example:*"];
    assert_eq!(from(&origins, "localhost", Some("https://app.example")).await, StatusCode::OK);
    assert_eq!(from(&origins, "localhost", Some("https://app.example:444")).await, StatusCode::FORBIDDEN);
    assert_eq!(from(&origins, "localhost", Some("http://dev.example:3000")).await, StatusCode::OK);
    // A page of its own may ask it again, whatever other name it goes by; a page of another port may not.
    assert_eq!(from(&hosts, "b.example", Some("https://b.example")).await, StatusCode::OK);
    assert_eq!(from(&hosts, "a.example:81", Some("http://a.example:81")).await, StatusCode::OK);
    assert_eq!(from(&hosts, "b.example", Some("https://b.example:444")).await, StatusCode::FORBIDDEN);
    assert_eq!(from(&hosts, "b.example", Some("https://a.example:81")).await, StatusCode::FORBIDDEN);
    let open = ["--addr", "10.1.2.3:8000", "--allow-anonymous"];
    assert_eq!(from(&open, "10.1.2.3:8000", None).await, StatusCode::OK);
}
