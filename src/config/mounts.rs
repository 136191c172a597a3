//! `--mount NAME=URL`: existing data that everyone's workspace shows, checked against what nobody may see.

use std::path::{Path, PathBuf};

use actors::MountName;
use url::Url;

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
}

/// The mounts in `texts`, each a value of the flag or a list from the variable. `own` are the server's folders, which hold
/// everyone's files: no mount may show them or lie in them.
pub(super) fn parse(texts: &[String], own: &[&Path]) -> Result<Vec<MountConfig>, String> {
    let mut mounts: Vec<MountConfig> = Vec::new();
    for text in texts.iter().flat_map(|text| text.split([',', ' '])).filter(|text| !text.is_empty()) {
        let mount = one(text, own)?;
        if mounts.iter().any(|other| other.name == mount.name) {
            return Err(format!("{} is mounted twice; give each mount a name of its own", mount.name));
        }
        mounts.push(mount);
    }
    Ok(mounts)
}

/// The value is never repeated: the URL of a container may carry a signature.
fn one(text: &str, own: &[&Path]) -> Result<MountConfig, String> {
    let wrong = || "this is not a mount; write NAME=URL, like data=file:///srv/data".to_owned();
    let (name, url) = text.split_once('=').ok_or_else(wrong)?;
    let name: MountName = name.parse().map_err(|error: actors::model::BadId| error.to_string())?;
    let url =
        Url::parse(url).map_err(|_| format!("{name}: what follows is not a URL; write file:///path to a folder"))?;
    let folder = match url.scheme() {
        "file" => url.to_file_path().map_err(|()| format!("{name}: this names no local folder; write file:///path"))?,
        "https" | "http" => return Err(format!("{name}: only folders can be mounted in this build; use file:///path")),
        scheme => return Err(format!("{name}: {scheme}:// is nothing that can be mounted; use file:///path")),
    };
    check(&name, &folder, own)?;
    Ok(MountConfig { name, source: MountSource::Folder(folder) })
}

fn check(name: &MountName, folder: &Path, own: &[&Path]) -> Result<(), String> {
    let found = folder.canonicalize().ok().filter(|folder| folder.is_dir());
    let folder = found.ok_or_else(|| format!("{name}: there is no such folder, or it may not be entered"))?;
    let mixed = |own: &&Path| {
        let own = resolved(own);
        own.starts_with(&folder) || folder.starts_with(&own)
    };
    if own.iter().any(mixed) {
        return Err(format!("{name}: the server keeps everyone's files there; mount another folder"));
    }
    Ok(())
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
        let mounts = parse(&texts, &[]).expect("valid");
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
            ("data=https://x.example/c?sig=SECRET".to_owned(), "file:///"),
            (format!("data={a}/missing"), "no such folder"),
            (format!("data={a},data={a}"), "twice"),
        ] {
            let error = parse(std::slice::from_ref(&text), &[]).expect_err(&text);
            assert!(error.contains(named) && !error.contains("SECRET"), "{text}: {error}");
        }
    }

    #[test]
    fn the_servers_own_folders_are_no_mounts() {
        let here = tempfile::tempdir().expect("temporary folder");
        let (around, store) = (folder(here.path(), "around"), here.path().join("around/store"));
        let link = here.path().join("link");
        std::os::unix::fs::symlink(here.path().join("around"), &link).expect("a link");
        let through = Url::from_file_path(&link).expect("absolute").to_string();
        for url in [&around, &through] {
            assert!(parse(&[format!("x={url}")], &[&store]).is_err(), "{url} holds the store, also before it is made");
        }
        let inside = folder(here.path(), "around/store/owners");
        assert!(parse(&[format!("x={inside}")], &[&store]).is_err());
        let beside = folder(here.path(), "around/data");
        assert!(parse(&[format!("x={beside}")], &[&store]).is_ok());
    }
}
