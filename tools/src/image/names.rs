//! What the pictures that are made are called: like the ones they come from, with the new format's ending.

use std::collections::HashSet;

use super::format::Format;
use crate::WorkspacePath;

/// Gives out names, each once: in the order of the asking, so that a repeated job gives the same.
#[derive(Default)]
pub(super) struct Names(HashSet<String>);

impl Names {
    /// A name for what is made of `source`: `photos/a.webp`, or `photos/a-2.webp` where that is taken.
    pub(super) fn give(&mut self, source: &WorkspacePath, format: Format) -> String {
        let (stem, ending) = split(without_job(source), format);
        let mut name = format!("{stem}.{ending}");
        let mut number = 2;
        // Compared in lower case: `A.jpg` and `a.jpg` must not meet when someone unpacks them on another file system.
        while !self.0.insert(name.to_lowercase()) {
            name = format!("{stem}-{number}.{ending}");
            number += 1;
        }
        name
    }
}

/// `source` as its own job called it: else a chain of jobs would nest `jobs/…/jobs/…`.
fn without_job(source: &WorkspacePath) -> &str {
    let path = source.as_str();
    let artifact = path.strip_prefix("jobs/").and_then(|rest| rest.split_once('/'));
    artifact.map_or(path, |(_, name)| name)
}

/// `path` without its ending, and the ending to bear: its own if that fits `format`.
fn split(path: &str, format: Format) -> (&str, &str) {
    let endings = format.endings();
    let file_start = path.rfind('/').map_or(0, |slash| slash + 1);
    let Some(dot) = path[file_start..].rfind('.').filter(|dot| *dot > 0) else { return (path, endings[0]) };
    let (stem, ending) = (&path[..file_start + dot], &path[file_start + dot + 1..]);
    let known = endings.contains(&ending.to_ascii_lowercase().as_str());
    (stem, if known { ending } else { endings[0] })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn give(names: &mut Names, source: &str, format: Format) -> String {
        names.give(&source.parse().expect("a path"), format)
    }

    #[test]
    fn an_ending_that_fits_is_kept_and_another_replaced() {
        let mut names = Names::default();
        assert_eq!(give(&mut names, "photos/a.JPEG", Format::Jpeg), "photos/a.JPEG");
        assert_eq!(give(&mut names, "photos/b.jpg", Format::Webp), "photos/b.webp");
        assert_eq!(give(&mut names, "v1.2/scan", Format::Png), "v1.2/scan.png");
        assert_eq!(give(&mut names, ".hidden", Format::Png), ".hidden.png");
        assert_eq!(give(&mut names, "jobs/j1/photos/c.png", Format::Png), "photos/c.png");
    }

    #[test]
    fn names_that_would_collide_are_numbered_in_order() {
        let mut names = Names::default();
        assert_eq!(give(&mut names, "a.png", Format::Jpeg), "a.jpg");
        assert_eq!(give(&mut names, "a.bmp", Format::Jpeg), "a-2.jpg");
        assert_eq!(give(&mut names, "A.gif", Format::Jpeg), "A-3.jpg");
        assert_eq!(give(&mut names, "a-2.png", Format::Jpeg), "a-2-2.jpg");
        assert_eq!(give(&mut names, "b/a.png", Format::Jpeg), "b/a.jpg");
    }
}
