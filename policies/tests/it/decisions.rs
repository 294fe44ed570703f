//! Rows 4 to 31 of the attack list, and what every program needs.

use dayfly_policies::REPORT_FD;

use crate::words::*;

#[test]
fn a_program_can_be_started_under_every_policy() {
    let report = u64::try_from(REPORT_FD).unwrap();
    check_all(&[
        ("execve", &[], ALLOW),
        ("execveat", &[], ALLOW),
        ("exit", &[], ALLOW),
        ("exit_group", &[], ALLOW),
        ("rt_sigreturn", &[], ALLOW),
        ("sendmsg", &[report], ALLOW),
        ("sendmsg", &[4], [ENOSYS, Allow, Allow, Allow]),
        ("sendto", &[report], [ENOSYS, Allow, Allow, Allow]),
    ]);
}

#[test]
fn what_runtimes_need_goes_through() {
    for name in [
        "read",
        "write",
        "openat",
        "mmap",
        "brk",
        "futex",
        "clock_nanosleep",
        "epoll_create1",
        "epoll_pwait",
        "eventfd2",
        "pipe2",
        "rt_sigaction",
        "sigaltstack",
        "tgkill",
        "sched_getaffinity",
        "sched_yield",
        "madvise",
        "mprotect",
        "getrandom",
        "rseq",
        "set_robust_list",
        "prlimit64",
        "statx",
        "newfstatat",
        "close_range",
        "membarrier",
        "timer_create",
        "timer_settime",
        "setitimer",
        "uname",
        "getdents64",
        "mincore",
    ] {
        check(name, &[], ALLOW);
    }
}

#[test]
fn row_4_to_8_processes() {
    const THREAD: u64 = 0x3D_0F00;
    const FORK: u64 = 0x0120_0011;
    const VFORK: u64 = 0x4111;
    check_all(&[
        ("clone", &[THREAD], ALLOW),
        ("clone", &[FORK], [EPERM, Allow, Allow, Allow]),
        ("clone", &[VFORK], [EPERM, Allow, Allow, Allow]),
        ("wait4", &[], [ENOSYS, Allow, Allow, Allow]),
        ("sched_setscheduler", &[0, 0], ALLOW),
        ("sched_setscheduler", &[0, 1], [EPERM; 4]),
        ("sched_setscheduler", &[0, 2 | HIGH], [EPERM; 4]),
        ("sched_setscheduler", &[0, 6], [EPERM; 4]),
        ("sched_setattr", &[], [EPERM; 4]),
        ("ptrace", &[], INTRUSION),
        ("process_vm_readv", &[], INTRUSION),
        ("process_vm_writev", &[], INTRUSION),
        ("pidfd_getfd", &[], INTRUSION),
        ("kcmp", &[], INTRUSION),
        ("process_madvise", &[], [ENOSYS; 4]),
        ("prlimit64", &[0, 7, 0x1000], ALLOW),
        ("prlimit64", &[HIGH, 7, 0x1000], ALLOW),
        ("prlimit64", &[17, 7, 0, 0x1000], ALLOW),
        ("prlimit64", &[17, 7, 0x1000], [ENOSYS; 4]),
        ("prlimit64", &[17, 7, HIGH], [ENOSYS; 4]),
    ]);
}

#[test]
fn rows_15_to_22_devices_and_mounts() {
    const MODE: u64 = 0o666;
    const FIFO: u64 = 0o010_000 | MODE;
    const CHARACTER: u64 = 0o020_000 | MODE;
    const BLOCK: u64 = 0o060_000 | MODE;
    check_all(&[
        ("mknodat", &[0, 0, MODE], ALLOW),
        ("mknodat", &[0, 0, FIFO], ALLOW),
        ("mknodat", &[0, 0, CHARACTER], INTRUSION),
        ("mknodat", &[0, 0, BLOCK | HIGH], INTRUSION),
        ("chroot", &[], INTRUSION),
        ("pivot_root", &[], [Stop; 4]),
    ]);
    for name in [
        "mount",
        "umount2",
        "fsopen",
        "fsconfig",
        "fsmount",
        "fspick",
        "move_mount",
        "open_tree",
        "mount_setattr",
        "quotactl",
        "quotactl_fd",
    ] {
        check(name, &[], INTRUSION);
    }
    check_all(&[("statmount", &[], [ENOSYS; 4]), ("listmount", &[], [ENOSYS; 4])]);
}

#[test]
fn row_29_descriptor_tricks() {
    check_all(&[
        ("fcntl", &[1, 4], ALLOW),
        ("fcntl", &[1, 4 | HIGH], ALLOW),
        ("fcntl", &[1, 1030], ALLOW),
        ("fcntl", &[1, 1024], [EINVAL; 4]),
        ("fcntl", &[1, 1026 | HIGH], [EINVAL; 4]),
        ("fcntl", &[1, 77], [ENOSYS; 4]),
    ]);
}

#[test]
fn rows_30_and_31_namespaces() {
    for flag in [0x2_0000, 0x200_0000, 0x400_0000, 0x800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000_u64] {
        check("clone", &[flag], INTRUSION);
        check("clone", &[flag | 0x11], INTRUSION);
        check("clone", &[flag | 0x3D_0F00], INTRUSION);
        check("clone", &[flag | HIGH], INTRUSION);
    }
    check_all(&[("unshare", &[0x1000_0000], INTRUSION), ("setns", &[], INTRUSION)]);
}
