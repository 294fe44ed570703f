//! The probes on the host the tests run on, whatever it is.

use std::fs;
use std::path::PathBuf;

use super::*;

fn own_namespaces() -> Vec<PathBuf> {
    let mut links: Vec<_> = fs::read_dir("/proc/self/ns")
        .unwrap()
        .map(|link| fs::read_link(link.unwrap().path()).unwrap())
        .collect();
    links.sort_unstable();
    links
}

#[test]
fn a_probe_leaves_the_process_where_it_was() {
    let before = own_namespaces();
    let host = HostSupport::probe(None);
    assert_eq!(own_namespaces(), before);
    let filters = fs::read_to_string("/proc/self/status").unwrap().contains("Seccomp:\t2");
    assert_eq!(filters, host.caller.filtered);
}

#[test]
fn two_probes_find_the_same() {
    assert_eq!(HostSupport::probe(None), HostSupport::probe(None));
}

#[test]
fn probes_agree_with_what_the_kernel_tells_about_itself() {
    let host = HostSupport::probe(None);
    assert!(!host.kernel.is_empty());
    assert_eq!(host.report().kernel, host.kernel);
    let told = fs::read_to_string("/proc/sys/kernel/seccomp/actions_avail").unwrap_or_default();
    assert!(!host.confinement.notification.works() || told.contains("user_notif"));
    assert!(host.namespaces.user.works() || !host.namespaces.suffice());
}
