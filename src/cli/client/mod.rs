//! A client of a running server: files over HTTP, tools over MCP.
//!
//! Used by the commands, the demo and the tests. It prints nothing: whoever calls it listens through callbacks.

mod call;
mod classify;
mod download;
mod envelope;
mod error;
mod http;
mod mcp;
#[cfg(test)]
mod tests;
mod upload;

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue};
use url::Url;

pub use call::{CallEvent, CallRequest, OnEvent, call, wait_for_job};
pub use download::Download;
pub use envelope::{ArtifactView, Envelope, ErrorView, FileView, FilesPage, JobsPage, ProgressView};
pub use error::ClientError;
pub use mcp::{Answer, Connection, Era};
pub use upload::Uploaded;

pub use crate::tls::install as install_tls;

use crate::config::ClientArgs;

/// Longer than three of the server's heartbeats: silence of that length means a dead connection.
const SILENCE: Duration = Duration::from_mins(1);

/// A server's address and how to speak to it. Cheap to clone.
#[derive(Clone)]
pub struct Server {
    base: Url,
    api_key: Option<String>,
    http: reqwest::Client,
}

impl Server {
    /// The server at `url`.
    ///
    /// # Errors
    /// `Usage` for what is no address or no key.
    pub fn new(url: &str, api_key: Option<&str>) -> Result<Self, ClientError> {
        install_tls();
        let wrong =
            || ClientError::Usage(format!("{url:?} is not a server's address; write one like http://127.0.0.1:8000"));
        let base = Url::parse(url.trim_end_matches('/')).map_err(|_| wrong())?;
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
            return Err(wrong());
        }
        let http = builder(&base, api_key)?.build().map_err(|error| ClientError::Local(error.to_string()))?;
        Ok(Self { base, api_key: api_key.map(str::to_owned), http })
    }

    /// The server that the command line names.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn from_args(args: &ClientArgs) -> Result<Self, ClientError> {
        Self::new(&args.url, args.api_key.as_deref())
    }

    /// Its address, without a slash at the end.
    pub fn url(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// The address of `segments` below the server's, each percent-encoded on its own.
    fn at<'a>(&self, segments: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.base.clone();
        url.path_segments_mut().expect("http addresses have paths").pop_if_empty().extend(segments);
        url
    }

    /// The address of a workspace file.
    fn file(&self, path: &str) -> Url {
        self.at(std::iter::once("files").chain(path.split('/')))
    }

    /// A client for MCP: it notices a silent connection, and never reuses an idle one (which stalls for 40 ms on Linux).
    fn mcp_client(&self) -> Result<reqwest::Client, ClientError> {
        let builder = builder(&self.base, self.api_key.as_deref())?.read_timeout(SILENCE).pool_max_idle_per_host(0);
        builder.build().map_err(|error| ClientError::Local(error.to_string()))
    }
}

/// The key goes with every request of the client; a redirect would carry it elsewhere, so none is followed.
fn builder(base: &Url, api_key: Option<&str>) -> Result<reqwest::ClientBuilder, ClientError> {
    let mut headers = HeaderMap::new();
    if let Some(key) = api_key {
        let value = HeaderValue::from_str(key.trim());
        let mut value =
            value.map_err(|_| ClientError::Usage("the API key holds characters that no key has".to_owned()))?;
        value.set_sensitive(true);
        headers.insert("x-api-key", value);
    }
    let builder = reqwest::Client::builder()
        .default_headers(headers)
        .connect_timeout(Duration::from_secs(10))
        .redirect(reqwest::redirect::Policy::none());
    // The environment's proxy is for the world outside, never for this machine.
    let loopback = match base.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    Ok(if loopback { builder.no_proxy() } else { builder })
}
