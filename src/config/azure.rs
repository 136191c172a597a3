//! Where a container or a queue on Azure Storage is, and as whom to go there.
//!
//! Read from the settings; used by `azure`, `store::azure` and `queue::azure`. Knows nothing of what Azure does. A signature
//! never leaves [`AzureUrl`] but towards Azure: not in `Debug`, not in a fault.

use std::fmt;

use actors::ports::Key;
use percent_encoding::percent_decode_str;
use url::{Host, Url};

/// A container or a queue, and what below it is ours.
#[derive(Clone, PartialEq, Eq)]
pub struct AzureUrl {
    /// The container's or queue's address, without a query.
    endpoint: Url,
    /// What every blob's name begins with; empty, or without a slash at either end.
    prefix: String,
    /// The shared access signature, as it stands after the `?`.
    signature: Option<String>,
}

/// As whom to go to Azure, where the address carries no signature, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AzureConfig {
    /// Which kind of identity.
    pub identity: AzureIdentity,
    /// The client id of a user-assigned identity; without it the system-assigned one, or what the platform says.
    pub client_id: Option<String>,
    /// Whether links may lead clients to Azure itself: not where its network is closed to them.
    pub direct_links: bool,
}

/// The kinds of identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AzureIdentity {
    /// What Azure itself gives to a container app, an app service or a virtual machine.
    Managed,
    /// What Kubernetes gives to a pod.
    Workload,
    /// Whoever is logged in with `az` or `azd`.
    DeveloperTools,
}

/// What an address is meant to name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Container,
    Queue,
}

impl AzureUrl {
    /// The address of a container, and perhaps of a folder in it.
    ///
    /// # Errors
    /// What to write instead; the address itself is not repeated.
    pub(crate) fn container(url: &Url) -> Result<Self, String> {
        Self::parse(url, Kind::Container)
    }

    /// The address of a queue.
    ///
    /// # Errors
    /// What to write instead; the address itself is not repeated.
    pub(crate) fn queue(url: &Url) -> Result<Self, String> {
        Self::parse(url, Kind::Queue)
    }

    fn parse(url: &Url, kind: Kind) -> Result<Self, String> {
        let example = kind.example();
        let wrong = |what: &str| Err(format!("{what}; write {example}"));
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return wrong("the address carries more than a place and a signature");
        }
        if kind == Kind::Container && url.host_str().is_some_and(|host| host.contains(".queue.")) {
            return wrong("this is a queue's address");
        }
        if kind == Kind::Queue && url.host_str().is_some_and(|host| host.contains(".blob.")) {
            return wrong("this is a container's address");
        }
        let Some((endpoint, rest)) = split(url) else { return wrong(kind.missing()) };
        if !endpoint.path_segments().and_then(Iterator::last).is_some_and(is_name) {
            return wrong("the name must have 3 to 63 of a-z, 0-9 and -");
        }
        let Some(prefix) = folder(&rest).filter(|folder| folder.is_empty() || kind == Kind::Container) else {
            return wrong("what follows the name cannot be used");
        };
        let signature = signature(url)?;
        if url.scheme() == "http" && !(is_loopback(url) && signature.is_some()) {
            return wrong("http:// is for an emulator on this machine, with a signature in the address");
        }
        Ok(Self { endpoint, prefix, signature })
    }

    /// The address to ask, with its signature: not for logs.
    pub(crate) fn signed(&self) -> Url {
        let mut url = self.endpoint.clone();
        url.set_query(self.signature.as_deref());
        url
    }

    /// Whether the address carries its own right of access.
    pub(crate) fn has_signature(&self) -> bool {
        self.signature.is_some()
    }

    /// Whether Azure is played by this machine.
    pub(crate) fn is_local(&self) -> bool {
        is_loopback(&self.endpoint)
    }

    /// What every blob's name begins with, ready to be put before a key: empty, or with a slash at its end.
    pub(crate) fn prefix(&self) -> String {
        if self.prefix.is_empty() { String::new() } else { format!("{}/", self.prefix) }
    }

    /// The address of the account's whole service, without a signature.
    pub(crate) fn service(&self) -> Url {
        let mut url = self.endpoint.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop();
        }
        url
    }

    /// The name of the container or queue.
    pub(crate) fn name(&self) -> &str {
        self.endpoint.path().rsplit('/').next().unwrap_or_default()
    }

    /// The name of the account; `None` behind a domain of somebody's own, which does not tell it.
    pub(crate) fn account(&self) -> Option<&str> {
        match self.endpoint.host()? {
            Host::Domain(name) if name != "localhost" => {
                let (account, service) = name.split_once('.')?;
                let is_azures = service.split('.').any(|part| part == "blob" || part == "queue");
                // A second address of the same data, in another region.
                is_azures.then(|| account.strip_suffix("-secondary").unwrap_or(account))
            }
            _ => self.endpoint.path_segments()?.next(),
        }
    }

    /// Whether a blob may lie in both places. Of an account that is not told, any may be meant.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let same_account = self.account().zip(other.account()).is_none_or(|(one, two)| one == two);
        let (one, two) = (self.prefix(), other.prefix());
        same_account && self.name() == other.name() && (one.starts_with(&two) || two.starts_with(&one))
    }
}

