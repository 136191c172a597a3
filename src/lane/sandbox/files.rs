//! Landlock: the files that a lane may touch.

use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetStatus, Scope, path_beneath_rules,
};

/// What programs and libraries look at: time zones, fonts, shared objects, what the machine and the container have. Nothing of
/// anyone's. DuckDB aborts where it sees a limit of the container's and cannot read it.
const SYSTEM: [&str; 14] = [
    "/dev/null",
    "/dev/urandom",
    "/dev/zero",
    "/etc/localtime",
    "/lib",
    "/lib64",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/self",
    "/sys/devices/system/cpu",
    "/sys/fs/cgroup",
    "/usr/lib",
    "/usr/share/fonts",
    "/usr/share/zoneinfo",
];

/// The version from which on a file can neither be changed nor moved past the rules: Linux 6.2.
const FILES: ABI = ABI::V3;

/// Shuts off every file but those below `read`, to be read, and `write`, to be written too.
///
/// # Errors
/// Why not, in words for the log.
pub(super) fn shut(read: &Path, write: &Path) -> Result<(), String> {
    let status = restrict(read, write).map_err(|error| format!("Landlock: {error}"))?;
    others();
    match status {
        RulesetStatus::FullyEnforced => Ok(()),
        RulesetStatus::PartiallyEnforced => Err("Landlock: in part only, Linux 6.2 or newer has it whole".to_owned()),
        RulesetStatus::NotEnforced => Err("Landlock: the kernel has none, or it is switched off".to_owned()),
    }
}

fn restrict(read: &Path, write: &Path) -> Result<RulesetStatus, Box<dyn std::error::Error>> {
    let reading = AccessFs::ReadFile | AccessFs::ReadDir;
    let ruleset = Ruleset::default().handle_access(AccessFs::from_all(FILES))?.create()?;
    let ruleset = ruleset
        .add_rules(path_beneath_rules(SYSTEM, reading))?
        .add_rules(path_beneath_rules(["/dev/null"], AccessFs::WriteFile))?
        .add_rule(PathBeneath::new(PathFd::new(read)?, reading))?
        .add_rule(PathBeneath::new(PathFd::new(write)?, reading | writing()))?;
    Ok(ruleset.restrict_self()?.ruleset)
}

/// Plain files and folders; no links, devices or sockets that somebody outside may trip over.
fn writing() -> BitFlags<AccessFs> {
    AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir
        | AccessFs::Refer
}

/// A second wall behind seccomp's, where the kernel has it: no connections, no signals to others.
fn others() {
    let ruleset = Ruleset::default()
        .handle_access(AccessNet::from_all(ABI::V4))
        .and_then(|ruleset| ruleset.scope(Scope::from_all(ABI::V6)))
        .and_then(Ruleset::create);
    // What an older kernel lacks of it, seccomp has.
    let _ = ruleset.and_then(landlock::RulesetCreated::restrict_self);
}
