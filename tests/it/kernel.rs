//! Attacks on parts of the kernel that no job needs.

use dayfly_tests::{Dayfly, End, Run, jail};

use crate::process::POLICIES;

/// The name of the system call that a payload makes: the part of its own name that Dayfly may report.
fn syscall(call: &str) -> &str {
    let prefixes = [
        "mount_setattr",
        "mount",
        "umount",
        "unshare",
        "clone3",
        "clone",
        "keyctl",
        "ptrace",
        "seccomp",
        "prctl",
        "capset",
    ];
    match prefixes.into_iter().find(|prefix| call.starts_with(prefix)) {
        Some("umount") => "umount2",
        Some(name) => name,
        None => call,
    }
}

/// Requires that a payload's call was refused before the kernel looked at it: by an errno that stands at the
/// gate, or by the end of the job with the call's name.
#[track_caller]
pub(crate) fn refused(run: &Run, call: &str) {
    if run.json["termination"]["kind"] == "forbidden_syscall" {
        run.ended(End::Forbidden(syscall(call)));
        assert!(!run.stdout.contains("GOT"), "{run:#?}");
    } else {
        run.ended(End::Exit(0)).refused(&[call]);
    }
}

/// The same under every built-in policy.
#[track_caller]
pub(crate) fn refused_everywhere(calls: &[&str]) {
    for policy in POLICIES {
        let jail = Dayfly::hostile().opt("--policy", policy);
        for call in calls {
            refused(&jail.run(["/payload/syscalls", call]), call);
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
    // Every family there is but Unix (1), IPv4 (2) and IPv6 (10).
    let numbers: Vec<String> =
        (3..46).filter(|family| *family != 10).map(|family| family.to_string()).collect();
    let mut command = vec!["/payload/network", "families"];
    command.extend(numbers.iter().map(String::as_str));
    for policy in POLICIES {
        let run = Dayfly::hostile().opt("--policy", policy).run(&command);
        run.ended(End::Exit(0));
        let opened: Vec<&str> = run.stdout.lines().filter(|line| line.contains("GOT")).collect();
        // The routing socket (family 16) answers questions of libc; what it may not do is tested in row 41.
        let odd: Vec<&&str> = opened.iter().filter(|line| !line.starts_with("family 16 ")).collect();
        assert!(odd.is_empty(), "{policy}: {odd:#?}");
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
    for policy in POLICIES {
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
    for policy in POLICIES {
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
