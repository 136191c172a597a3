//! The way to Azure as a managed identity: a stand-in of the platform's endpoint gives tokens, Azurite asks for them, and
//! nobody signs an address. Over TLS, with a certificate of the test's own.

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use actors::ports::{Clock as _, SystemClock};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

use crate::azurite::{Azurite, new_name};
use crate::harness::{Caller, Server, complained, keys, program, said};

const HEADER: &str = "only-this-app-knows-it";
const CLIENT: &str = "11111111-2222-3333-4444-555555555555";
const TENANT: &str = "66666666-7777-8888-9999-000000000000";

/// The platform's endpoint: gives a token to whoever knows the header ("REST endpoint reference" of managed identities).
struct Platform {
    endpoint: String,
    /// The queries that came with the right header.
    asked: Arc<Mutex<Vec<String>>>,
    server: actix_web::dev::ServerHandle,
}

impl Platform {
    fn start() -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let shared = web::Data::from(Arc::clone(&asked));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let endpoint = format!("http://{}/msi/token", listener.local_addr().expect("an address"));
        let app = move || App::new().app_data(shared.clone()).route("/msi/token", web::get().to(give));
        let server = HttpServer::new(app).workers(1).disable_signals().listen(listener).expect("it listens").run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { endpoint, asked, server: handle }
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        drop(self.server.stop(false));
    }
}

async fn give(request: HttpRequest, asked: web::Data<Mutex<Vec<String>>>) -> HttpResponse {
    if request.headers().get("x-identity-header").is_none_or(|header| header != HEADER) {
        return HttpResponse::Unauthorized().json(json!({"statusCode": 401, "message": "no such app"}));
    }
    asked.lock().push(request.query_string().to_owned());
    let now = SystemClock.now().unix_timestamp();
    let claims = json!({
        "aud": "https://storage.azure.com", "iss": "https://sts.windows.net/tenant/",
        "iat": now - 10, "nbf": now - 10, "exp": now + 3600, "oid": CLIENT, "tid": TENANT,
    });
    HttpResponse::Ok().json(json!({
        "access_token": token(&claims), "expires_on": (now + 3600).to_string(), "resource": "https://storage.azure.com",
        "token_type": "Bearer",
    }))
}

/// Azurite looks at the claims and not at the signature.
fn token(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.c2lnbmVk", part(&json!({"alg": "RS256", "typ": "JWT"})), part(claims))
}

/// Everything that such a deployment has.
struct Site {
    azurite: Azurite,
    platform: Platform,
    folder: Arc<TempDir>,
    certificate: PathBuf,
}

impl Site {
    async fn new() -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("temporary folder"));
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("made");
        let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        tokio::fs::write(&certificate, made.cert.pem()).await.expect("written");
        tokio::fs::write(&key, made.signing_key.serialize_pem()).await.expect("written");
        let (cert, key) = (certificate.display().to_string(), key.display().to_string());
        let azurite = Azurite::start(&["--oauth", "basic", "--cert", &cert, "--key", &key]).await;
        Self { azurite, platform: Platform::start(), folder, certificate }
    }

    fn places(&self) -> [String; 2] {
        let name = new_name();
        [&self.azurite.blob, &self.azurite.queue].map(|at| format!("{at}/devstoreaccount1/{name}"))
    }

    fn variables<'a>(&'a self, header: &'a str, certificate: &'a str) -> [(&'a str, &'a str); 3] {
        [("IDENTITY_ENDPOINT", &*self.platform.endpoint), ("IDENTITY_HEADER", header), ("SSL_CERT_FILE", certificate)]
    }

    async fn doctor(&self, variables: &[(&str, &str)], flags: &[&str]) -> (bool, String) {
        let mut command = program(&[&["doctor", "--addr", "127.0.0.1:0"], flags].concat());
        let found = command.envs(variables.iter().copied()).output().await.expect("the program starts");
        (found.status.success(), format!("{}{}", said(&found), complained(&found)))
    }
}

