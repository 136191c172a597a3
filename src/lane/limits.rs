//! The limits that the kernel itself holds for a lane. What goes over one of them is ended or refused by the kernel; `drive`
//! tells the caller which it was.

use std::io;

use tools::Limits;

/// Sets what holds for as long as the lane lives, as bounds that it cannot raise again. No dumps of its memory, which holds the
/// callers' data: of size 1 the kernel gives them to no program either, see core(5).
///
/// # Errors
/// When the system refuses.
#[cfg(target_os = "linux")]
pub(super) fn for_life(limits: &Limits) -> io::Result<()> {
    rlimit::setrlimit(rlimit::Resource::CORE, 1, 1)?;
    for (resource, most) in of(limits) {
        let most = most.min(resource.get_hard()?);
        resource.set(most, most)?;
    }
    // The kernel, where it has to choose, ends a lane before the server. Where that cannot be said, it chooses by size.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    Ok(())
}

/// Sets what one job may use, which may be less. Only the soft limits, so that the next job may have more.
///
/// Memory is counted by the server, many times a second; the limit here is far above, for what would take it all within one
/// blink. What a job writes is counted by the server too: here it is the largest single file.
///
/// # Errors
/// When the system allows less than that.
#[cfg(target_os = "linux")]
pub(super) fn for_job(limits: &Limits) -> io::Result<()> {
    of(limits).into_iter().try_for_each(|(resource, most)| {
        let hard = resource.get_hard()?;
        resource.set(most.min(hard), hard)
    })
}

#[cfg(target_os = "linux")]
fn of(limits: &Limits) -> [(rlimit::Resource, u64); 3] {
    let memory = limits.memory_bytes.saturating_mul(2).saturating_add(1 << 30);
    [
        (rlimit::Resource::DATA, memory),
        (rlimit::Resource::FSIZE, limits.max_output_bytes),
        (rlimit::Resource::NOFILE, limits.max_open_files),
    ]
}

#[cfg(not(target_os = "linux"))]
pub(super) fn for_life(_: &Limits) -> io::Result<()> {
    Ok(())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn for_job(_: &Limits) -> io::Result<()> {
    Ok(())
}
