//! What is in a jail's root: from the host's `/usr`, or from a folder, and what both get.
//!
//! Nothing of `/home`, `/root`, `/var` or `/run` is ever shown, and of `/etc` only what programs need to
//! start and nothing that tells about the host's users.

use std::ffi::{CStr, OsString};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::plan::{Plan, Step};
use crate::sys::mount::Attributes;
use crate::{Network, Root, SandboxError, SandboxSpec};

/// Where a command starts unless it says otherwise.
pub(crate) const WORKSPACE: &str = "/box";
/// A folder of the writable tree that no bind can cover.
pub(crate) const SCRATCH: &CStr = c"/dev/shm";

/// Where the secrets of a job are, in the writable tree but outside of the workspace.
const SECRETS: &str = "/dev/shm/secrets";

const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];

const PASSWD: &str = "root:x:0:0:root:/:/usr/sbin/nologin\n\
                      job:x:1000:1000:job:/box:/bin/sh\n\
                      nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n";
const GROUP: &str = "root:x:0:\njob:x:1000:\nnogroup:x:65534:\n";
const HOSTS: &str = "127.0.0.1 localhost dayfly\n::1 localhost\n";
const NSSWITCH: &str = "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n";

/// Entries of the host's `/etc` that programs of `/usr` need to start, shown where they exist.
const ETC_SHOWN: [&str; 4] = ["alternatives", "ssl/certs", "ld.so.cache", "ld.so.conf.d"];
/// Small files whose content is copied, so that they cost no mount.
const ETC_COPIED: [&str; 9] = [
    "ld.so.conf",
    "localtime",
    "timezone",
    "os-release",
    "debian_version",
    "mime.types",
    "protocols",
    "services",
    "ssl/openssl.cnf",
];
/// Folders of `/etc` whose names begin so: Java keeps its security settings there.
const ETC_PREFIXES: [&str; 1] = ["java-"];
/// A file larger than this is not copied.
const COPY_LIMIT: u64 = 64 << 10;

/// Parts of `/proc` that tell about the host or about other jobs.
const MASKED: [&str; 11] = [
    "acpi",
    "interrupts",
    "kcore",
    "key-users",
    "keys",
    "latency_stats",
    "sched_debug",
    "scsi",
    "softirqs",
    "sysrq-trigger",
    "timer_list",
];

/// Plans the whole root of a jail of this shape.
pub(crate) fn plan(spec: &SandboxSpec) -> Result<Plan, SandboxError> {
    let mut plan = Plan { loopback: spec.network == Network::Loopback, ..Plan::default() };
    match &spec.root {
        Root::Host { toolchains } => {
            host(&mut plan)?;
            for bind in toolchains.iter().flat_map(|toolchain| &toolchain.binds) {
                plan.show(&bind.source, &bind.target, Attributes::READ_ONLY, false)?;
            }
        }
        Root::Folder(folder) => self::folder(&mut plan, folder)?,
    }
    devices(&mut plan)?;
    scratch(&mut plan)?;
    for bind in &spec.binds {
        plan.bind(bind)?;
    }
    proc(&mut plan)?;
    plan.steps.push(Step::Seal);
    Ok(plan)
}

fn host(plan: &mut Plan) -> Result<(), SandboxError> {
    plan.show(Path::new("/usr"), "usr", Attributes::READ_ONLY, false)?;
    for name in ["bin", "sbin", "lib", "lib32", "lib64", "libx32"] {
        top_level(plan, Path::new("/"), name.as_ref())?;
    }
    plan.folder("etc")?;
    plan.folder("etc/ssl")?;
    plan.file("etc/passwd", PASSWD)?;
    plan.file("etc/group", GROUP)?;
    plan.file("etc/hosts", HOSTS)?;
    plan.file("etc/nsswitch.conf", NSSWITCH)?;
    plan.file("etc/resolv.conf", "")?;
    plan.file("etc/hostname", "dayfly\n")?;
    plan.folder("run")?;
    plan.link("run/secrets", Path::new(SECRETS))?;
    for name in ETC_COPIED {
        copy_small(plan, name)?;
    }
    for name in ETC_SHOWN.into_iter().map(OsString::from).chain(prefixed()?) {
        let path = Path::new("/etc").join(&name);
        if path.exists() {
            plan.show(&path, Path::new("etc").join(&name), Attributes::READ_ONLY, false)?;
        }
    }
    Ok(())
}

