//! The limits that the kernel itself holds for a lane. What goes over one of them is ended or refused by the kernel; `drive`
//! tells the caller which it was.

use std::io;

use tools::Limits;

/// Sets what holds for as long as the lane lives. No core files: they would hold the callers' data.
#[cfg(target_os = "linux")]
pub(super) fn for_life() -> io::Result<()> {
    rlimit::setrlimit(rlimit::Resource::CORE, 0, 0)
}

/// Sets what one job may use. Only the soft limits, so that the next job may have more.
///
/// Memory is counted by the server, many times a second; the limit here is far above, for what would take it all within one
/// blink. What a job writes is counted by the server too: here it is the largest single file.
///
/// # Errors
/// When the system allows less than that.
#[cfg(target_os = "linux")]
pub(super) fn for_job(limits: &Limits) -> io::Result<()> {
    use rlimit::Resource;
    soft(Resource::DATA, limits.memory_bytes.saturating_mul(2).saturating_add(1 << 30))?;
    soft(Resource::FSIZE, limits.max_output_bytes)?;
    soft(Resource::NOFILE, limits.max_open_files)
}

#[cfg(target_os = "linux")]
fn soft(resource: rlimit::Resource, value: u64) -> io::Result<()> {
    let hard = resource.get_hard()?;
    resource.set(value.min(hard), hard)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn for_life() -> io::Result<()> {
    Ok(())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn for_job(_: &Limits) -> io::Result<()> {
    Ok(())
}