#[tokio::test]
async fn a_managed_identity_opens_store_and_queue() {
    let site = Site::new().await;
    let [store, queue] = site.places();
    let certificate = site.certificate.display().to_string();
    let variables = site.variables(HEADER, &certificate);
    let (fine, found) = site.doctor(&variables, &["--store", &store, "--queue", &queue]).await;
    assert!(fine && found.contains("written, read and deleted") && found.contains("0 jobs wait"), "{found}");
    let asked = std::mem::take(&mut *site.platform.asked.lock());
    assert!(!asked.is_empty() && asked.iter().all(|query| query.contains("storage.azure.com")), "{asked:?}");
    assert!(!asked.concat().contains("client_id"), "the system-assigned one");

    let scratch = site.folder.path().join("scratch").display().to_string();
    let flags = ["--store", &store, "--queue", &queue, "--scratch", &scratch, "--azure-client-id", CLIENT];
    let started = Server::try_start_with(Arc::clone(&site.folder), &flags, &variables).await;
    let server = started.unwrap_or_else(|not| panic!("{}", not.stderr));
    let caller = server.caller();
    caller.put("a.csv", "n\n1\n2\n").await;
    let answer = caller.call("data_query", json!({"sql": "select sum(n) as s from 'a.csv'"})).await;
    assert_eq!(answer.raw["rows"], json!([[3]]), "{}", answer.raw);
    let asked = site.platform.asked.lock().clone();
    assert!(!asked.is_empty() && asked.iter().all(|query| query.contains(CLIENT)), "the user-assigned one: {asked:?}");
    assert!(asked.len() < 5, "a token serves until it ends: {asked:?}");
}

#[tokio::test]
async fn what_is_wrong_with_an_identity_is_told() {
    let site = Site::new().await;
    let [store, _] = site.places();
    let certificate = site.certificate.display().to_string();
    let (fine, found) = site.doctor(&site.variables("wrong", &certificate), &["--store", &store]).await;
    assert!(!fine && found.contains("no token for Azure") && found.contains("--azure-credential"), "{found}");
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("made").cert.pem();
    let others = site.folder.path().join("other.pem").display().to_string();
    tokio::fs::write(&others, other).await.expect("written");
    let (fine, found) = site.doctor(&site.variables(HEADER, &others), &["--store", &store]).await;
    assert!(!fine && found.contains("cannot be reached"), "a certificate that nobody vouches for: {found}");
    let (fine, found) = site.doctor(&site.variables(HEADER, "/dev/null"), &["--store", &store]).await;
    assert!(!fine && found.contains("SSL_CERT_FILE"), "no certificates at all: {found}");
    let forced = ["--store", &store, "--azure-credential", "workload-identity"];
    let (fine, found) = site.doctor(&site.variables(HEADER, &certificate), &forced).await;
    assert!(!fine && found.contains("no token for Azure"), "{found}");
}

/// Somebody who knows nothing but addresses, follows none to another by itself, and trusts the site's Azurite.
async fn stranger(site: &Site) -> reqwest::Client {
    let pem = tokio::fs::read(&site.certificate).await.expect("a certificate");
    let certificate = reqwest::Certificate::from_pem(&pem).expect("a certificate");
    let builder = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    builder.tls_certs_only([certificate]).build().expect("a client")
}

/// A server of the site that knows Ada, and Ada.
async fn of_ada(site: &Site, flags: &[&str]) -> (Server, Caller) {
    let [store, queue] = site.places();
    let certificate = site.certificate.display().to_string();
    let scratch = site.folder.path().join("scratch").display().to_string();
    let (file, secrets) = keys(site.folder.path(), &["ada"]).await;
    let own = ["--store", &store, "--queue", &queue, "--scratch", &scratch, "--api-keys", &file];
    let variables = site.variables(HEADER, &certificate);
    let started = Server::try_start_with(Arc::clone(&site.folder), &[&own, flags].concat(), &variables).await;
    let server = started.unwrap_or_else(|not| panic!("{}", not.stderr));
    let ada = server.caller_with(&secrets[0]);
    (server, ada)
}

