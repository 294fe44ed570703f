//! What mends what: commands where one command does it, a place in docs/HOSTS.md where it takes more.

use nix::errno::Errno;

use crate::host::trial::{Failed, Step};
use crate::host::{HostSupport, Refusal, Tried};

/// For a call that a kernel since this version has, so that an older kernel or a filter is in the way.
pub(super) fn call(host: &HostSupport, tried: Tried, since: &str) -> String {
    if lacks_user_namespace(tried) {
        return user_namespaces(host);
    }
    if host.caller.filtered {
        return filter(host);
    }
    if tried.failed_with(Errno::ENOSYS) || tried.failed_with(Errno::EINVAL) {
        return format!("run Linux {since} or later (this is {})", host.kernel);
    }
    format!("find what forbids it (a security module, a seccomp filter); Linux {since} or later has it")
}

/// A filter that lies on Dayfly already.
pub(super) fn filter(host: &HostSupport) -> String {
    match host.caller.container.as_deref() {
        Some("kubernetes") => {
            "set securityContext.seccompProfile.type: Unconfined for the pod; the jail brings \
                               a filter of its own (docs/HOSTS.md, Kubernetes)"
                .into()
        }
        Some(_) => {
            "start the container with --security-opt seccomp=unconfined; the jail brings a filter of its \
                    own (docs/HOSTS.md, Containers)"
                .into()
        }
        None => {
            "a seccomp filter lies on this process: start Dayfly outside of what put it there (in a systemd \
                 unit: no SystemCallFilter=, no RestrictNamespaces=)"
                .into()
        }
    }
}

/// Whether a trial came no further than to the user namespace it was to happen in.
fn lacks_user_namespace(tried: Tried) -> bool {
    matches!(tried, Tried::Fails(Failed { step: Step::UserNamespace | Step::IdMaps, .. }))
}

/// For user namespaces that cannot be made or have no power.
pub(super) fn user_namespaces(host: &HostSupport) -> String {
    let (settings, root) = (&host.settings, host.caller.uid == 0);
    if settings.max_user_namespaces == Some(0) {
        return "sudo sysctl -w user.max_user_namespaces=15000".into();
    }
    if settings.unprivileged_userns == Some(false) && !host.caller.admin {
        return "sudo sysctl -w kernel.unprivileged_userns_clone=1".into();
    }
    if settings.apparmor_restricts_userns == Some(true) && !host.caller.admin {
        return "give Dayfly an AppArmor profile that allows user namespaces (docs/HOSTS.md, Ubuntu), or for all \
                programs: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
            .into();
    }
    if host.caller.filtered {
        return filter(host);
    }
    match host.namespaces.user {
        Tried::Fails(Failed { errno: Errno::EINVAL | Errno::ENOSYS, .. }) => {
            "run a kernel built with CONFIG_USER_NS".into()
        }
        Tried::Fails(Failed { errno: Errno::ENOSPC | Errno::EUSERS, .. }) => {
            "too many user namespaces exist or are nested: sudo sysctl -w user.max_user_namespaces=15000".into()
        }
        Tried::Fails(Failed { step: Step::IdMaps, .. }) if root => {
            "give root the capabilities SETUID, SETGID and SETFCAP".into()
        }
        Tried::Fails(_) | Tried::Killed | Tried::Works => {
            "leave the chroot if Dayfly runs in one; otherwise a security module forbids it: see the kernel log \
             (sudo dmesg | grep -i denied)"
                .into()
        }
    }
}

/// For a namespace other than the user namespace.
pub(super) fn namespace(host: &HostSupport, tried: Tried) -> String {
    match tried {
        lacking if lacks_user_namespace(lacking) => user_namespaces(host),
        Tried::Fails(Failed { errno: Errno::EINVAL, .. }) => {
            "run a kernel built with this namespace (CONFIG_NAMESPACES and below)".into()
        }
        Tried::Fails(Failed { errno: Errno::ENOSPC, .. }) => {
            "raise the limit for this kind below /proc/sys/user/ (max_*_namespaces)".into()
        }
        Tried::Fails(_) | Tried::Killed | Tried::Works => user_namespaces(host),
    }
}

/// For a `/proc` that cannot be mounted because this process sees a covered one.
pub(super) fn covered_proc(host: &HostSupport) -> String {
    match host.caller.container.as_deref() {
        Some("docker") => "start the container with --security-opt systempaths=unconfined".into(),
        Some("podman") => "start the container with --security-opt unmask=ALL".into(),
        Some("kubernetes") => "set securityContext.procMount: Unmasked and hostUsers: false for the pod \
                               (docs/HOSTS.md, Kubernetes)"
            .into(),
        Some(_) | None => format!(
            "let Dayfly see a /proc with nothing mounted over it; here is {}",
            match host.mounts.covering_proc.as_slice() {
                [] => "none with all of its files (hidepid= or subset=pid?)".into(),
                covering => covering.join(", "),
            }
        ),
    }
}

/// For groups that cannot be made.
pub(super) fn groups(host: &HostSupport, refusal: &Refusal) -> String {
    let caller = &host.caller;
    let delegable = host.cgroups.v2.as_ref().is_some_and(|_| host.cgroups.v1.is_empty());
    match (caller.uid, delegable) {
        (0, _) | (_, false) if refusal.fix.is_empty() => "see docs/HOSTS.md, Control groups".into(),
        (0, _) | (_, false) => refusal.fix.clone(),
        _ if caller.user_manager => {
            "systemd-run --user --scope -p Delegate=yes dayfly ... (if a controller is \
                                     missing then: docs/HOSTS.md, Control groups with systemd)"
                .into()
        }
        _ if caller.systemd => format!(
            "log in as this user, or: sudo loginctl enable-linger {uid}; then with XDG_RUNTIME_DIR=/run/user/{uid}: \
             systemd-run --user --scope -p Delegate=yes dayfly ...",
            uid = caller.uid
        ),
        _ => "run as root, or have a group handed to you (docs/HOSTS.md, Control groups with systemd)".into(),
    }
}
