//! Attacks on parts of the kernel that no job needs.

use dayfly_tests::{Dayfly, End, jail, slowness};

use crate::process::{POLICIES, policies};

/// What a policy does about a call.
#[derive(Debug, Clone, Copy)]
enum Gate {
    /// Stops the job and tells the call's name.
    Forbids,
    /// Fails the call like this, before the kernel looks at it.
    Fails(&'static str),
}
use Gate::{Fails, Forbids};

/// What `strict`, `compile`, `interpreted` and `ci` do, in the order of [`POLICIES`].
type Gates = [Gate; 4];

const NOWHERE: Gates = [Forbids; 4];
const ABSENT: Gates = [Fails("ENOSYS"); 4];
const DENIED: Gates = [Fails("EPERM"); 4];
/// No honest program of the first three makes such a call; tools in a pipeline try it and go on.
const INTRUSION: Gates = [Forbids, Forbids, Forbids, Fails("EPERM")];
const INTRUSION_ABSENT: Gates = [Forbids, Forbids, Forbids, Fails("ENOSYS")];
const FILTERS: Gates = [Forbids, Forbids, Forbids, Fails("EINVAL")];
const URING: Gates = [Forbids, Forbids, Fails("ENOSYS"), Fails("ENOSYS")];

/// The payload's name for an attempt, the system call it makes, and what becomes of it.
const CALLS: &[(&[&str], &str, Gates)] = &[
    (
        &[
            "mount_tmpfs",
            "mount_proc",
            "mount_bind",
            "mount_remount",
            "mount_remount_usr",
            "mount_shared",
            "mount_cgroup",
            "mount_cgroup2",
            "mount_overlay",
            "mount_fuse",
        ],
        "mount",
        INTRUSION,
    ),
    (&["umount_proc", "umount_root"], "umount2", INTRUSION),
    (&["pivot_root", "open_by_handle_at", "uselib", "iopl", "ioperm"], "", NOWHERE),
    (&["chroot", "fsopen", "fsconfig", "fsmount", "fspick", "open_tree"], "", INTRUSION),
    (&["move_mount", "mount_setattr", "quotactl", "quotactl_fd", "setns"], "", INTRUSION),
    (
        &[
            "statmount",
            "listmount",
            "open_tree_attr",
            "personality",
            "fanotify_init",
            "lookup_dcookie",
            "cachestat",
        ],
        "",
        ABSENT,
    ),
    (&["migrate_pages", "move_pages", "memfd_secret", "unknown_1000", "unknown_max", "clone3"], "", ABSENT),
    (
        &[
            "unshare_user",
            "unshare_mount",
            "unshare_pid",
            "unshare_net",
            "unshare_ipc",
            "unshare_uts",
            "unshare_cgroup",
            "unshare_all",
        ],
        "unshare",
        INTRUSION,
    ),
    (&["clone_user", "clone_net", "clone_mount"], "clone", INTRUSION),
    (&["io_uring_setup", "io_uring_enter", "io_uring_register"], "", URING),
    (&["bpf", "perf_event_open", "userfaultfd"], "", INTRUSION),
    (&["process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd"], "", INTRUSION),
    (&["ptrace_traceme", "ptrace_attach_init", "ptrace_seize_init"], "ptrace", INTRUSION),
    (&["keyctl", "add_key", "request_key", "modify_ldt"], "", INTRUSION_ABSENT),
    (&["keyctl_session"], "keyctl", INTRUSION_ABSENT),
    (&["kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module"], "", NOWHERE),
    (&["reboot", "swapon", "swapoff", "acct"], "", NOWHERE),
    (&["syslog", "sethostname", "setdomainname", "vhangup"], "", DENIED),
    (&["name_to_handle_at"], "", [Fails("EOPNOTSUPP"); 4]),
    (&["seccomp_listener"], "seccomp", FILTERS),
    (&["prctl_seccomp"], "prctl", FILTERS),
    (&["prctl_mm"], "prctl", DENIED),
    (&["capset_all"], "capset", [Fails("ENOSYS"), Fails("ENOSYS"), Fails("ENOSYS"), Fails("EPERM")]),
];

/// The policies under which an attempt is made, by their place in [`POLICIES`]: all of them. An emulated machine is
/// there for its kernel, which the filters of all policies meet in the same way, so there they take turns.
fn policies_for(attempt: usize) -> impl Iterator<Item = (usize, &'static str)> {
    let turn = (slowness() > 1).then_some(attempt % POLICIES.len());
    POLICIES.into_iter().enumerate().filter(move |(place, _)| turn.is_none_or(|turn| turn == *place))
}

/// Requires that each of these attempts meets, under each built-in policy, the gate that the table names.
#[track_caller]
pub(crate) fn refused_everywhere(attempts: &[&str]) {
    for (turn, attempt) in attempts.iter().enumerate() {
        let row = CALLS.iter().find(|(attempts, ..)| attempts.contains(attempt));
        let (_, call, gates) = row.unwrap_or_else(|| panic!("{attempt} is not in the table"));
        let call = if call.is_empty() { attempt } else { call };
        for (place, policy) in policies_for(turn) {
            let run = Dayfly::hostile().opt("--policy", policy).run(["/payload/syscalls", attempt]);
            match &gates[place] {
                Forbids => assert!(run.ended(End::Forbidden(call)).stdout.is_empty(), "{policy}: {run:#?}"),
                Fails(errno) => {
                    assert_eq!(run.ended(End::Exit(0)).answers(attempt), [*errno], "{policy}: {run:#?}")
                }
            }
        }
    }
}

#[test]
fn row_35_io_uring() {
    let _host = jail!();
    refused_everywhere(&["io_uring_setup", "io_uring_enter", "io_uring_register"]);
}

#[test]
fn row_36_bpf_and_perf() {
    let _host = jail!();
    refused_everywhere(&["bpf", "perf_event_open"]);
}

#[test]
fn row_37_userfaultfd_and_fuse() {
    let _host = jail!();
    refused_everywhere(&["userfaultfd", "mount_fuse"]);
    let run = Dayfly::hostile().run(["/payload/escape", "switches"]);
    for device in ["/dev/fuse", "/dev/userfaultfd"] {
        assert_eq!(run.answers(device), ["ENOENT"]);
    }
}

#[test]
fn row_38_keyrings() {
    let _host = jail!();
    refused_everywhere(&["keyctl", "keyctl_session", "add_key", "request_key"]);
}

#[test]
fn row_39_old_interfaces() {
    let _host = jail!();
    refused_everywhere(&["modify_ldt", "personality", "uselib", "iopl", "ioperm"]);
}

#[test]
fn row_40_socket_families() {
    let _host = jail!();
    // Every family there is but Unix (1), IPv4 (2), IPv6 (10), and the routing socket (16).
    for number in (3..46).filter(|family| ![10, 16].contains(family)) {
        let family = number.to_string();
        for (_, policy) in policies_for(number) {
            let run =
                Dayfly::hostile().opt("--policy", policy).run(["/payload/network", "families", &family]);
            assert!(!run.stdout.contains("GOT"), "{policy}: {run:#?}");
            match run.json["termination"]["kind"].as_str() {
                Some("forbidden_syscall") => run.ended(End::Forbidden("socket")),
                _ => run.ended(End::Exit(0)),
            };
        }
    }
}

#[test]
fn row_40_families_of_exploits_stop_the_job() {
    let _host = jail!();
    // AF_ALG, AF_PACKET, AF_VSOCK, AF_RXRPC, AF_KEY, AF_XDP, AF_TIPC
    for family in ["38", "17", "40", "33", "15", "44", "30"] {
        for policy in policies() {
            let run = Dayfly::hostile().opt("--policy", policy).run(["/payload/network", "families", family]);
            if policy != "ci" {
                run.ended(End::Forbidden("socket"));
                continue;
            }
            run.ended(End::Exit(0));
            assert!(run.stdout.lines().all(|line| line.ends_with(": EAFNOSUPPORT")), "{run:#?}");
        }
    }
}

#[test]
fn row_41_the_packet_filter() {
    let _host = jail!();
    let netlink = "import socket\n\
        for protocol in range(0, 23):\n\
        \ttry:\n\
        \t\ts = socket.socket(16, 3, protocol); s.bind((0, 0))\n\
        \t\ts.send(bytes.fromhex('1400000010000500') + bytes(12)); print('netlink', protocol, 'GOT')\n\
        \texcept OSError as e: print('netlink', protocol, e.errno)\n";
    for network in ["none", "loopback"] {
        let run = Dayfly::hostile().opt("--network", network).run(["/payload/network", "options"]);
        run.ended(End::Exit(0));
        for what in ["IPT_SO_SET_REPLACE", "IP6T_SO_SET_REPLACE", "SO_MARK"] {
            let answer = run.answers(what)[0];
            assert!(
                ["EPERM", "EACCES", "ENOSYS", "EBADF", "ENOPROTOOPT"].contains(&answer),
                "{what}: {run:#?}"
            );
        }
        let run = Dayfly::new().opt("--network", network).opt("--policy", "interpreted").run([
            "/usr/bin/python3",
            "-c",
            netlink,
        ]);
        run.ended(End::Exit(0));
        for line in run.stdout.lines().filter(|line| line.contains("GOT")) {
            assert_eq!(line, "netlink 0 GOT", "{run:#?}");
        }
    }
}

#[test]
fn row_42_protocols_by_socket_option() {
    let _host = jail!();
    for policy in ["interpreted", "ci"] {
        let run = Dayfly::hostile()
            .opt("--policy", policy)
            .opt("--network", "loopback")
            .run(["/payload/network", "options"]);
        run.ended(End::Exit(0));
        for what in ["TCP_ULP tls", "TCP_ULP espintcp", "IP_XFRM_POLICY", "IP_IPSEC_POLICY", "UDP_ENCAP"] {
            let answer = run.answers(what)[0];
            assert!(!answer.starts_with("GOT"), "{policy}: {what}: {run:#?}");
        }
    }
}

#[test]
fn row_43_pages_of_files_one_may_only_read() {
    let _host = jail!();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("read-only");
    let content = vec![b'r'; 8192];
    std::fs::write(&file, &content).unwrap();
    let bind = format!("{}:/data", dir.path().display());
    for policy in policies() {
        let run = Dayfly::hostile().opt("--policy", policy).also("--bind", &bind).run([
            "/payload/pages",
            "/data/read-only",
            "/usr/bin/env",
        ]);
        assert!([0, 121].contains(&run.code), "{run:#?}");
        assert!(!run.stdout.contains("CHANGED"), "{run:#?}");
    }
    assert!(std::fs::read(&file).unwrap() == content, "a read-only file was changed");
}

#[test]
fn row_44_the_machine_itself() {
    let _host = jail!();
    let hostname = || std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let before = hostname();
    refused_everywhere(&[
        "kexec_load",
        "kexec_file_load",
        "init_module",
        "finit_module",
        "delete_module",
        "reboot",
        "swapon",
        "swapoff",
        "acct",
        "quotactl",
        "quotactl_fd",
        "syslog",
        "sethostname",
        "setdomainname",
        "name_to_handle_at",
        "open_by_handle_at",
        "fanotify_init",
        "vhangup",
        "lookup_dcookie",
    ]);
    assert_eq!(hostname(), before);
}

#[test]
fn row_44_other_processes_memory_and_rights() {
    let _host = jail!();
    refused_everywhere(&[
        "process_vm_readv",
        "process_vm_writev",
        "kcmp",
        "pidfd_getfd",
        "migrate_pages",
        "move_pages",
        "capset_all",
        "memfd_secret",
    ]);
    let run = Dayfly::hostile().run(["/payload/syscalls", "prctl_no_new_privs_off"]);
    assert!(!run.stdout.contains("GOT"), "{run:#?}");
}