/// The link to the only file there is, and its end.
async fn link(ada: &Caller) -> (String, String) {
    let listed = ada.call("file_list", json!({"links": true})).await.raw;
    let text = |name: &str| listed["files"][0][name].as_str().unwrap_or_else(|| panic!("{name}: {listed}")).to_owned();
    (text("download_url"), text("expires_at"))
}

fn parameter(url: &str, name: &str) -> String {
    let url = Url::parse(url).expect("a URL");
    let found = url.query_pairs().find_map(|(own, value)| (own == name).then(|| value.into_owned()));
    found.unwrap_or_else(|| panic!("no {name} in {url}"))
}

#[tokio::test]
async fn a_download_link_leads_to_azure_itself() {
    let site = Site::new().await;
    let (server, ada) = of_ada(&site, &["--log-filter", "trace"]).await;
    ada.put("in/50%25%20%C3%BC%23.csv", "a\n1\n2\n").await;
    let (url, end) = link(&ada).await;
    let stranger = stranger(&site).await;
    let led = stranger.get(&url).send().await.expect("an answer");
    assert_eq!((led.status().as_u16(), &led.headers()["cache-control"]), (307, &"no-store".parse().expect("a value")));
    let address = led.headers()["location"].to_str().expect("text").to_owned();
    assert!(address.starts_with(&site.azurite.blob), "{address}");
    assert_eq!((parameter(&address, "sp").as_str(), parameter(&address, "spr").as_str()), ("r", "https"));
    assert_eq!(
        (parameter(&address, "sr").as_str(), &parameter(&address, "se")[..19]),
        ("b", &end[..19]),
        "the link's end"
    );

    let whole = stranger.get(&address).send().await.expect("an answer");
    let header = |name: &str| whole.headers()[name].to_str().expect("text").to_owned();
    assert_eq!((whole.status().as_u16(), header("content-type").as_str()), (200, "text/csv"));
    assert_eq!(header("content-disposition"), "attachment; filename*=UTF-8''50%25%20%C3%BC%23.csv");
    assert_eq!(whole.text().await.expect("text"), "a\n1\n2\n");
    let part = stranger.get(&address).header("Range", "bytes=0-2").send().await.expect("an answer");
    assert_eq!((part.status().as_u16(), part.text().await.expect("text").as_str()), (206, "a\n1"));

    // It is good for nothing else.
    let put = stranger.put(&address).header("x-ms-blob-type", "BlockBlob").body("x").send().await.expect("an answer");
    assert_eq!(
        (put.status().as_u16(), stranger.delete(&address).send().await.expect("an answer").status().as_u16()),
        (403, 403)
    );
    ada.put("in/other.csv", "a\n").await;
    let other = address.replacen("50%25%20%C3%BC%23.csv", "other.csv", 1);
    let (place, right) = address.split_once('?').expect("signed");
    let container = place.split('/').take(5).collect::<Vec<_>>().join("/");
    for denied in [other, format!("{container}?restype=container&comp=list&{right}")] {
        assert_ne!(denied, address);
        assert_eq!(stranger.get(&denied).send().await.expect("an answer").status(), 403, "{denied}");
    }
    // Whoever brings a key is answered here, as the key would go along.
    assert_eq!(ada.file("in/other.csv").await, b"a\n");
    let log = server.log();
    let signature = parameter(&address, "sig");
    let encoded = address.split("sig=").nth(1).expect("a signature");
    assert!(!log.contains(&signature) && !log.contains(encoded), "the signature stays out of the log");

    site.azurite.advance(Duration::from_hours(25)).await;
    assert_eq!(stranger.get(&address).send().await.expect("an answer").status(), 403, "it is over");
}

#[tokio::test]
async fn a_closed_network_keeps_downloads_here() {
    let site = Site::new().await;
    let (_server, ada) = of_ada(&site, &["--direct-links=false"]).await;
    ada.put("a.csv", "a\n1\n").await;
    let answer = stranger(&site).await.get(link(&ada).await.0).send().await.expect("an answer");
    assert_eq!((answer.status().as_u16(), answer.text().await.expect("text").as_str()), (200, "a\n1\n"));
}
