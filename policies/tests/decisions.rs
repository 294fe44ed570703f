//! What the filters of the built-in policies decide, by table. The numbers are rows of the attack list that
//! the threat model keeps.

use dayfly_policies::{Arch, Call, Catalog, Decision, Policy, REPORT_FD, syscall_number};

const POLICIES: [&str; 4] = ["strict", "compile", "interpreted", "ci"];

/// What a table expects of a call.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Want {
    Allow,
    Errno(u16),
    Stop,
}

use Want::{Allow, Errno, Stop};

const EPERM: Want = Errno(1);
const EACCES: Want = Errno(13);
const EINVAL: Want = Errno(22);
const ENOSYS: Want = Errno(38);
const ENOPROTOOPT: Want = Errno(92);
const EOPNOTSUPP: Want = Errno(95);
const EAFNOSUPPORT: Want = Errno(97);

fn number(name: &str) -> i32 {
    syscall_number(name).unwrap_or_else(|| panic!("no call {name}"))
}

fn decide(policy: &Policy, arch: u32, number: i32, arguments: &[u64]) -> Want {
    let mut all = [0; 6];
    all[..arguments.len()].copy_from_slice(arguments);
    match policy.filter().decide(&Call { arch, number, arguments: all }) {
        Some(Decision::Allow) => Allow,
        Some(Decision::Errno(errno)) => Errno(errno),
        Some(Decision::Notify) => Stop,
        None => panic!("{}: the filter has no answer for {number}", policy.name()),
    }
}

fn check(name: &str, arguments: &[u64], wants: [Want; 4]) {
    for (policy, want) in POLICIES.into_iter().zip(wants) {
        let policy = Catalog::builtin().get(policy).unwrap();
        let found = decide(&policy, Arch::NATIVE.audit(), number(name), arguments);
        assert_eq!(found, want, "{} {name} {arguments:x?}", policy.name());
    }
}

/// One row: the call, its arguments, and what strict, compile, interpreted and ci decide.
type Row<'a> = (&'a str, &'a [u64], [Want; 4]);

