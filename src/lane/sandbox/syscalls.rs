//! Seccomp: what a lane may ask of the kernel.
//!
//! A list of what is refused, not of what is allowed: engines and the C library ask for more than anyone can foresee, and what
//! is left is harmless without files, network and other processes.

use std::collections::BTreeMap;

use libc::{ENOSYS, EPERM};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

/// Refused whatever the arguments.
const NEVER: &[i64] = &[
    // Network, and the ring that gets round this list.
    libc::SYS_socket,
    libc::SYS_io_uring_setup,
    // Other programs.
    libc::SYS_execve,
    libc::SYS_execveat,
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_kcmp,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    libc::SYS_tkill,
    libc::SYS_setpgid,
    libc::SYS_setsid,
    libc::SYS_setpriority,
    libc::SYS_sched_setaffinity,
    libc::SYS_sched_setscheduler,
    libc::SYS_sched_setparam,
    libc::SYS_sched_setattr,
    libc::SYS_ioprio_set,
    // Memory that nobody counts, and memory and messages that processes share by number.
    libc::SYS_memfd_create,
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_semget,
    libc::SYS_msgget,
    libc::SYS_mq_open,
    // What files are called and look like from outside: Landlock does not see to that. Also through an open file, since an
    // input is the store's own: its times are a part of its version.
    libc::SYS_truncate,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchmodat2,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    libc::SYS_mknodat,
    libc::SYS_inotify_init1,
    libc::SYS_fanotify_init,
    // The file tree.
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsmount,
    // The machine.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_sethostname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_setdomainname,
    libc::SYS_quotactl,
    libc::SYS_acct,
    libc::SYS_syslog,
    libc::SYS_personality,
];

/// The older names that only some machines have.
#[cfg(target_arch = "x86_64")]
const OLDER: &[i64] = &[
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_lchown,
    libc::SYS_mknod,
    libc::SYS_utime,
    libc::SYS_utimes,
    libc::SYS_futimesat,
    libc::SYS_inotify_init,
    libc::SYS_iopl,
    libc::SYS_ioperm,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[i64] = &[];

/// What Linux got after 6.9: nothing of it is needed, and some of it does what is refused above in another way.
const UNKNOWN: std::ops::RangeInclusive<i64> = 463..=600;

/// On a kernel with the x32 calls everything has a second number with this bit in it, and some a third.
#[cfg(target_arch = "x86_64")]
const X32: i64 = 0x4000_0000;
#[cfg(target_arch = "x86_64")]
const X32_ONLY: std::ops::RangeInclusive<i64> = 512..=547;

/// Changes to a file's flags (`FS_IOC_SETFLAGS`, `FS_IOC_FSSETXATTR`), which a file that is open to be read is enough for.
const FILE_FLAGS: [u64; 2] = [0x4008_6602, 0x401c_5820];

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Refuses, from now on, what a lane has no use for.
///
/// # Errors
/// Why not, in words for the log.
pub(super) fn shut() -> Result<(), String> {
    apply().map_err(|error| format!("seccomp: {error}"))
}

fn apply() -> Result<(), Box<dyn std::error::Error>> {
    // The flags of the first lie where no filter can see them. As if it were not there, the C library takes the older call.
    let newer: Rules = std::iter::once(libc::SYS_clone3).chain(UNKNOWN).map(|call| (call, Vec::new())).collect();
    seccompiler::apply_filter(&program(newer, ENOSYS)?)?;
    let mut rules: Rules = NEVER.iter().chain(OLDER).map(|call| (*call, Vec::new())).collect();
    // A new process, and not a new thread of this one.
    let thread = u64::from(libc::CLONE_THREAD.unsigned_abs());
    rules.insert(libc::SYS_clone, vec![when(0, SeccompCmpOp::MaskedEq(thread), 0)?]);
    // Of another process than this.
    for call in [libc::SYS_kill, libc::SYS_tgkill, libc::SYS_rt_sigqueueinfo, libc::SYS_rt_tgsigqueueinfo] {
        rules.insert(call, vec![when(0, SeccompCmpOp::Ne, std::process::id().into())?]);
    }
    rules.insert(libc::SYS_prlimit64, vec![when(0, SeccompCmpOp::Ne, 0)?]);
    let flags = FILE_FLAGS.map(|flags| when(1, SeccompCmpOp::Eq, flags));
    rules.insert(libc::SYS_ioctl, flags.into_iter().collect::<Result<_, _>>()?);
    #[cfg(target_arch = "x86_64")]
    {
        let second: Vec<i64> = rules.keys().copied().chain([libc::SYS_clone3]).chain(X32_ONLY).collect();
        rules.extend(second.into_iter().map(|call| (call | X32, Vec::new())));
    }
    seccompiler::apply_filter(&program(rules, EPERM)?)?;
    Ok(())
}

fn program(rules: Rules, errno: i32) -> Result<BpfProgram, Box<dyn std::error::Error>> {
    let refuse = SeccompAction::Errno(errno.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, std::env::consts::ARCH.try_into()?)?;
    Ok(filter.try_into()?)
}

/// Argument number `argument` stands to `value` as `comparison` says.
fn when(argument: u8, comparison: SeccompCmpOp, value: u64) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(argument, SeccompCmpArgLen::Dword, comparison, value)?])
}
