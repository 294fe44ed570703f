//! Findings about what keeps a job apart: namespaces, filters, user ids.

use dayfly_jobs::Check;

use super::{Trial, degraded, fixes, missing, ok};
use crate::host::namespaces::proc_too_revealing;
use crate::host::{HostSupport, Tried};

pub(super) fn checks(host: &HostSupport) -> Vec<Check> {
    let mut checks = namespaces(host);
    checks.extend([
        proc(host),
        filter(host),
        notification(host),
        landlock(host),
        user_ids(host),
        groups(host),
        id_mapping(host),
        overlay(host),
    ]);
    checks
}

fn namespaces(host: &HostSupport) -> Vec<Check> {
    let found = &host.namespaces;
    let needed =
        |id, tried, works, lost| Trial { id, tried, works, lost }.needed(|| fixes::namespace(host, tried));
    let user = Trial {
        id: "isolation.user_namespace",
        tried: found.user,
        works: "root inside is nobody outside",
        lost: "every jail",
    };
    vec![
        user.needed(|| fixes::user_namespaces(host)),
        needed("isolation.mount_namespace", found.mount, "own mounts", "every jail: its file system"),
        needed("isolation.pid_namespace", found.pid, "own processes", "every jail: its process ids"),
        needed("isolation.net_namespace", found.net, "own network", "every jail: its network"),
        needed(
            "isolation.ipc_namespace",
            found.ipc,
            "own System V objects",
            "every jail: its message queues",
        ),
        needed("isolation.uts_namespace", found.uts, "own host name", "every jail: its host name"),
        Trial {
            id: "isolation.cgroup_namespace",
            tried: found.cgroup,
            works: "own view of control groups",
            lost: "a job reads in /proc/self/cgroup which group of the host it is in",
        }
        .wanted(|| fixes::namespace(host, found.cgroup)),
    ]
}

fn proc(host: &HostSupport) -> Check {
    let tried = host.namespaces.fresh_proc;
    let trial = Trial {
        id: "isolation.proc",
        tried,
        works: "a jail can have a /proc of its own",
        lost: "every jail: its /proc",
    };
    let mut check = trial.needed(|| match proc_too_revealing(tried) {
        true => fixes::covered_proc(host),
        false => fixes::namespace(host, tried),
    });
    if proc_too_revealing(tried) {
        check.found = format!("{}: parts of the /proc seen here are covered", check.found);
    }
    check
}

fn filter(host: &HostSupport) -> Check {
    let tried = host.confinement.filter;
    let lost = "every jail: the policy for system calls";
    Trial { id: "isolation.seccomp", tried, works: "system calls can be filtered", lost }
        .needed(|| fixes::call(host, tried, "3.17 (built with CONFIG_SECCOMP_FILTER)"))
}

fn notification(host: &HostSupport) -> Check {
    let tried = host.confinement.notification;
    let works = "a forbidden system call can be named";
    let lost = "policies that forbid calls, as the default one does";
    Trial { id: "isolation.seccomp_notification", tried, works, lost }.needed(|| {
        match tried.failed_with(nix::errno::Errno::EBUSY) {
            true => {
                "an outer filter listens already and the kernel allows one listener: start Dayfly outside of \
                     that sandbox or container"
                    .into()
            }
            false => fixes::call(host, tried, "5.0"),
        }
    })
}

fn landlock(host: &HostSupport) -> Check {
    match host.confinement.landlock {
        Some(version) => ok("isolation.landlock", format!("version {version}")),
        None => degraded(
            "isolation.landlock",
            "none",
            "a second wall around a job's files, behind its mounts",
            "run Linux 5.13 or later with landlock among the security modules (boot with lsm=landlock,...)",
        ),
    }
}

fn user_ids(host: &HostSupport) -> Check {
    let (id, caller) = ("isolation.user_ids", &host.caller);
    let lost = "sandboxes do not have user ids of their own: per-user limits of the kernel count for all of them \
                together";
    match (caller.own_ids, caller.admin) {
        (true, _) => ok(id, "each sandbox gets 65536 user ids of its own"),
        (false, true) => missing(
            id,
            "root, but ids 1879048192 to 1879113727 cannot be given to a sandbox",
            "every jail as root: its user ids",
            "map these ids into the user namespace Dayfly runs in and keep the capabilities SETUID and SETGID, or \
             run Dayfly as an ordinary user",
        ),
        (false, false) => {
            degraded(id, format!("every sandbox runs as user {}", caller.uid), lost, "run Dayfly as root")
        }
    }
}

/// The kernel lets a user without privilege map a group only if nobody inside can leave groups.
fn groups(host: &HostSupport) -> Check {
    let (id, caller) = ("isolation.groups", &host.caller);
    match (caller.own_ids, caller.other_groups.as_slice()) {
        (true, _) => ok(id, "a job is in no group of this host"),
        (false, []) => ok(id, "a job is in no group but its user's own"),
        (false, others) => degraded(
            id,
            format!("every job is in the groups {}", others.join(", ")),
            "what these groups may do with the files that a job is shown, the job may do as well",
            "run Dayfly as root, or as a user who is in no other groups",
        ),
    }
}

fn id_mapping(host: &HostSupport) -> Check {
    let id = "isolation.id_mapped_binds";
    let (usr, tmpfs) = match (host.mounts.id_mapped_usr, host.mounts.id_mapped_tmpfs) {
        (Some(usr), Some(tmpfs)) => (usr, tmpfs),
        (None, _) | (_, None) => return ok(id, "not needed: without root, what you own is the job's"),
    };
    let works = "binds can be shown with other owners";
    let (tried, lost, since) = match usr {
        Tried::Works => (tmpfs, "binds of folders on a tmpfs, such as /run, /dev/shm and often /tmp", "6.3"),
        Tried::Fails(_) | Tried::Killed => {
            (usr, "binds: what the owner's is outside cannot be the job's inside", "5.12")
        }
    };
    Trial { id, tried, works, lost }.wanted(|| match tried.failed_with(nix::errno::Errno::EINVAL) {
        true => {
            format!("bind folders of a file system that can (ext4, xfs, btrfs), with Linux {since} or later")
        }
        false => fixes::call(host, tried, since),
    })
}

fn overlay(host: &HostSupport) -> Check {
    let tried = host.mounts.overlay;
    let lost = "roots made of image layers";
    Trial { id: "isolation.overlay", tried, works: "overlays can be mounted inside", lost }
        .wanted(|| fixes::call(host, tried, "5.11 (with the module overlay)"))
}
