//! `--mount NAME=URL`: existing data that everyone's workspace shows, checked against what nobody may see.
//!
//! The value of the setting is never repeated: the URL of a container may carry a signature.

use std::fmt;
use std::path::{Path, PathBuf};

use actors::MountName;
use url::Url;

use super::AzureUrl;

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountConfig {
    /// Under which name.
    pub name: MountName,
    /// Where the data is.
    pub source: MountSource,
}

/// Where mounted data is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MountSource {
    /// A folder on this machine.
    Folder(PathBuf),
    /// A container of Azure Blob Storage, or a folder in one.
    Azure(AzureUrl),
}

/// Without a signature.
impl fmt::Display for MountConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            MountSource::Folder(folder) => write!(f, "{}={}", self.name, folder.display()),
            MountSource::Azure(url) => write!(f, "{}={url}", self.name),
        }
    }
}

/// Where the server keeps everyone's files: no mount may show that, or lie in it.
#[derive(Default)]
pub(super) struct Own<'a> {
    pub(super) folders: Vec<&'a Path>,
    pub(super) container: Option<&'a AzureUrl>,
}

/// The mounts in `texts`, each a value of the flag or a list from the variable.
pub(super) fn parse<'a>(texts: impl IntoIterator<Item = &'a str>, own: &Own) -> Result<Vec<MountConfig>, String> {
    let mut mounts: Vec<MountConfig> = Vec::new();
    for text in texts.into_iter().flat_map(split) {
        let mount = one(&text, own)?;
        if mounts.iter().any(|other| other.name == mount.name) {
            return Err(format!("{} is mounted twice; give each mount a name of its own", mount.name));
        }
        mounts.push(mount);
    }
    Ok(mounts)
}

/// The mounts of a list. A comma in a signature (`spr=https,http`) begins no mount: what does has the form `NAME=SCHEME:`.
fn split(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for part in text.split([',', ' ']).filter(|part| !part.is_empty()) {
        let begins = part.split_once('=').is_some_and(|(_, url)| Url::parse(url).is_ok());
        match found.last_mut().filter(|last| !begins && last.contains('?')) {
            Some(last) => last.extend([",", part]),
            None => found.push(part.to_owned()),
        }
    }
    found
}

fn one(text: &str, own: &Own) -> Result<MountConfig, String> {
    const WRITE: &str = "write file:///path to a folder, or https://ACCOUNT.blob.core.windows.net/CONTAINER";
    let wrong = || "this is not a mount; write NAME=URL, like data=file:///srv/data".to_owned();
    let (name, url) = text.split_once('=').ok_or_else(wrong)?;
    let name: MountName = name.parse().map_err(|error: actors::model::BadId| error.to_string())?;
    let told = |what: String| format!("{name}: {what}");
    let url = Url::parse(url).map_err(|_| told(format!("what follows is not a URL; {WRITE}")))?;
    let source = match url.scheme() {
        "file" => folder(&url, &own.folders).map(MountSource::Folder),
        "https" | "http" => container(&url, own.container).map(MountSource::Azure),
        scheme => Err(format!("{scheme}:// is nothing that can be mounted; {WRITE}")),
    };
    Ok(MountConfig { source: source.map_err(told)?, name })
}

fn container(url: &Url, own: Option<&AzureUrl>) -> Result<AzureUrl, String> {
    let container = AzureUrl::container(url)?;
    if own.is_some_and(|own| own.overlaps(&container)) {
        return Err(
            "the server keeps everyone's files there; mount another container or folder, and write the address \
                    with the account's own name"
                .to_owned(),
        );
    }
    Ok(container)
}

fn folder(url: &Url, own: &[&Path]) -> Result<PathBuf, String> {
    let folder = url.to_file_path().map_err(|()| "this names no local folder; write file:///path".to_owned())?;
    let found = folder.canonicalize().ok().filter(|folder| folder.is_dir());
    let real = found.ok_or("there is no such folder, or it may not be entered")?;
    let mixed = |own: &&Path| {
        let own = resolved(own);
        own.starts_with(&real) || real.starts_with(&own)
    };
    if own.iter().any(mixed) {
        return Err("the server keeps everyone's files there; mount another folder".to_owned());
    }
    Ok(folder)
}