/// Without the signature.
impl fmt::Display for AzureUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slash = if self.prefix.is_empty() { "" } else { "/" };
        write!(f, "{}{slash}{}", self.endpoint, self.prefix)
    }
}

impl fmt::Debug for AzureUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AzureUrl({self})")
    }
}

impl Kind {
    fn example(self) -> &'static str {
        match self {
            Self::Container => "https://ACCOUNT.blob.core.windows.net/CONTAINER",
            Self::Queue => "https://ACCOUNT.queue.core.windows.net/QUEUE",
        }
    }

    fn missing(self) -> &'static str {
        match self {
            Self::Container => "this names no container",
            Self::Queue => "this names no queue",
        }
    }
}

/// The address of the container or queue, and what follows it. An emulator has the account's name in the path.
fn split(url: &Url) -> Option<(Url, String)> {
    let in_path = matches!(url.host()?, Host::Ipv4(_) | Host::Ipv6(_) | Host::Domain("localhost"));
    let own = if in_path { 2 } else { 1 };
    let segments: Vec<&str> = url.path_segments()?.collect();
    if segments.len() < own || segments[..own].iter().any(|segment| segment.is_empty()) {
        return None;
    }
    let mut endpoint = url.clone();
    endpoint.set_query(None);
    endpoint.set_path(&segments[..own].join("/"));
    Some((endpoint, segments[own..].join("/")))
}

/// The folder that the path's `rest` names, as keys spell it.
fn folder(rest: &str) -> Option<String> {
    let folder = percent_decode_str(rest.strip_suffix('/').unwrap_or(rest)).decode_utf8().ok()?;
    (folder.is_empty() || Key::parse(&folder).is_some()).then(|| folder.into_owned())
}

/// By the rules for containers and queues: "Naming and Referencing Containers, Blobs, and Metadata", "Naming Queues and
/// Metadata".
fn is_name(name: &str) -> bool {
    let allowed = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    (3..=63).contains(&name.len()) && allowed && !name.starts_with('-') && !name.ends_with('-') && !name.contains("--")
}

