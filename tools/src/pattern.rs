//! Globs from outside: read with bounds, so that a hostile one is a refused parameter and not a full stack.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::ToolError;

/// A glob over workspace paths. `*` and `?` stay within a folder, `**` does not.
#[derive(Clone, Debug)]
pub struct Pattern {
    set: GlobSet,
    text: String,
}

impl Pattern {
    const MAX_BYTES: usize = 500;
    /// A brace within braces is one level deeper; the matcher's own code goes one call deeper with each.
    const MAX_BRACES: usize = 8;

    /// Whether `text` is a glob rather than the name of one file.
    #[must_use]
    pub fn is_glob(text: &str) -> bool {
        text.contains(['*', '?', '[', '{'])
    }

    /// Reads `text`.
    ///
    /// # Errors
    /// `InvalidParams` for a broken or overlong pattern.
    pub fn parse(text: &str) -> Result<Self, ToolError> {
        let refuse = |why: String| ToolError::invalid(format!("{text:.60?} is not a pattern: {why}"));
        if text.len() > Self::MAX_BYTES {
            return Err(refuse(format!("it has {} bytes, at most {} are read", text.len(), Self::MAX_BYTES)));
        }
        if text.matches('{').count() > Self::MAX_BRACES {
            return Err(refuse(format!("it has more than {} braces", Self::MAX_BRACES)));
        }
        let glob = GlobBuilder::new(text).literal_separator(true).build();
        let glob = glob.map_err(|error| refuse(error.kind().to_string()))?;
        let set = GlobSetBuilder::new().add(glob).build().map_err(|error| refuse(error.kind().to_string()))?;
        Ok(Self { set, text: text.to_owned() })
    }

    /// Whether it matches a path.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        self.set.is_match(path)
    }

    /// What every match begins with.
    #[must_use]
    pub fn literal_prefix(&self) -> &str {
        self.text.split(['*', '?', '[', '{', '\\']).next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_kept_apart() {
        let pattern = Pattern::parse("photos/*.{jpg,png}").expect("a pattern");
        assert!(pattern.matches("photos/a.jpg") && !pattern.matches("photos/2024/a.jpg"));
        assert!(Pattern::parse("photos/**/*.jpg").expect("a pattern").matches("photos/2024/a.jpg"));
        assert_eq!(pattern.literal_prefix(), "photos/");
    }

    #[test]
    fn hostile_patterns_are_refused() {
        for bad in ["{".repeat(20_000), "?".repeat(100_000), "{a,".repeat(100), "[".to_owned()] {
            assert!(Pattern::parse(&bad).is_err(), "{bad:.20}");
        }
        assert!(Pattern::parse(&"?".repeat(500)).is_ok());
    }
}
