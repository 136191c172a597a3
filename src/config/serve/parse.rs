//! From text to value, one function a kind of setting; each error says what to write instead.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::{Url, keys, parse_bytes};

type Parsed<T> = Result<T, String>;

/// Which part of the work a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Takes calls and runs jobs.
    All,
    /// Takes calls; the jobs run on other replicas.
    Front,
    /// Runs jobs that other replicas took; serves probes and metrics only.
    Worker,
}

/// How logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

pub(super) fn addr(text: &str) -> Parsed<SocketAddr> {
    let numeric = text.trim().strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    let numeric = numeric.as_deref().unwrap_or(text.trim());
    numeric.parse().map_err(|_| format!("{text:?} is not an address; write an IP and a port, like 127.0.0.1:8000"))
}

/// A second server that some client starts must start, too, so with `stdio` the port is a free one.
pub(super) fn addr_or_default(text: Option<&str>, stdio: bool) -> Parsed<SocketAddr> {
    addr(text.unwrap_or(if stdio { "127.0.0.1:0" } else { "127.0.0.1:8000" }))
}

pub(super) fn role(text: &str) -> Parsed<Role> {
    match text {
        "all" => Ok(Role::All),
        "front" => Ok(Role::Front),
        "worker" => Ok(Role::Worker),
        _ => Err(format!("{text:?} is not a role; use all, front or worker")),
    }
}

pub(super) fn public_url(text: &str) -> Parsed<String> {
    let wrong = || format!("{text:?} is not an address for clients; write one like https://jobs.example.com");
    let url = Url::parse(text).map_err(|_| wrong())?;
    let plain =
        url.query().is_none() && url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
    if matches!(url.scheme(), "http" | "https") && url.has_host() && plain {
        return Ok(url.as_str().trim_end_matches('/').to_owned());
    }
    Err(wrong())
}

pub(super) fn api_keys(text: &str) -> Parsed<PathBuf> {
    let path = PathBuf::from(text);
    keys::read(&path).map_err(|error| error.to_string())?;
    Ok(path)
}

pub(super) fn boolean(text: &str) -> Parsed<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err(format!("{text:?} is neither true nor false")),
    }
}

pub(super) fn hosts(texts: &[String]) -> Parsed<Vec<String>> {
    let check = |text: &String| {
        let host = text.trim().to_ascii_lowercase();
        let url = Url::parse(&format!("http://{host}/")).ok();
        let plain = url.is_some_and(|url| url.path() == "/" && url.username().is_empty());
        let harmless = !host.contains(['/', '@', '*', '?', '#']);
        if plain && harmless { Ok(host) } else { Err(format!("{text:?} is not a host; write host or host:port")) }
    };
    texts.iter().map(check).collect()
}

pub(super) fn origins(texts: &[String]) -> Parsed<Vec<String>> {
    let check = |text: &String| {
        let origin = text.trim().trim_end_matches('/').to_ascii_lowercase();
        let url = Url::parse(origin.strip_suffix(":*").unwrap_or(&origin)).ok();
        let plain = url.is_some_and(|url| matches!(url.scheme(), "http" | "https") && url.path() == "/");
        let harmless = !origin.contains(['@', '?', '#']);
        let wrong =
            || format!("{text:?} is not an origin; write one like https://app.example.com or http://localhost:*");
        if plain && harmless { Ok(origin) } else { Err(wrong()) }
    };
    texts.iter().map(check).collect()
}

pub(super) fn log(text: &str) -> Parsed<LogFormat> {
    match text {
        "pretty" => Ok(LogFormat::Pretty),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("{text:?} is not a log format; use pretty or json")),
    }
}

pub(super) fn log_filter(text: &str) -> Parsed<String> {
    let example = "write a level or levels by module, like info,actix_server=warn,rmcp=error";
    let parsed = tracing_subscriber::EnvFilter::builder().parse(text);
    parsed.map(|_| text.to_owned()).map_err(|error| format!("{text:?} is not a filter ({error}); {example}"))
}

pub(in crate::config) fn size(text: &str, least: u64) -> Parsed<u64> {
    let bytes = parse_bytes(text)?;
    if bytes >= least {
        return Ok(bytes);
    }
    Err(format!("{text} is too small; give at least {}", crate::config::show_bytes(least)))
}
