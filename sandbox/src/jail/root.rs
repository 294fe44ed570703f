//! What is in a jail's root: from the host's `/usr`, or from a folder, and what both get.
//!
//! Nothing of `/home`, `/root`, `/var` or `/run` is ever shown, and of `/etc` only what programs need to
//! start and nothing that tells about the host's users.

use std::collections::BTreeSet;
use std::ffi::{CStr, OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use super::plan::{Masked, Plan, Step};
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
/// Where distributions put Java.
const JAVAS: [&str; 2] = ["/usr/lib/jvm", "/usr/lib64/jvm"];
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
    for name in ETC_SHOWN.into_iter().map(OsString::from).chain(java_settings()?) {
        let path = Path::new("/etc").join(&name);
        match plan.show(&path, Path::new("etc").join(&name), Attributes::READ_ONLY, false) {
            Err(SandboxError::Unreadable { error, .. }) if error.kind() == io::ErrorKind::NotFound => {}
            done => done?,
        }
    }
    Ok(())
}

/// Entries of `/etc` where a Java of `/usr` keeps its security settings. All of `/etc` would take longer to search.
fn java_settings() -> Result<Vec<OsString>, SandboxError> {
    let mut found = BTreeSet::new();
    for folder in JAVAS.map(Path::new) {
        let unreadable = |error| SandboxError::Unreadable { path: folder.to_owned(), error };
        // A Java that we cannot see, the job cannot either.
        let Ok(entries) = fs::read_dir(folder) else { continue };
        found.insert(OsString::from("java-openjdk"));
        for entry in entries {
            found.extend(settings_of_java(&entry.map_err(unreadable)?.file_name()));
        }
    }
    Ok(found.into_iter().collect())
}

/// What the settings of a Java may be called, by the name of its own folder: that, or without the architecture.
fn settings_of_java(folder: &OsStr) -> impl Iterator<Item = OsString> {
    let name = folder.to_str().filter(|name| name.starts_with("java-"));
    let short = name.and_then(|name| name.rsplit_once('-')).map(|(short, _)| short);
    name.into_iter().chain(short).map(OsString::from)
}

fn copy_small(plan: &mut Plan, name: &str) -> Result<(), SandboxError> {
    let path = Path::new("/etc").join(name);
    match read_small(&path) {
        Ok(Some(content)) => plan.file(&format!("etc/{name}"), content),
        Ok(None) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(SandboxError::Unreadable { path, error }),
    }
}

/// The content of a regular file that is small enough.
fn read_small(path: &Path) -> io::Result<Option<Vec<u8>>> {
    // Does not wait for the writer of a pipe.
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let found = file.metadata()?;
    if !found.is_file() || found.len() > COPY_LIMIT {
        return Ok(None);
    }
    let mut content = Vec::with_capacity(usize::try_from(found.len()).unwrap_or(0));
    file.take(COPY_LIMIT).read_to_end(&mut content)?;
    Ok(Some(content))
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
fn top_level(plan: &mut Plan, dir: &Path, name: &OsStr) -> Result<(), SandboxError> {
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

/// What covers it, if a stranger may read it; the rest needs no mask.
fn mask_over(path: &Path) -> Option<Masked> {
    let found = fs::metadata(path).ok().filter(|found| found.permissions().mode() & 0o004 != 0)?;
    Some(if found.is_dir() { Masked::Folder } else { Masked::File })
}

fn proc(plan: &mut Plan) -> Result<(), SandboxError> {
    plan.folder("proc")?;
    plan.steps.push(Step::Proc);
    for name in MASKED {
        if let Some(masked) = mask_over(&Path::new("/proc").join(name)) {
            plan.steps.push(Step::Mask(super::plan::Place::new(format!("proc/{name}"))?, masked));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_java_are_guessed_by_its_folder() {
        for (folder, settings) in [
            ("java-17-openjdk-amd64", &["java-17-openjdk-amd64", "java-17-openjdk"][..]),
            ("java-11-openjdk", &["java-11-openjdk", "java-11"]),
            ("default-java", &[]),
            (".java-1.17.0-openjdk-amd64.jinfo", &[]),
        ] {
            let found: Vec<_> = settings_of_java(OsStr::new(folder)).collect();
            assert_eq!(found, settings);
        }
    }

    #[test]
    fn only_small_regular_files_are_copied() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let limit = usize::try_from(COPY_LIMIT).unwrap();
        fs::write(path("full"), vec![b'x'; limit]).unwrap();
        fs::write(path("large"), vec![b'x'; limit + 1]).unwrap();
        fs::write(path("empty"), "").unwrap();
        std::os::unix::fs::symlink("full", path("link")).unwrap();
        nix::unistd::mkfifo(&path("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        for (name, length) in [
            ("full", Some(limit)),
            ("link", Some(limit)),
            ("empty", Some(0)),
            ("large", None),
            ("pipe", None),
        ] {
            assert_eq!(read_small(&path(name)).unwrap().map(|content| content.len()), length, "{name}");
        }
        assert_eq!(read_small(folder.path()).unwrap(), None);
        assert_eq!(read_small(&path("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
