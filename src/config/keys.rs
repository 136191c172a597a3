//! The file of API keys: names and hashes, never the keys themselves.
//!
//! ```toml
//! [keys]
//! ada = "sha256:<64 hex digits>"
//!
//! [[key]]            # the longer form; a name may come again here while its key is being replaced
//! name = "ada"
//! hash = "sha256:<64 hex digits>"
//!
//! [quota.ada]        # what her jobs may use: see `quotas`
//! memory = "2GiB"
//! ```
//!
//! A key is 256 random bits, so nobody finds it by trying, and a plain SHA-256 is enough: slow password hashes protect
//! secrets that people choose, at a price that every request would pay here.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write as _};
use std::path::Path;

use actors::Quota;
use actors::model::Owner;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::RngExt as _;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::quotas::{self, QuotaEntry};

/// A key's SHA-256.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyHash(pub [u8; 32]);

impl KeyHash {
    /// The hash of `secret`.
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }

    fn parse(text: &str) -> Option<Self> {
        let hex = |digits: &&str| digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let digits = text.strip_prefix("sha256:").filter(hex)?;
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(digits.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(hash))
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", tools::context::hex(&self.0))
    }
}

/// One line of the file.
#[derive(Clone)]
pub struct KeyEntry {
    /// Whose key it is.
    pub owner: Owner,
    /// Its hash.
    pub hash: KeyHash,
}

/// What a file of keys says.
#[derive(Clone)]
pub struct Keys {
    /// Who comes in with what.
    pub entries: Vec<KeyEntry>,
    /// What lowers the limits of some.
    pub quotas: BTreeMap<Owner, Quota>,
}

/// A file of keys that cannot be used. The message is for whoever starts the server, and names no key.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct KeyFileError(String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    #[serde(default)]
    keys: BTreeMap<String, String>,
    #[serde(default)]
    key: Vec<LongEntry>,
    #[serde(default)]
    quota: BTreeMap<String, QuotaEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LongEntry {
    name: String,
    hash: String,
}

/// What the file at `path` says.
///
/// # Errors
/// When it cannot be read, is no such file, holds no key, a bad name, hash or quota, or one key under two names.
pub fn read(path: &Path) -> Result<Keys, KeyFileError> {
    let make = "make one with: heavylift config new-key NAME --file FILE";
    let text = std::fs::read_to_string(path)
        .map_err(|error| KeyFileError(format!("the file of API keys cannot be read ({}); {make}", error.kind())))?;
    let keys = parse(&text)?;
    if keys.entries.is_empty() {
        return Err(KeyFileError(format!("the file of API keys holds no key; {make}")));
    }
    Ok(keys)
}

fn parse(text: &str) -> Result<Keys, KeyFileError> {
    let file: KeyFile = toml::from_str(text)
        .map_err(|error| KeyFileError(format!("the file of API keys is not as it should be: {}", error.message())))?;
    let long = file.key.into_iter().map(|entry| (entry.name, entry.hash));
    let mut entries: Vec<KeyEntry> = Vec::new();
    for (name, hash) in file.keys.into_iter().chain(long) {
        let entry = check(&name, &hash)?;
        if let Some(other) = entries.iter().find(|other| other.hash == entry.hash) {
            let other = &other.owner;
            return Err(KeyFileError(format!("{other} and {name} have the same API key; give each its own")));
        }
        entries.push(entry);
    }
    let is_known = |owner: &Owner| entries.iter().any(|entry| entry.owner == *owner);
    let quotas = quotas::parse(file.quota, is_known)
        .map_err(|error| KeyFileError(format!("in the file of API keys, {error}")))?;
    Ok(Keys { entries, quotas })
}

fn check(name: &str, hash: &str) -> Result<KeyEntry, KeyFileError> {
    let owner = name.parse().map_err(|error| KeyFileError(format!("in the file of API keys: {error}")))?;
    let wrong = || KeyFileError(format!("the hash of the API key {name} is not \"sha256:\" and 64 hex digits"));
    Ok(KeyEntry { owner, hash: KeyHash::parse(hash).ok_or_else(wrong)? })
}

/// A new key, to be shown once and forgotten.
pub struct NewKey {
    /// What the client sends. Not kept anywhere.
    pub secret: String,
    /// What the file keeps.
    pub entry: KeyEntry,
}

impl NewKey {
    /// A new key of 256 random bits for `owner`.
    pub fn random(owner: Owner) -> Self {
        let bits: [u8; 32] = rand::rng().random();
        let secret = format!("hl_{}", URL_SAFE_NO_PAD.encode(bits));
        let hash = KeyHash::of(&secret);
        Self { secret, entry: KeyEntry { owner, hash } }
    }