fn check_all(rows: &[Row<'_>]) {
    for (name, arguments, wants) in rows {
        check(name, arguments, *wants);
    }
}

const ALLOW: [Want; 4] = [Allow; 4];
/// Stops graded programs; a pipeline's tools are told no.
const INTRUSION: [Want; 4] = [Stop, Stop, Stop, EPERM];
/// High bits that a 64-bit comparison would be fooled by.
const HIGH: u64 = 0xDEAD_BEEF_0000_0000;

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

#[test]
fn row_35_io_uring() {
    for name in ["io_uring_setup", "io_uring_enter", "io_uring_register"] {
        check(name, &[], [Stop, Stop, ENOSYS, ENOSYS]);
    }
}

#[test]
fn rows_36_to_39_and_44_kernel_surface() {
    check_all(&[
        ("bpf", &[], INTRUSION),
        ("perf_event_open", &[], INTRUSION),
        ("userfaultfd", &[], INTRUSION),
        ("keyctl", &[], [Stop, Stop, Stop, ENOSYS]),
        ("add_key", &[], [Stop, Stop, Stop, ENOSYS]),
        ("request_key", &[], [Stop, Stop, Stop, ENOSYS]),
        ("personality", &[0xFFFF_FFFF], ALLOW),
        ("personality", &[0], ALLOW),
        ("personality", &[0x40_0000], [ENOSYS; 4]),
        ("personality", &[0x4_0000], [ENOSYS, ENOSYS, ENOSYS, Allow]),
        ("kexec_load", &[], [Stop; 4]),
        ("init_module", &[], [Stop; 4]),
        ("finit_module", &[], [Stop; 4]),
        ("delete_module", &[], [Stop; 4]),
        ("reboot", &[], [Stop; 4]),
        ("swapon", &[], [Stop; 4]),
        ("open_by_handle_at", &[], [Stop; 4]),
        ("name_to_handle_at", &[], [EOPNOTSUPP; 4]),
        ("fanotify_init", &[], [ENOSYS; 4]),
        ("memfd_secret", &[], [ENOSYS; 4]),
        ("landlock_restrict_self", &[], [ENOSYS; 4]),
        ("settimeofday", &[], [EPERM; 4]),
        ("clock_settime", &[], [EPERM; 4]),
        ("sethostname", &[], [EPERM; 4]),
        ("syslog", &[], [EPERM; 4]),
    ]);
    #[cfg(target_arch = "x86_64")]
    check_all(&[
        ("modify_ldt", &[], [Stop, Stop, Stop, ENOSYS]),
        ("iopl", &[], [Stop; 4]),
        ("ioperm", &[], [Stop; 4]),
        ("uselib", &[], [Stop; 4]),
    ]);
}

#[test]
fn row_40_socket_families() {
    const UNIX: u64 = 1;
    const INET: u64 = 2;
    const INET6: u64 = 10;
    const NETLINK: u64 = 16;
    const STREAM: u64 = 1;
    check_all(&[
        ("socket", &[UNIX, STREAM, 0], [EACCES, EACCES, Allow, Allow]),
        ("socket", &[INET, STREAM, 0], [Stop, EACCES, Allow, Allow]),
        ("socket", &[INET6, STREAM, 6], [Stop, EACCES, Allow, Allow]),
        // SCTP and MPTCP would be loaded for the job.
        ("socket", &[INET, STREAM, 132], [Stop, EACCES, ENOSYS, ENOSYS]),
        ("socket", &[INET, STREAM, 262], [Stop, EACCES, ENOSYS, ENOSYS]),
        ("socket", &[NETLINK, 3, 0], [Stop, EACCES, EAFNOSUPPORT, Allow]),
        // NETLINK_NETFILTER and NETLINK_XFRM.
        ("socket", &[NETLINK, 3, 12], [Stop, EACCES, EAFNOSUPPORT, ENOSYS]),
        ("socket", &[NETLINK, 3, 6], [Stop, EACCES, EAFNOSUPPORT, ENOSYS]),
        ("socketpair", &[UNIX, STREAM], [ENOSYS, Allow, Allow, Allow]),
        ("socketpair", &[30, STREAM], [ENOSYS; 4]),
    ]);
    // KEY, PACKET, RDS, LLC, CAN, TIPC, BLUETOOTH, RXRPC, ALG, NFC, VSOCK, KCM, QIPCRTR, SMC, XDP.
    for family in [15, 17, 21, 26, 29, 30, 31, 33, 38, 39, 40, 41, 42, 43, 44] {
        check("socket", &[family, STREAM, 0], [Stop, Stop, Stop, EAFNOSUPPORT]);
        check("socket", &[family | HIGH, STREAM, 0], [Stop, Stop, Stop, EAFNOSUPPORT]);
    }
    // Families without a name here are not there either.
    for family in [3, 4, 9, 19, 45, 46, 255] {
        check("socket", &[family, STREAM, 0], [Stop, ENOSYS, ENOSYS, ENOSYS]);
    }
}

#[test]
fn row_42_socket_options() {
    check_all(&[
        ("setsockopt", &[0, 1, 2], [ENOSYS, Allow, Allow, Allow]),
        ("setsockopt", &[0, 6, 1], [ENOSYS, ENOSYS, Allow, Allow]),
        // TCP_ULP, IP_XFRM_POLICY, IPV6_XFRM_POLICY, SO_ATTACH_FILTER, SO_ATTACH_BPF, IPT_SO_SET_REPLACE.
        ("setsockopt", &[0, 6, 31], [ENOSYS, ENOSYS, ENOPROTOOPT, ENOPROTOOPT]),
        ("setsockopt", &[0, 6 | HIGH, 31 | HIGH], [ENOSYS, ENOSYS, ENOPROTOOPT, ENOPROTOOPT]),
        ("setsockopt", &[0, 0, 17], [ENOSYS, ENOSYS, ENOPROTOOPT, ENOPROTOOPT]),
        ("setsockopt", &[0, 41, 35], [ENOSYS, ENOSYS, ENOPROTOOPT, ENOPROTOOPT]),
        ("setsockopt", &[0, 1, 26], [ENOSYS; 4]),
        ("setsockopt", &[0, 1, 50], [ENOSYS; 4]),
        ("setsockopt", &[0, 0, 64], [ENOSYS; 4]),
        ("setsockopt", &[0, 282, 1], [ENOSYS; 4]),
    ]);
}

#[test]
fn row_43_page_tricks() {
    check_all(&[
        ("vmsplice", &[], [ENOSYS; 4]),
        ("splice", &[], [ENOSYS, ENOSYS, ENOSYS, Allow]),
        ("tee", &[], [ENOSYS, ENOSYS, ENOSYS, Allow]),
        ("remap_file_pages", &[], [ENOSYS; 4]),
        ("migrate_pages", &[], [ENOSYS; 4]),
        ("move_pages", &[], [ENOSYS; 4]),
    ]);
}

#[test]
#[cfg(target_arch = "x86_64")]
fn rows_45_and_46_foreign_calls_stop_the_job_whatever_they_are() {
    for policy in POLICIES {
        let policy = Catalog::builtin().get(policy).unwrap();
        for number in [0, 1, 59, 60, 101, 231, 512, 547] {
            for (arch, number) in [
                (0xC000_003E, number | 0x4000_0000),
                (0x4000_0003, number),
                (0x4000_0028, number),
                (0xC000_00B7, number),
                (0, number),
            ] {
                assert_eq!(decide(&policy, arch, number, &[]), Stop, "{} {arch:x} {number:x}", policy.name());
            }
        }
        // What a tracer leaves behind to skip a call is not a call of x32.
        assert_eq!(decide(&policy, 0xC000_003E, -1, &[]), ENOSYS);
    }
}

#[test]
fn row_47_clone3_sends_libraries_back_to_clone() {
    check("clone3", &[], [ENOSYS; 4]);
}

#[test]
fn rows_48_and_51_terminals() {
    for request in [0x5412, 0x541C] {
        for high in [0, HIGH, 1 << 32, 0xFFFF_FFFF_0000_0000] {
            check("ioctl", &[0, request | high], [Stop; 4]);
        }
    }
    check_all(&[
        ("ioctl", &[0, 0x5401], ALLOW),
        ("ioctl", &[0, 0x5413], ALLOW),
        ("ioctl", &[0, 0x5421], ALLOW),
        // TIOCGPTN as a library that sign-extends passes it.
        ("ioctl", &[0, 0xFFFF_FFFF_8004_5430], ALLOW),
        // TIOCSETD loads line disciplines; SIOCETHTOOL and KVM_CREATE_VM talk to drivers.
        ("ioctl", &[0, 0x5423], [ENOSYS; 4]),
        ("ioctl", &[0, 0x8946], [ENOSYS; 4]),
        ("ioctl", &[0, 0xAE01], [ENOSYS; 4]),
    ]);
}

#[test]
fn row_50_own_filters() {
    const PR_SET_SECCOMP: u64 = 22;
    check_all(&[
        ("seccomp", &[], [Stop, Stop, Stop, EINVAL]),
        ("prctl", &[PR_SET_SECCOMP], [Stop, Stop, Stop, EINVAL]),
        ("prctl", &[PR_SET_SECCOMP | HIGH], [Stop, Stop, Stop, EINVAL]),
        ("prctl", &[15], ALLOW),
        ("prctl", &[38], ALLOW),
        ("prctl", &[35], [EPERM; 4]),
        ("prctl", &[24], [EPERM; 4]),
        ("prctl", &[0x5961_6D61], [EINVAL; 4]),
        ("prctl", &[28], [ENOSYS; 4]),
    ]);
}