fn signature(url: &Url) -> Result<Option<String>, String> {
    match url.query() {
        None | Some("") => Ok(None),
        Some(query) if url.query_pairs().any(|(name, value)| name == "sig" && !value.is_empty()) => {
            Ok(Some(query.to_owned()))
        }
        Some(_) => Err("what follows the ? is no shared access signature; leave it out or paste one whole".to_owned()),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// The identity that `text` names; `auto` chooses by what the platform put into the environment.
pub(super) fn identity(text: &str) -> Result<AzureIdentity, String> {
    match text {
        "auto" => Ok(found_identity()),
        "managed-identity" => Ok(AzureIdentity::Managed),
        "workload-identity" => Ok(AzureIdentity::Workload),
        "developer-tools" => Ok(AzureIdentity::DeveloperTools),
        _ => Err(format!("{text:?} is none; use auto, managed-identity, workload-identity or developer-tools")),
    }
}

#[expect(clippy::disallowed_methods, reason = "names that the platform sets, not settings of ours")]
fn found_identity() -> AzureIdentity {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if is_set("AZURE_FEDERATED_TOKEN_FILE") {
        AzureIdentity::Workload
    } else if is_set("IDENTITY_ENDPOINT") || is_set("MSI_ENDPOINT") {
        AzureIdentity::Managed
    } else {
        AzureIdentity::DeveloperTools
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(text: &str) -> Result<AzureUrl, String> {
        AzureUrl::container(&Url::parse(text).expect("a URL"))
    }

    #[test]
    fn an_address_is_taken_apart() {
        let url = container("https://acct.blob.core.windows.net/jobs/team%20a/x/?sv=1&sig=SECRET%3D").expect("valid");
        assert_eq!(url.to_string(), "https://acct.blob.core.windows.net/jobs/team a/x");
        assert_eq!(url.prefix(), "team a/x/");
        assert_eq!(url.signed().as_str(), "https://acct.blob.core.windows.net/jobs?sv=1&sig=SECRET%3D");
        let url = container("http://127.0.0.1:10000/devstoreaccount1/jobs?sig=SECRET").expect("valid");
        assert_eq!((url.prefix(), url.is_local()), (String::new(), true));
        assert_eq!(format!("{url:?}"), "AzureUrl(http://127.0.0.1:10000/devstoreaccount1/jobs)");
        let url = container("https://acct.blob.core.windows.net/jobs").expect("valid");
        assert!(!url.has_signature() && !url.is_local() && url.signed().query().is_none());
    }

    #[test]
    fn a_place_is_known_by_all_its_addresses() {
        let at = |place: &str| container(&format!("https://{place}")).expect("valid");
        let own = at("acct.blob.core.windows.net/jobs/team/a");
        assert_eq!((own.account(), own.name()), (Some("acct"), "jobs"));
        assert_eq!(own.service().as_str(), "https://acct.blob.core.windows.net/");
        for same in [
            "acct.blob.core.windows.net/jobs",
            "acct.blob.core.windows.net/jobs/team",
            "ACCT.blob.core.windows.net:443/jobs/team/a/owners?sig=x",
            "acct-secondary.blob.core.windows.net/jobs",
            "acct.privatelink.blob.core.windows.net/jobs",
            "files.example.com/jobs",
            "acct.dfs.core.windows.net/jobs",
        ] {
            assert!(own.overlaps(&at(same)) && at(same).overlaps(&own), "{same}");
        }
        for other in [
            "other.blob.core.windows.net/jobs",
            "acct.blob.core.windows.net/data",
            "acct.blob.core.windows.net/jobs/team/ab",
            "acct.blob.core.windows.net/jobs/data",
            "files.example.com/data",
        ] {
            assert!(!own.overlaps(&at(other)), "{other}");
        }
        let emulated = container("http://127.0.0.1:1/devstoreaccount1/jobs?sig=x").expect("valid");
        assert_eq!(emulated.service().as_str(), "http://127.0.0.1:1/devstoreaccount1");
        let again = container("http://localhost:2/devstoreaccount1/jobs/x?sig=y").expect("valid");
        assert!(emulated.overlaps(&again), "by way of a proxy");
    }

    #[test]
    fn a_faulty_address_is_told_without_its_secret() {
        for (text, told) in [
            ("https://acct.blob.core.windows.net/?sig=SECRET", "names no container"),
            ("https://acct.queue.core.windows.net/jobs?sig=SECRET", "a queue's address"),
            ("https://acct.blob.core.windows.net/Jobs?sig=SECRET", "3 to 63"),
            ("https://acct.blob.core.windows.net/jobs//a?sig=SECRET", "cannot be used"),
            ("https://acct.blob.core.windows.net/jobs?sv=SECRET", "no shared access signature"),
            ("http://acct.blob.core.windows.net/jobs?sig=SECRET", "http:// is for"),
            ("http://127.0.0.1:1/acct/jobs", "http:// is for"),
            ("http://127.0.0.1:1/acct?sig=SECRET", "names no container"),
            ("https://user:SECRET@acct.blob.core.windows.net/jobs", "more than a place"),
        ] {
            let fault = container(text).expect_err("a fault");
            assert!(fault.contains(told) && !fault.contains("SECRET"), "{text}: {fault}");
        }
        let queue = |text| AzureUrl::queue(&Url::parse(text).expect("a URL"));
        assert!(queue("https://acct.queue.core.windows.net/jobs").is_ok());
        assert!(queue("https://acct.queue.core.windows.net/jobs/more").is_err());
        assert!(queue("https://acct.blob.core.windows.net/jobs").is_err());
    }
}
