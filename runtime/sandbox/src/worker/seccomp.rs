//! The system calls that a worker needs.

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter,
};
use std::collections::BTreeMap;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// What computing, files that are open or may be opened, memory and threads need.
const ALWAYS: &[i64] = &[
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_preadv,
    libc::SYS_pwritev,
    libc::SYS_preadv2,
    libc::SYS_pwritev2,
    libc::SYS_lseek,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_fstatfs,
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_readlinkat,
    libc::SYS_getdents64,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_fadvise64,
    libc::SYS_fcntl,
    libc::SYS_flock,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_membarrier,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getrusage,
    libc::SYS_uname,
    libc::SYS_sysinfo,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    // On the line to the host, which is open.
    libc::SYS_recvfrom,
    libc::SYS_sendto,
    libc::SYS_recvmsg,
    libc::SYS_sendmsg,
    libc::SYS_shutdown,
    // Answered by the filter below that there is no such call.
    libc::SYS_clone3,
];

/// What changing files needs.
const CHANGES: &[i64] = &[
    libc::SYS_mkdirat,
    libc::SYS_unlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_utimensat,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_copy_file_range,
    libc::SYS_sendfile,
];

/// The old forms that libraries still use where they exist.
#[cfg(target_arch = "x86_64")]
const OLD: &[i64] = &[libc::SYS_epoll_wait, libc::SYS_poll, libc::SYS_stat, libc::SYS_lstat, libc::SYS_readlink];
#[cfg(not(target_arch = "x86_64"))]
const OLD: &[i64] = &[];

/// What sockets need, but making them.
const SOCKETS: &[i64] = &[
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_listen,
    libc::SYS_accept4,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
];

/// Sharing blocks, finding what was written to, and switching waiting off; all others reach drivers.
/// `FICLONE`, `PAGEMAP_SCAN` (`include/uapi/linux/fs.h`), `FIONBIO`, `FIONREAD`.
const IOCTLS: [u64; 4] = [0x4004_9409, 0xc060_6610, 0x5421, 0x541b];
/// Naming threads and memory.
const PRCTLS: [u64; 2] = [15, 0x5356_4d41];

type Made<T> = Result<T, seccompiler::BackendError>;

/// An argument that is an `int`: its upper half is nothing to the kernel.
fn is(argument: u8, value: u64) -> Made<SeccompCondition> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
}

/// None of some of its lower bits is set.
fn without(argument: u8, bits: i32) -> Made<SeccompCondition> {
    let bits = u64::try_from(bits).unwrap_or_default();
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(bits), 0)
}

fn equal(argument: u8, value: u64) -> Made<SeccompRule> {
    SeccompRule::new(vec![is(argument, value)?])
}

fn any(argument: u8, values: &[u64]) -> Made<Vec<SeccompRule>> {
    values.iter().map(|value| equal(argument, *value)).collect()
}

fn rules(sockets: bool, changes: bool) -> Made<Rules> {
    let mut rules: Rules = ALWAYS.iter().chain(OLD).map(|call| (*call, Vec::new())).collect();
    rules.insert(libc::SYS_ioctl, any(1, &IOCTLS)?);
    rules.insert(libc::SYS_prctl, any(0, &PRCTLS)?);
    // A thread, never a process.
    let thread = u64::try_from(libc::CLONE_THREAD).unwrap_or_default();
    let thread = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(thread), thread)?;
    rules.insert(libc::SYS_clone, vec![SeccompRule::new(vec![thread])?]);
    // Signals for its own threads: how a program that cannot go on ends itself.
    rules.insert(libc::SYS_tgkill, vec![equal(0, std::process::id().into())?]);
    // Its own limits are asked for, not set: the pointer to new ones is none, in all of its bits.
    let none = SeccompCondition::new(2, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)?;
    rules.insert(libc::SYS_prlimit64, vec![SeccompRule::new(vec![is(0, 0)?, none])?]);
    // What can be run is not written to, by this process or through a file by another.
    let not_run = || SeccompRule::new(vec![without(2, libc::PROT_EXEC)?]);
    let run_as_it_is = |others: &[SeccompCondition]| {
        let mut conditions = vec![without(2, libc::PROT_WRITE)?];
        conditions.extend_from_slice(others);
        SeccompRule::new(conditions)
    };
    rules.insert(libc::SYS_mprotect, vec![not_run()?, run_as_it_is(&[])?]);
    rules.insert(libc::SYS_mmap, vec![not_run()?, run_as_it_is(&[without(3, libc::MAP_SHARED)?])?]);
    if changes {
        rules.extend(CHANGES.iter().map(|call| (*call, Vec::new())));
        // Copies of staged files get the permissions of what they are copies of, and never more than those.
        let special = without(1, 0o7000)?;
        rules.insert(libc::SYS_fchmod, vec![SeccompRule::new(vec![special])?]);
    }
    if sockets {
        rules.extend(SOCKETS.iter().map(|call| (*call, Vec::new())));
        let families = [libc::AF_INET, libc::AF_INET6].map(|family| u64::try_from(family).unwrap_or_default());
        rules.insert(libc::SYS_socket, any(0, &families)?);
    } else {
        rules.insert(libc::SYS_getsockopt, Vec::new());
    }
    Ok(rules)
}

/// What is not listed fails with `EPERM`.
pub(super) fn apply(sockets: bool, changes: bool) -> Result<(), seccompiler::Error> {
    let arch = std::env::consts::ARCH.try_into()?;
    let refuse = |errno: i32| SeccompAction::Errno(u32::try_from(errno).unwrap_or(1));
    // Its flags lie in memory, where no filter sees them; without it, threads are made by `clone`.
    let no_clone3 = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    let filters: [BpfProgram; 2] = [
        SeccompFilter::new(no_clone3, SeccompAction::Allow, refuse(libc::ENOSYS), arch)?.try_into()?,
        SeccompFilter::new(rules(sockets, changes)?, refuse(libc::EPERM), SeccompAction::Allow, arch)?.try_into()?,
    ];
    // In this order: after the second, nothing can be put on any more.
    let [no_clone3, listed] = filters;
    apply_filter(&no_clone3)?;
    apply_filter(&listed)
}
