//! Names of workspace files: relative, normal, harmless on every file system.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ToolError;

/// A file's name in its owner's workspace: `sales.csv`, `photos/2024/a.jpg`, `jobs/<job>/<artifact>`.
///
/// Relative, `/` between parts, no part empty, `.` or `..`, no control characters or backslashes, each part at most 200
/// bytes and all of it at most 900. Two spellings of one file are one value: `./a.csv` is read as `a.csv`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", description = "A file's path in the workspace, like `photos/2024/a.jpg`.")]
pub struct WorkspacePath(String);

impl WorkspacePath {
    const MAX_BYTES: usize = 900;
    const MAX_PART_BYTES: usize = 200;

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last part: `a.jpg` of `photos/2024/a.jpg`.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The last part without its ending, and without a compression's before it: `sales` of `in/sales.csv.gz`.
    #[must_use]
    pub fn stem(&self) -> &str {
        let name = self.file_name();
        let name = [".gz", ".zst", ".bz2"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        match name.rfind('.') {
            Some(dot) if dot > 0 => &name[..dot],
            _ => name,
        }
    }

    /// The ending in lower case, seen through a compression's: `csv` of `sales.CSV.gz`.
    #[must_use]
    pub fn extension(&self) -> String {
        let name = self.file_name().to_ascii_lowercase();
        let name = [".gz", ".zst", ".bz2"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name).to_owned();
        name.rsplit_once('.').map_or_else(String::new, |(_, end)| end.to_owned())
    }

    fn check_part(whole: &str, part: &str) -> Result<(), ToolError> {
        let refuse = |why: &str| Err(ToolError::invalid(format!("{whole:?} is not a workspace path: {why}")));
        if part == ".." {
            return refuse("\"..\" leaves the workspace");
        }
        if part.len() > Self::MAX_PART_BYTES {
            return refuse("a part of it is longer than 200 bytes");
        }
        if part.chars().any(|c| c.is_control() || c == '\\') {
            return refuse("it holds a control character or a backslash");
        }
        if part.ends_with(['.', ' ']) {
            return refuse("a part of it ends in a dot or a space");
        }
        Ok(())
    }
}

impl FromStr for WorkspacePath {
    type Err = ToolError;

    fn from_str(text: &str) -> Result<Self, ToolError> {
        if text.starts_with('/') {
            return Err(ToolError::invalid(format!(
                "{text:?} is absolute; name the file relative to the workspace, like \"sales.csv\""
            )));
        }
        if text.len() > Self::MAX_BYTES {
            return Err(ToolError::invalid(format!(
                "a workspace path has at most {} bytes; this one has {}",
                Self::MAX_BYTES,
                text.len()
            )));
        }
        let parts: Vec<&str> = text.split('/').filter(|part| *part != ".").collect();
        if parts.is_empty() || parts.iter().any(|part| part.is_empty()) {
            return Err(ToolError::invalid(format!("{text:?} is not a workspace path: it has an empty part")));
        }
        for part in &parts {
            Self::check_part(text, part)?;
        }
        Ok(Self(parts.join("/")))
    }
}

impl TryFrom<String> for WorkspacePath {
    type Error = ToolError;

    fn try_from(text: String) -> Result<Self, ToolError> {
        text.parse()
    }
}

impl From<WorkspacePath> for String {
    fn from(path: WorkspacePath) -> Self {
        path.0
    }
}

impl fmt::Display for WorkspacePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_are_refused() {
        for bad in [
            "",
            "/etc/passwd",
            "../x",
            "a/../../b",
            "a//b",
            "a\0b",
            "a\\b",
            "a/",
            "..",
            ".",
            "a\nb",
            "x/.. /y",
            "con./a",
        ] {
            assert!(bad.parse::<WorkspacePath>().is_err(), "{bad:?}");
        }
        assert!("x".repeat(201).parse::<WorkspacePath>().is_err());
    }

    #[test]
    fn spellings_of_one_file_are_one_value() {
        let plain: WorkspacePath = "in/sales.csv".parse().expect("valid");
        assert_eq!("./in/./sales.csv".parse::<WorkspacePath>().expect("valid"), plain);
    }

    #[test]
    fn stem_and_extension_see_through_compression() {
        let path: WorkspacePath = "in/Sales.2024.CSV.gz".parse().expect("valid");
        assert_eq!((path.stem(), path.extension().as_str()), ("Sales.2024", "csv"));
        let bare: WorkspacePath = ".hidden".parse().expect("valid");
        assert_eq!(bare.stem(), ".hidden");
    }
}
