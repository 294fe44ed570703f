//! Rows 35 to 51: the parts of the kernel no job needs, and the side doors around a filter.

use dayfly_policies::Catalog;

use crate::words::*;

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
