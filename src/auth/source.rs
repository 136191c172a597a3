//! From where: a page of another site must not reach the server through a visitor's browser.
//!
//! A foreign `Origin` is such a page; a foreign `Host` is a name that someone pointed here (DNS rebinding). `/mcp` has the same
//! rules through rmcp: `app` hands it [`SourceRules::hosts`] and [`SourceRules::origins`].

use std::net::IpAddr;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HOST, ORIGIN};
use actix_web::middleware::Next;
use actix_web::{Error, web};
use url::Url;

use super::is_probe;
use crate::config::ServeConfig;
use crate::error::{AppError, ErrorKind};

const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Which `Host` and `Origin` headers are answered.
#[derive(Clone, Debug)]
pub struct SourceRules {
    hosts: Vec<String>,
    /// Those of the hosts that the settings name without saying which origin their pages have.
    bare_hosts: Vec<String>,
    origins: Vec<String>,
}

impl SourceRules {
    /// Loopback, the address itself, the public one, and what the settings add.
    pub fn new(config: &ServeConfig) -> Self {
        let mut hosts: Vec<String> = LOOPBACK.map(str::to_owned).into();
        let own = config.addr.ip();
        if !own.is_unspecified() && !own.is_loopback() {
            hosts.push(bracketed(own));
        }
        let mut origins: Vec<String> = hosts.iter().flat_map(|host| any_port(host)).collect();
        if let Some(url) = config.public_url.as_deref().and_then(|url| Url::parse(url).ok()) {
            hosts.extend(url.host_str().map(str::to_owned));
            origins.push(with_port(&url));
        }
        hosts.extend(config.allowed_hosts.iter().cloned());
        origins.extend(config.allowed_origins.iter().map(|origin| explicit(origin)));
        Self { hosts, bare_hosts: config.allowed_hosts.clone(), origins }
    }

    /// The hosts, as rmcp's `allowed_hosts` takes them: `host` for any port, `host:port` for one.
    pub fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// The origins, as rmcp's `allowed_origins` takes them: `scheme://host:port`, `:*` for any port.
    pub fn origins(&self) -> &[String] {
        &self.origins
    }

    fn allows_origin(&self, origin: &str, host: &str) -> bool {
        // A page of this very server asks it again: the one for uploads does.
        let authority = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        if authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host)) && lists(&self.bare_hosts, host) {
            return true;
        }
        // "null" (a sandboxed page, a file) is no URL and so nobody's.
        let Some(url) = Url::parse(origin).ok().filter(Url::has_host) else {
            return false;
        };
        let host = url.host_str().unwrap_or_default();
        let (exact, any) = (with_port(&url), format!("{}://{host}:*", url.scheme()));
        self.origins.iter().any(|allowed| *allowed == exact || *allowed == any)
    }

    fn check(&self, request: &ServiceRequest) -> Result<(), AppError> {
        let header = |name| request.headers().get(name).map(|value| value.to_str().unwrap_or("?"));
        // HTTP/2 has the host in the request line instead.
        let host = header(HOST).or_else(|| request.uri().authority().map(actix_web::http::uri::Authority::as_str));
        let Some(host) = host.filter(|host| lists(&self.hosts, host)) else {
            return Err(forbidden("Host", host, "--public-url or --allowed-hosts"));
        };
        match header(ORIGIN) {
            Some(origin) if !self.allows_origin(origin, host) => {
                Err(forbidden("Origin", Some(origin), "--public-url or --allowed-origins"))
            }
            _ => Ok(()),
        }
    }
}

/// Whether `host` is among `hosts`, each of which is `host` for any port or `host:port`.
fn lists(hosts: &[String], host: &str) -> bool {
    let Ok(url) = Url::parse(&format!("http://{host}/")) else {
        return false;
    };
    let Some(name) = url.host_str().filter(|_| url.path() == "/" && url.username().is_empty()) else {
        return false;
    };
    let full = format!("{name}:{}", url.port_or_known_default().unwrap_or(80));
    hosts.iter().any(|allowed| *allowed == name || *allowed == full)
}

fn forbidden(header: &str, value: Option<&str>, settings: &str) -> AppError {
    let value = value.map_or_else(|| "a missing one".to_owned(), |value| format!("{value:?}"));
    let message = format!("the server does not answer to the {header} {value}; if it is its own, add it by {settings}");
    AppError::new(ErrorKind::Forbidden, message)
}

fn bracketed(ip: IpAddr) -> String {
    if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() }
}

fn any_port(host: &str) -> [String; 2] {
    ["http", "https"].map(|scheme| format!("{scheme}://{host}:*"))
}

fn with_port(url: &Url) -> String {
    let port = url.port_or_known_default().unwrap_or_default();
    format!("{}://{}:{port}", url.scheme(), url.host_str().unwrap_or_default())
}

/// An origin of the settings with its port written out.
fn explicit(origin: &str) -> String {
    match Url::parse(origin) {
        Ok(url) if !origin.ends_with(":*") => with_port(&url),
        _ => origin.to_owned(),
    }
}

/// Middleware (`from_fn`): answers 403 to a foreign `Host` or `Origin`. The [`SourceRules`] are app data.
///
/// # Errors
/// What the service behind it fails with.
pub async fn check_source<B: MessageBody + 'static>(
    rules: web::Data<SourceRules>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    if !is_probe(request.path())
        && let Err(error) = rules.check(&request)
    {
        return Ok(request.error_response(error).map_into_right_body());
    }
    next.call(request).await.map(ServiceResponse::map_into_left_body)
}
