//! What a link leads to: one file, or a folder and all below it.

use std::fmt;
use std::str::FromStr;

use tools::{ToolError, WorkspacePath};

/// A file or a folder of the workspace; as text, a folder's path ends with `/`, and the workspace itself is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// This file.
    File(WorkspacePath),
    /// Any file below this folder; `None` is the workspace itself.
    Folder(Option<WorkspacePath>),
}

impl Target {
    /// The file, where it is one.
    pub fn file(&self) -> Option<&WorkspacePath> {
        match self {
            Self::File(path) => Some(path),
            Self::Folder(_) => None,
        }
    }
}

/// What a link may be signed for so that it covers the path `text`: the path itself, then the folders above it, nearest first.
pub(super) fn covering(text: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(text), |below| {
        let inner = below.strip_suffix('/').unwrap_or(below);
        let above = inner.rfind('/').map_or("", |slash| &inner[..=slash]);
        (!below.is_empty()).then_some(above)
    })
}

impl FromStr for Target {
    type Err = ToolError;

    fn from_str(text: &str) -> Result<Self, ToolError> {
        match text.strip_suffix('/') {
            _ if matches!(text, "" | "/" | "." | "./") => Ok(Self::Folder(None)),
            Some(folder) => Ok(Self::Folder(Some(folder.parse()?))),
            None => Ok(Self::File(text.parse()?)),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{path}"),
            Self::Folder(Some(path)) => write!(f, "{path}/"),
            Self::Folder(None) => Ok(()),
        }
    }
}

#[test]
fn a_path_is_covered_by_itself_and_what_is_above() {
    let covers = |text: &'static str| covering(text).collect::<Vec<_>>();
    assert_eq!(covers("a/b/c.csv"), ["a/b/c.csv", "a/b/", "a/", ""]);
    assert_eq!(covers("a/b/"), ["a/b/", "a/", ""]);
    assert_eq!(covers("a//b"), ["a//b", "a//", "a/", ""]);
    assert_eq!(covers("c.csv"), ["c.csv", ""]);
    assert_eq!(covers("/"), ["/", ""]);
    assert_eq!(covers(""), [""]);
}

#[test]
fn a_target_is_one_file_or_a_folder() {
    for (text, shown) in [("a/b.csv", "a/b.csv"), ("./a/", "a/"), ("/", ""), (".", "")] {
        assert_eq!(text.parse::<Target>().expect(text).to_string(), shown);
    }
    for bad in ["../x", "a/../", "//", "/a"] {
        assert!(bad.parse::<Target>().is_err(), "{bad}");
    }
}