/// Where `path` really is; what is missing of it will be made without links.
fn resolved(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let standing = absolute.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
    let Some((above, real)) = standing else { return absolute };
    absolute.strip_prefix(above).map_or_else(|_| absolute.clone(), |rest| real.join(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(texts: &[String], own: &Own) -> Result<Vec<MountConfig>, String> {
        parse(texts.iter().map(String::as_str), own)
    }

    fn azure(text: &str) -> AzureUrl {
        AzureUrl::container(&Url::parse(text).expect("a URL")).expect("a container")
    }

    fn folder(within: &Path, name: &str) -> String {
        let path = within.join(name);
        std::fs::create_dir_all(&path).expect("made");
        Url::from_file_path(path).expect("absolute").to_string()
    }

    #[test]
    fn mounts_are_read_from_flags_and_lists() {
        let here = tempfile::tempdir().expect("temporary folder");
        let (a, b) = (folder(here.path(), "a b"), folder(here.path(), "b"));
        let texts = [format!("one={a}"), format!("two={b},three={b} four={a}")];
        let mounts = read(&texts, &Own::default()).expect("valid");
        let names: Vec<_> = mounts.iter().map(|mount| mount.name.as_str()).collect();
        assert_eq!(names, ["one", "two", "three", "four"]);
        assert_eq!(mounts[0].source, MountSource::Folder(here.path().join("a b")));
    }

    #[test]
    fn what_cannot_be_mounted_is_told_without_its_secret() {
        let here = tempfile::tempdir().expect("temporary folder");
        let a = folder(here.path(), "a");
        for (text, named) in [
            ("data".to_owned(), "NAME=URL"),
            (format!("jobs={a}"), "jobs"),
            (format!("a/b={a}"), "mount's name"),
            ("data=/srv/data".to_owned(), "file:///"),
            ("data=https://acct.blob.core.windows.net/c?sig=SECRET".to_owned(), "3 to 63"),
            ("data=https://acct.queue.core.windows.net/data?sig=SECRET".to_owned(), "a queue's address"),
            ("data=https://own.blob.core.windows.net/jobs/x?sig=SECRET".to_owned(), "everyone's files"),
            ("data=s3://x?sig=SECRET".to_owned(), "https://ACCOUNT"),
            (format!("data={a}/missing"), "no such folder"),
            (format!("data={a},data={a}"), "twice"),
        ] {
            let own = azure("https://own.blob.core.windows.net/jobs?sig=SECRET");
            let own = Own { folders: Vec::new(), container: Some(&own) };
            let error = read(std::slice::from_ref(&text), &own).expect_err(&text);
            assert!(error.contains(named) && !error.contains("SECRET"), "{text}: {error}");
        }
    }

    #[test]
    fn the_servers_own_folders_are_no_mounts() {
        let here = tempfile::tempdir().expect("temporary folder");
        let (around, store) = (folder(here.path(), "around"), here.path().join("around/store"));
        let link = here.path().join("link");
        std::os::unix::fs::symlink(here.path().join("around"), &link).expect("a link");
        let own = Own { folders: vec![&store], container: None };
        let through = Url::from_file_path(&link).expect("absolute").to_string();
        for url in [&around, &through] {
            assert!(read(&[format!("x={url}")], &own).is_err(), "{url} holds the store, also before it is made");
        }
        let inside = folder(here.path(), "around/store/owners");
        assert!(read(&[format!("x={inside}")], &own).is_err());
        let beside = folder(here.path(), "around/data");
        assert!(read(&[format!("x={beside}")], &own).is_ok());
    }

    #[test]
    fn containers_are_mounted_with_their_signatures_unseen() {
        let list = "a=https://acct.blob.core.windows.net/data?spr=https,http&sig=SECRET,b=https://acct.blob.core.windows.net/jobs/b";
        let own = azure("https://acct.blob.core.windows.net/jobs/server");
        let mounts = parse([list], &Own { folders: Vec::new(), container: Some(&own) }).expect("valid");
        let MountSource::Azure(a) = &mounts[0].source else { panic!("a container") };
        assert_eq!(a.signed().query(), Some("spr=https,http&sig=SECRET"));
        let shown: Vec<_> = mounts.iter().map(ToString::to_string).collect();
        let expected = ["a=https://acct.blob.core.windows.net/data", "b=https://acct.blob.core.windows.net/jobs/b"];
        assert_eq!(shown, expected);
        assert!(!format!("{mounts:?}").contains("SECRET"));
    }
}
