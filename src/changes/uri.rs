//! The addresses of what changes: `heavylift://files/<path>`, `heavylift://jobs/<job>`, `heavylift://jobs/<job>/<artifact>`.
//!
//! Spelled and read here alone: for `mcp`'s resources, and for who tells of a change. Nothing here knows what is there.

use actors::model::JobId;
use tools::WorkspacePath;

use crate::view;

const FILES: &str = "heavylift://files/";
const JOBS: &str = "heavylift://jobs/";
/// A workspace path has at most 900 bytes; each may be written as three.
const MOST_BYTES: usize = 3_000;

/// What an address names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A workspace file, also of a mount, also `jobs/<job>/<artifact>`.
    File(WorkspacePath),
    /// A job.
    Job(JobId),
}

impl Target {
    /// What `uri` names; nothing where it is none of ours.
    ///
    /// As RFC 6570 expands our templates: reserved characters stand for themselves, all others only percent-encoded. An
    /// encoded slash, which no file's name can hold, and a path that is not written in its shortest form name nothing.
    pub fn parse(uri: &str) -> Option<Self> {
        if uri.len() > MOST_BYTES {
            return None;
        }
        if let Some(path) = uri.strip_prefix(FILES) {
            return file(&decode(path)?);
        }
        let below = decode(uri.strip_prefix(JOBS)?)?;
        match below.split_once('/') {
            None => below.parse().ok().map(Self::Job),
            Some((job, _)) => {
                job.parse::<JobId>().ok()?;
                file(&format!("jobs/{below}"))
            }
        }
    }

    /// The one address of this among those that name it.
    pub fn uri(&self) -> String {
        match self {
            Self::File(path) => of_file(path),
            Self::Job(job) => format!("{JOBS}{job}"),
        }
    }
}

/// The address of a workspace file; of a job's, the one below the job.
pub fn of_file(path: &WorkspacePath) -> String {
    match path.as_str().strip_prefix("jobs/") {
        Some(below) => format!("{JOBS}{}", view::encode(below)),
        None => format!("{FILES}{}", view::encode(path.as_str())),
    }
}

fn file(path: &str) -> Option<Target> {
    let parsed: WorkspacePath = path.parse().ok()?;
    (parsed.as_str() == path).then_some(Target::File(parsed))
}

/// Takes percent-encoding away.
fn decode(text: &str) -> Option<String> {
    const RESERVED: &[u8] = b"-._~:/?#[]@!$&'()*+,;=%";
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || RESERVED.contains(&byte);
    if !text.bytes().all(allowed) {
        return None;
    }
    for (at, _) in text.match_indices('%') {
        let digits = text.get(at + 1..at + 3)?;
        let encoded_slash = digits.eq_ignore_ascii_case("2f");
        if encoded_slash || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
    }
    Some(percent_encoding::percent_decode_str(text).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_at(path: &str) -> Target {
        Target::File(path.parse().expect("a path"))
    }

    #[test]
    fn an_address_names_one_thing() {
        let job = JobId::random();
        assert_eq!(Target::parse("heavylift://files/in/a%20%C3%A4.csv"), Some(file_at("in/a ä.csv")));
        assert_eq!(Target::parse("heavylift://files/a(1)&b=c?d#e.csv"), Some(file_at("a(1)&b=c?d#e.csv")));
        assert_eq!(Target::parse(&format!("heavylift://jobs/{job}")), Some(Target::Job(job.clone())));
        let artifact = format!("jobs/{job}/out/a b.png");
        assert_eq!(Target::parse(&format!("heavylift://jobs/{job}/out/a%20b.png")), Some(file_at(&artifact)));
        assert_eq!(Target::parse(&format!("heavylift://files/jobs/{job}/out/a%20b.png")), Some(file_at(&artifact)));
    }

    #[test]
    fn an_address_is_spelled_one_way_and_read_back() {
        let job = JobId::random();
        for path in ["a.csv", "in/a ä?#%41.csv", "100%.txt", &format!("jobs/{job}/a b.png")] {
            let target = Target::File(path.parse().expect("a path"));
            let uri = target.uri();
            assert!(uri.is_ascii() && !uri.contains([' ', '?', '#']), "{uri}");
            assert_eq!(Target::parse(&uri), Some(target));
        }
        assert_eq!(
            of_file(&format!("jobs/{job}/a.png").parse().expect("a path")),
            format!("heavylift://jobs/{job}/a.png")
        );
    }

    #[test]
    fn bad_addresses_name_nothing() {
        let job = JobId::random();
        for bad in [
            "",
            "heavylift://files/",
            "heavylift://files",
            "HEAVYLIFT://files/a",
            "file:///etc/passwd",
            "heavylift://files//etc/passwd",
            "heavylift://files/../a",
            "heavylift://files/%2e%2e/a",
            "heavylift://files/a/%2E%2E/%2E%2E/b",
            "heavylift://files/./a",
            "heavylift://files/a%2Fb",
            "heavylift://files/a%2fb",
            "heavylift://files/a%",
            "heavylift://files/a%4",
            "heavylift://files/a%zz",
            "heavylift://files/a%+1",
            "heavylift://files/%FF",
            "heavylift://files/%00",
            "heavylift://files/a%5Cb",
            "heavylift://files/a b",
            "heavylift://files/ä",
            "heavylift://jobs/",
            "heavylift://jobs/short",
            "heavylift://jobs/short/a.csv",
            &format!("heavylift://jobs/{job}/"),
            &format!("heavylift://jobs/{job}/../a"),
            &format!("heavylift://files/{}", "a".repeat(4_000)),
        ] {
            assert_eq!(Target::parse(bad), None, "{bad:.60}");
        }
    }
}
