//! What needs a store that no setting gives: one that hands out addresses of its own.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use actix::Actor as _;
use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::middleware::from_fn;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App as ActixApp, web};
use actors::model::Owner;
use actors::ports::memory::{MemoryQueue, MemoryStore};
use actors::ports::{
    Blob, BlobStore, ByteStream, Clock, DirectTerms, Etag, Expect, Key, Meta, Page, Ports, StoreError, SystemClock,
};
use actors::{Compute, Core, Supervisor, layout};
use async_trait::async_trait;
use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use tools::Catalogue;

use crate::app::{App, core_config};
use crate::auth::{Keyring, authenticate};
use crate::changes::Changes;
use crate::config::ServeConfig;
use crate::config::keys::NewKey;
use crate::links::tests::real as links;

/// Passes everything on, and gives addresses for all but the keys that hold "plain".
struct Direct(MemoryStore);

#[async_trait]
impl BlobStore for Direct {
    async fn put(&self, key: &Key, value: Bytes, expect: Expect) -> Result<Etag, StoreError> {
        self.0.put(key, value, expect).await
    }

    async fn put_file(&self, key: &Key, from: &Path, expect: Expect) -> Result<Etag, StoreError> {
        self.0.put_file(key, from, expect).await
    }

    async fn get(&self, key: &Key) -> Result<Option<Blob>, StoreError> {
        self.0.get(key).await
    }

    async fn head(&self, key: &Key) -> Result<Option<Meta>, StoreError> {
        self.0.head(key).await
    }

    async fn read(&self, key: &Key, range: Option<Range<u64>>) -> Result<(Meta, ByteStream), StoreError> {
        self.0.read(key, range).await
    }

    async fn fetch(&self, key: &Key, to: &Path) -> Result<Meta, StoreError> {
        self.0.fetch(key, to).await
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.0.delete(key).await
    }

    async fn list(&self, prefix: &str, after: Option<&Key>, limit: usize) -> Result<Page, StoreError> {
        self.0.list(prefix, after, limit).await
    }

    async fn direct_link(&self, key: &Key, terms: &DirectTerms) -> Result<Option<String>, StoreError> {
        let until = terms.until.unix_timestamp();
        let address = format!("https://store.example/{key}?until={until}&as={}&type={}", terms.file_name, terms.mime);
        Ok((!key.as_str().contains("plain")).then_some(address))
    }
}

/// A server's shared parts over [`Direct`], and the secret of the one who may come in: `ada`, with two files.
async fn server() -> (web::Data<App>, Keyring, String) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let keys = folder.path().join("keys.toml");
    let key = NewKey::random("ada".parse().expect("a name"));
    key.append_to(&keys).expect("a file of keys");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = Direct(MemoryStore::default());
    for name in ["a.csv", "plain.csv"] {
        let key = layout::file(&"ada".parse().expect("a name"), &name.parse().expect("a path"));
        store.put(&key, Bytes::from_static(b"x\n1\n"), Expect::Any).await.expect("put");
    }
    let config = ServeConfig::from_flags(["--store", "file:///never/used"]).expect("settings");
    let queue = Arc::new(MemoryQueue::new(Arc::clone(&clock), 10));
    let ports = Ports { store: Arc::new(store), queue, clock };
    let core = Core::new(core_config(&config), Catalogue::default(), ports, Compute::new(1, 1).expect("threads"));
    let app = App {
        supervisor: Supervisor::new(core.clone()).start(),
        core,
        config,
        base_url: String::new(),
        links: Arc::new(links()),
        changes: Changes::default(),
        lanes: None,
        shutdown: CancellationToken::new(),
        hang_up: CancellationToken::new(),
    };
    (web::Data::new(app), Keyring::load(&keys).expect("keys"), key.secret)
}

#[actix_web::test]
async fn a_link_leads_to_the_store_and_a_key_does_not() {
    let (app, keyring, secret) = server().await;
    let links = web::Data::from(Arc::clone(&app.links));
    let routes = ActixApp::new().app_data(app.clone()).app_data(web::Data::new(keyring)).app_data(links);
    let service = init_service(routes.configure(super::routes).wrap(from_fn(authenticate))).await;
    let link = |path: &str| {
        let owner: Owner = "ada".parse().expect("a name");
        app.links.download(&owner, path, None, app.core.ports.clock.now())
    };
    let direct = link("a.csv");
    let until = direct.until.expect("an end").unix_timestamp();
    for request in [TestRequest::get(), TestRequest::with_uri("/").method(actix_web::http::Method::HEAD)] {
        let response = call_service(&service, request.uri(&direct.url).to_request()).await;
        assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
        let address = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).expect("an address");
        let expected = format!("https://store.example/owners/ada/files/a.csv?until={until}&as=a.csv&type=text/csv");
        assert_eq!(address, expected);
    }
    for uri in [link("plain.csv").url, "/files/a.csv".to_owned()] {
        // The key would follow a redirect to wherever it leads.
        let request = TestRequest::get().uri(&uri).insert_header(("X-API-Key", secret.as_str()));
        let response = call_service(&service, request.to_request()).await;
        assert_eq!(response.status(), StatusCode::OK, "{uri}");
        assert_eq!(read_body(response).await, "x\n1\n");
    }
    let missing = TestRequest::get().uri(&link("b.csv").url).to_request();
    assert_eq!(call_service(&service, missing).await.status(), StatusCode::NOT_FOUND, "not sent away for nothing");
}
