//! Findings about the kernel: calls it has, switches it has set.

use dayfly_jobs::Check;

use super::{Trial, degraded, fixes, ok};
use crate::host::HostSupport;

pub(super) fn checks(host: &HostSupport) -> Vec<Check> {
    vec![
        ok("kernel.release", format!("Linux {} on {}", host.kernel, host.machine)),
        pidfd(host),
        clone3(host),
        mount_calls(host),
        core_pattern(host),
        links(host),
        bpf(host),
        terminals(host),
    ]
}

fn pidfd(host: &HostSupport) -> Check {
    let tried = host.processes.pidfd;
    let lost = "every jail: processes are watched and killed by descriptor only";
    Trial { id: "kernel.pidfd", tried, works: "processes can be held by descriptor", lost }
        .needed(|| fixes::call(host, tried, "5.4"))
}

fn clone3(host: &HostSupport) -> Check {
    let tried = host.processes.clone3;
    let lost = "every jail: it is made with this call";
    Trial { id: "kernel.clone3", tried, works: "processes can be made with clone3", lost }
        .needed(|| fixes::call(host, tried, "5.3"))
}

fn mount_calls(host: &HostSupport) -> Check {
    let tried = host.mounts.by_descriptor;
    let works = "mounts can be made by descriptor (open_tree, fsopen, mount_setattr, move_mount)";
    let lost = "every jail: its root is built with these calls";
    Trial { id: "kernel.mount_calls", tried, works, lost }.needed(|| fixes::call(host, tried, "5.12"))
}

fn core_pattern(host: &HostSupport) -> Check {
    let id = "kernel.core_pattern";
    match host.settings.core_pattern.as_deref() {
        Some(pattern) if pattern.starts_with('|') => degraded(
            id,
            format!("crashes are piped to {}", pattern.trim_start_matches('|')),
            "a crashing job can start a program of the host, which a core size limit of 0 does not stop",
            "sudo sysctl -w kernel.core_pattern=core",
        ),
        Some(pattern) => ok(id, format!("crashes go to a file ('{pattern}'), which jobs may not write")),
        None => ok(id, "this kernel writes no core dumps"),
    }
}

fn links(host: &HostSupport) -> Check {
    let switches = [
        ("fs.protected_hardlinks", host.settings.protected_hardlinks),
        ("fs.protected_symlinks", host.settings.protected_symlinks),
    ];
    let off: Vec<_> =
        switches.iter().filter(|(_, value)| *value == Some(false)).map(|(name, _)| *name).collect();
    match off.is_empty() {
        true => ok("kernel.links", "links in shared folders are followed only for their owner"),
        false => degraded(
            "kernel.links",
            format!("{} off", off.join(" and ")),
            "in a writable bind, a job can plant links that mislead host programs working there",
            format!("sudo sysctl -w {}=1", off.join("=1 ")),
        ),
    }
}

fn bpf(host: &HostSupport) -> Check {
    match host.settings.unprivileged_bpf_disabled {
        Some(false) => degraded(
            "kernel.bpf",
            "every user may load BPF programs",
            "a second wall behind the policy, which denies jobs the bpf call",
            "sudo sysctl -w kernel.unprivileged_bpf_disabled=2",
        ),
        Some(true) => ok("kernel.bpf", "only administrators may load BPF programs"),
        None => ok("kernel.bpf", "this kernel has no bpf call"),
    }
}

fn terminals(host: &HostSupport) -> Check {
    let found = match host.settings.legacy_tiocsti {
        Some(false) => "no program can type into a terminal",
        Some(true) | None => "programs can type into their terminal; a job has none",
    };
    ok("kernel.terminals", found)
}