/// Entries of `/etc` with one of the wanted prefixes.
fn prefixed() -> Result<Vec<OsString>, SandboxError> {
    let unreadable = |error| SandboxError::Unreadable { path: "/etc".into(), error };
    let mut found = Vec::new();
    for entry in fs::read_dir("/etc").map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        if ETC_PREFIXES.iter().any(|prefix| name.as_encoded_bytes().starts_with(prefix.as_bytes())) {
            found.push(name);
        }
    }
    found.sort();
    Ok(found)
}

fn copy_small(plan: &mut Plan, name: &str) -> Result<(), SandboxError> {
    let path = Path::new("/etc").join(name);
    let unreadable = |error| SandboxError::Unreadable { path: path.clone(), error };
    match fs::metadata(&path) {
        Ok(found) if found.is_file() && found.len() <= COPY_LIMIT => {
            let content = fs::read(&path).map_err(unreadable)?;
            plan.file(&format!("etc/{name}"), content)
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(unreadable(error)),
    }
}

fn folder(plan: &mut Plan, folder: &Path) -> Result<(), SandboxError> {
    let unreadable = |error| SandboxError::Unreadable { path: folder.to_owned(), error };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        names.push(entry.map_err(unreadable)?.file_name());
    }
    names.sort();
    let ours = ["proc", "dev", "sys", "tmp", "box"];
    for name in names.iter().filter(|name| !ours.iter().any(|own| *name == own)) {
        top_level(plan, folder, name)?;
    }
    Ok(())
}

/// One entry of the top of the root: a link stays a link, everything else is shown read-only.
fn top_level(plan: &mut Plan, dir: &Path, name: &std::ffi::OsStr) -> Result<(), SandboxError> {
    let path = dir.join(name);
    let unreadable = |error| SandboxError::Unreadable { path: path.clone(), error };
    let found = match fs::symlink_metadata(&path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unreadable(error)),
    };
    if found.is_symlink() {
        let target = fs::read_link(&path).map_err(unreadable)?;
        plan.link(Path::new(name), &target)
    } else if found.is_dir() || found.is_file() {
        plan.show(&path, Path::new(name), Attributes::READ_ONLY, false)
    } else {
        Ok(())
    }
}

fn devices(plan: &mut Plan) -> Result<(), SandboxError> {
    plan.folder("dev")?;
    for name in DEVICES {
        let path = format!("/dev/{name}");
        plan.show(Path::new(&path), &path, Attributes::DEVICE, false)?;
    }
    plan.usable
        .extend([c"/dev/null", c"/dev/zero", c"/dev/full", c"/dev/random", c"/dev/urandom"].map(Into::into));
    let links = [("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")];
    for (name, number) in links {
        plan.link(format!("dev/{name}"), Path::new(&format!("/proc/self/fd{number}")))?;
    }
    Ok(())
}

fn scratch(plan: &mut Plan) -> Result<(), SandboxError> {
    for path in ["tmp", "box", "dev/shm"] {
        plan.folder(path)?;
    }
    plan.steps.push(Step::Scratch);
    plan.writable.extend([c"/box", c"/tmp", c"/dev/shm"].map(Into::into));
    Ok(())
}

/// Whether a stranger may read it; the rest needs no mask.
fn is_public(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o004 != 0)
}

fn proc(plan: &mut Plan) -> Result<(), SandboxError> {
    plan.folder("proc")?;
    plan.steps.push(Step::Proc);
    for name in MASKED {
        if is_public(&Path::new("/proc").join(name)) {
            plan.steps.push(Step::Mask(super::plan::Place::new(format!("proc/{name}"))?));
        }
    }
    Ok(())
}
