//! What shuts a lane in: which files it may touch (Landlock) and what it may ask of the kernel (seccomp).
//!
//! Entered by the lane itself, before it has threads and before it sees a job; it cannot be left again. A lane reads below one
//! folder and writes below another, has no network, starts no processes, and reaches no other process. Its environment
//! is empty from the start.

#[cfg(target_os = "linux")]
mod files;
#[cfg(target_os = "linux")]
mod syscalls;

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// How much a lane is to be shut in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sandbox {
    /// Wholly, or no lane runs.
    Require,
    /// As far as the kernel offers it.
    BestEffort,
    /// Not at all.
    Off,
}

/// How far a lane is shut in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offered {
    /// What was asked for.
    pub asked: Sandbox,
    /// What the kernel did not offer, and why.
    pub missing: Vec<String>,
}

impl Offered {
    /// Whether a lane may run like this.
    pub fn is_enough(&self) -> bool {
        self.asked != Sandbox::Require || self.missing.is_empty()
    }
}

impl fmt::Display for Offered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.asked {
            Sandbox::Off => f.write_str("off: jobs may read and write what the server may"),
            _ if self.missing.is_empty() => f.write_str("whole: files by Landlock, system calls by seccomp"),
            _ => write!(f, "not whole: {}", self.missing.join("; ")),
        }
    }
}

/// Shuts this process in: it reads below `read` and writes below `write`. Called while it has one thread.
#[cfg(target_os = "linux")]
pub(super) fn enter(asked: Sandbox, read: &Path, write: &Path) -> Offered {
    if asked == Sandbox::Off {
        return Offered { asked, missing: Vec::new() };
    }
    let files = files::shut(read, write).map_err(|why| format!("any file can be read and written ({why})"));
    let syscalls = syscalls::shut().map_err(|why| format!("any system call can be made ({why})"));
    Offered { asked, missing: [files, syscalls].into_iter().filter_map(Result::err).collect() }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn enter(asked: Sandbox, _: &Path, _: &Path) -> Offered {
    let missing = if asked == Sandbox::Off { Vec::new() } else { vec!["this is not Linux".to_owned()] };
    Offered { asked, missing }
}
