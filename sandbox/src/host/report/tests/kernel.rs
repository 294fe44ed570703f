//! Findings about the kernel.

use super::*;

#[test]
fn what_the_kernel_lacks_is_told() {
    use Standing::{Degraded, Missing};
    let eperm = |step| fails(step, Errno::EPERM);
    told([
        (
            root(|h| h.settings.core_pattern = Some("|/usr/bin/handler %p".into())),
            "kernel.core_pattern",
            Degraded,
            "sudo sysctl -w kernel.core_pattern=core",
        ),
        (
            root(|h| {
                h.settings.protected_hardlinks = Some(false);
                h.settings.protected_symlinks = Some(false);
            }),
            "kernel.links",
            Degraded,
            "sudo sysctl -w fs.protected_hardlinks=1 fs.protected_symlinks=1",
        ),
        (
            root(|h| h.settings.unprivileged_bpf_disabled = Some(false)),
            "kernel.bpf",
            Degraded,
            "kernel.unprivileged_bpf_disabled=2",
        ),
        (
            root(|h| h.processes.clone3 = fails(Step::Clone3, Errno::ENOSYS)),
            "kernel.clone3",
            Missing,
            "run Linux 5.3 or later (this is 6.12.0)",
        ),
        (
            root(|h| {
                h.processes.pidfd = eperm(Step::OpenPidfd);
                h.caller.filtered = true;
                h.caller.container = Some("docker".into());
            }),
            "kernel.pidfd",
            Missing,
            "--security-opt seccomp=unconfined",
        ),
        (
            root(|h| h.mounts.by_descriptor = fails(Step::MountAttributes, Errno::ENOSYS)),
            "kernel.mount_calls",
            Missing,
            "run Linux 5.12 or later",
        ),
    ]);
}
