//! Where things are kept: the settings of store, queue and scratch folder.
//!
//! The value of a setting that may carry a signature is never repeated.

use std::convert::Infallible;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::Url;
use crate::config::AzureUrl;

/// The setting of a store, queue or mount as written: it may carry a signature after its `?`, so `Debug` does not show it.
#[derive(Clone)]
pub(super) struct Place(String);

impl Place {
    /// As written: not for logs.
    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

impl FromStr for Place {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Place")
    }
}

/// Where jobs, results and files are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreConfig {
    /// A folder that this process alone serves.
    Local(PathBuf),
    /// A container that any number of processes share.
    Azure(AzureUrl),
}

impl StoreConfig {
    /// The folder on this machine, where it is one.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Local(folder) => Some(folder),
            Self::Azure(_) => None,
        }
    }

    /// The container, where it is one.
    pub fn container(&self) -> Option<&AzureUrl> {
        match self {
            Self::Local(_) => None,
            Self::Azure(url) => Some(url),
        }
    }
}

impl fmt::Display for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(folder) => folder.display().fmt(f),
            Self::Azure(url) => url.fmt(f),
        }
    }
}

/// What hands out the jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueConfig {
    /// This process' memory.
    Local,
    /// A queue that all processes on the store share.
    Azure(AzureUrl),
}

pub(super) fn store(place: Option<&Place>) -> Result<StoreConfig, String> {
    const WRITE: &str = "write file:///path to a folder, or https://ACCOUNT.blob.core.windows.net/CONTAINER";
    let Some(Place(text)) = place else {
        let folders = directories::ProjectDirs::from("", "", "heavylift");
        let folder = folders.map(|folders| StoreConfig::Local(folders.data_dir().join("store")));
        return folder.ok_or_else(|| "the user has no home folder to keep data in; give file:///path".to_owned());
    };
    let url = Url::parse(text).map_err(|_| format!("this is not a URL; {WRITE}"))?;
    match url.scheme() {
        "file" => {
            url.to_file_path().map(StoreConfig::Local).map_err(|()| format!("this names no local folder; {WRITE}"))
        }
        "https" | "http" => AzureUrl::container(&url).map(StoreConfig::Azure),
        scheme => Err(format!("{scheme}:// is not a kind of store; {WRITE}")),
    }
}

/// Without a store there is a fault already, and no second one.
pub(super) fn queue(Place(text): &Place, store: Option<&StoreConfig>) -> Result<QueueConfig, String> {
    let url = match text.as_str() {
        "local" => return Ok(QueueConfig::Local),
        text => Url::parse(text).ok().filter(|url| matches!(url.scheme(), "https" | "http")),
    };
    let Some(url) = url else {
        return Err("there is no such queue; use local or https://ACCOUNT.queue.core.windows.net/QUEUE".to_owned());
    };
    let queue = AzureUrl::queue(&url)?;
    if matches!(store, Some(StoreConfig::Local(_))) {
        return Err(
            "a queue on Azure needs a store that other servers reach; set --store to a container, or use local"
                .to_owned(),
        );
    }
    Ok(QueueConfig::Azure(queue))
}

pub(super) fn scratch(text: Option<&str>, store: Option<&StoreConfig>) -> Result<PathBuf, String> {
    match (text, store) {
        (Some(""), _) => Err("the folder's name is empty; name a folder or leave the setting out".to_owned()),
        (Some(text), _) => Ok(PathBuf::from(text)),
        (None, Some(StoreConfig::Azure(_))) => {
            let folders = directories::ProjectDirs::from("", "", "heavylift");
            let folder = folders.map(|folders| folders.cache_dir().join("scratch"));
            folder.ok_or_else(|| "the user has no home folder to work in; name a folder".to_owned())
        }
        (None, Some(StoreConfig::Local(store))) => Ok(store.join("scratch")),
        // There is a fault already; this value is never used.
        (None, None) => Ok(Path::new(".").join("scratch")),
    }
}