    /// The line to put below `[keys]`.
    pub fn line(&self) -> String {
        format!("{} = \"{}\"", self.entry.owner, self.entry.hash)
    }

    /// Adds the key to the file at `path`, which is made where it is missing. Whoever reads it meanwhile sees it whole.
    ///
    /// # Errors
    /// When the file is there and cannot be used, or cannot be written.
    pub fn append_to(&self, path: &Path) -> Result<(), KeyFileError> {
        let mut text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(KeyFileError(format!("the file cannot be read: {}", error.kind()))),
        };
        // The long form fits at the end of any valid file; a plain line would land in whichever table comes last.
        let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        text = format!("{text}{gap}[[key]]\nname = \"{}\"\nhash = \"{}\"\n", self.entry.owner, self.entry.hash);
        parse(&text)?;
        replace(path, &text).map_err(|error| KeyFileError(format!("the file cannot be written: {}", error.kind())))
    }
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A temporary file is its owner's alone, which is what a file of keys should be too.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    if let Ok(old) = std::fs::metadata(path) {
        file.as_file().set_permissions(old.permissions())?;
    }
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(name: &str) -> Owner {
        name.parse().expect("a name")
    }

    #[test]
    fn a_new_key_is_found_again_by_its_hash() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("keys.toml");
        let (ada, bob) = (NewKey::random(owner("ada")), NewKey::random(owner("bob")));
        std::fs::write(&path, format!("[keys]\n{}", ada.line())).expect("write");
        bob.append_to(&path).expect("append");
        let entries = read(&path).expect("read").entries;
        assert_eq!(entries.len(), 2);
        assert!(entries[0].hash == KeyHash::of(&ada.secret) && entries[0].owner == owner("ada"));
        assert!(entries[1].hash == KeyHash::of(&bob.secret) && entries[1].owner == owner("bob"));
        let text = std::fs::read_to_string(&path).expect("text");
        assert!(!text.contains(&ada.secret) && !text.contains(&bob.secret));
        assert_eq!(ada.secret.len(), 3 + 43);
    }

    #[test]
    fn a_missing_file_is_made_and_an_unusable_one_left_alone() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("keys.toml");
        NewKey::random(owner("ada")).append_to(&path).expect("made");
        assert_eq!(read(&path).expect("read").entries.len(), 1);
        std::fs::write(&path, "[kyes]\n").expect("write");
        assert!(NewKey::random(owner("ada")).append_to(&path).is_err());
        assert_eq!(std::fs::read_to_string(&path).expect("text"), "[kyes]\n");
    }

    #[test]
    fn a_quota_is_somebodys() {
        let line = NewKey::random(owner("ada")).line();
        let file = |quota: &str| parse(&format!("[keys]\n{line}\n[quota.{quota}\n"));
        let keys = file("ada]\nmemory = \"2GiB\"\ndeadline = \"5min\"\nfiles = 256").expect("a quota");
        let quota = &keys.quotas[&owner("ada")];
        assert_eq!((quota.memory_bytes, quota.open_files, quota.cpu_seconds), (Some(2 << 30), Some(256), None));
        assert_eq!(quota.deadline, Some(std::time::Duration::from_mins(5)));
        for (bad, named) in [
            ("bob]", "nobody of that name"),
            ("ada]\nmemory = \"much\"", "the quota of ada: \"much\" is not a size"),
            ("ada]\ncpu = \"0s\"", "the quota of ada"),
            ("ada]\nmemory = \"1MiB\"", "too small"),
            ("ada]\nmemroy = \"1GiB\"", "memroy"),
        ] {
            let error = file(bad).err().expect("a fault").to_string();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn bad_files_are_refused() {
        let hash = KeyHash::of("x").to_string();
        for bad in [
            "[keys]\nada = \"plain\"\n".to_owned(),
            format!("[keys]\nAda = \"{hash}\"\n"),
            format!("[keys]\nada = \"{hash}\"\nbob = \"{hash}\"\n"),
            format!("[[key]]\nname = \"ada\"\nhash = \"{hash}\"\nadmin = true\n"),
            "[keys]\nada = \"sha256:+a\"".to_owned() + "0".repeat(62).as_str() + "\"",
        ] {
            assert!(parse(&bad).is_err(), "{bad}");
        }
        assert!(parse(&format!("[keys]\nada = \"{hash}\"\n")).is_ok());
    }
}
