//! A group that was given to us, for real: this test program runs itself once more, as an ordinary user or
//! as root, in a group that belongs to that user.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use cgroups_rs::fs::hierarchies::is_cgroup2_unified_mode;
use nix::fcntl::OFlag;

use super::*;

const CHILD: &str = "cgroup::v2::tests::delegated::in_the_group";
const WISH: &str = "DAYFLY_TEST_DELEGATED";
const USER: u32 = 12_345;

fn mount() -> Mount {
    parse::unified_mounts(&fs::read_to_string("/proc/self/mountinfo").unwrap()).pop().unwrap()
}

/// A group at the top with all controllers, which belongs to `uid`.
struct Scope(PathBuf);

impl Scope {
    fn new(label: &str, uid: u32) -> Option<Self> {
        require_root()?;
        if !is_cgroup2_unified_mode() {
            say("skipped: version 2 does not have the controllers here");
            return None;
        }
        let top = Dir::open(&mount().point).unwrap();
        place::enable(&top, &["memory", "pids", "cpu"]).unwrap();
        let name = format!("dayfly-test-{}-{label}", std::process::id());
        let scope = Self(top.ensure(&name).unwrap().path().to_path_buf());
        for file in ["", "cgroup.procs", "cgroup.subtree_control"] {
            chown(scope.0.join(file), Some(uid), None).unwrap();
        }
        Some(scope)
    }

    fn enter(&self, command: &mut Command) {
        let procs = Dir::open(&self.0).unwrap().open_file("cgroup.procs", OFlag::O_WRONLY).unwrap();
        // SAFETY: between fork and exec it only writes to an open descriptor.
        unsafe { command.pre_exec(move || Ok(nix::unistd::write(&procs, b"0").map(drop)?)) };
    }

    /// Runs [`in_the_group`] in it. The user need not be able to reach the program by its path.
    fn run(&self, uid: u32, wish: &str) {
        let mut command = Command::new("/proc/self/exe");
        command.args(["--exact", CHILD, "--ignored"]).env(WISH, wish).uid(uid);
        self.enter(&mut command);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        let scope = Dir::open(&self.0).unwrap();
        scope.remove("dayfly.supervisor").unwrap();
        Dir::open(self.0.parent().unwrap())
            .unwrap()
            .remove(self.0.file_name().unwrap().to_str().unwrap())
            .unwrap();
    }
}

#[test]
fn an_ordinary_user_limits_a_job_in_a_scope_of_its_own() {
    let Some(scope) = Scope::new("user", USER) else { return };
    scope.run(USER, "ours");
}

#[test]
fn a_scope_with_somebody_else_in_it_is_refused() {
    let Some(scope) = Scope::new("shared", USER) else { return };
    let mut sleeper = Command::new("sleep");
    sleeper.arg("30");
    scope.enter(&mut sleeper);
    let mut sleeper = sleeper.spawn().unwrap();
    scope.run(USER, "refused");
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
}

#[test]
fn root_takes_a_scope_that_is_marked_as_delegated() {
    let Some(scope) = Scope::new("service", 0) else { return };
    let path = std::ffi::CString::new(scope.0.to_str().unwrap()).unwrap();
    let name = c"trusted.delegate".as_ptr();
    // SAFETY: two strings that end in NUL and one byte of value.
    let set = unsafe { libc::setxattr(path.as_ptr(), name, b"1".as_ptr().cast(), 1, 0) };
    assert_eq!(set, 0);
    scope.run(0, "ours");
}

#[test]
#[ignore = "run by the tests above, in a group they made"]
fn in_the_group() {
    let wish = std::env::var(WISH).unwrap();
    let opened = V2::open(&mount(), None);
    if wish == "refused" {
        let error = opened.unwrap_err().to_string();
        assert!(error.contains("1 other processes") && error.contains("systemd-run"), "{error}");
        return;
    }
    opened.unwrap();
    // We sit in the leaf by now, and still manage the group above.
    let driver = V2::open(&mount(), None).unwrap();
    let lacking: Vec<_> = driver.lacks().iter().map(|lack| lack.facility).collect();
    let limits = Limits { cpus: Some("0.5".parse().unwrap()), ..limits() };
    let mut group = driver.create(&name(), Wants::of(&limits)).unwrap();
    group.apply(&limits, &BTreeSet::new()).unwrap();
    let mut child = spawn(&*group, "sleep 30 & wait");
    wait_until("it runs", || !group.is_empty().unwrap());
    group.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    group.remove().unwrap();
    assert!(!driver.remove_parent().unwrap());
    assert!(driver.groups().unwrap().is_empty());
    assert!(!lacking.contains(&Facility::CpuQuota), "{lacking:?}");
}
