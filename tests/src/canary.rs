//! Things outside that a job must not reach: each is watched from outside.

use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::Unprivileged;
use crate::host::{ROOT_UID_BASE, is_root};

/// A file on the host whose content no job may see or change.
#[derive(Debug)]
pub struct Secret {
    dir: TempDir,
    content: String,
}

impl Secret {
    /// A fresh secret below the host's `/tmp`, readable by everyone there.
    pub fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("canary-").tempdir_in("/tmp").unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let seed = fs::read_to_string("/proc/sys/kernel/random/uuid").unwrap();
        let content = format!("canary-{}", seed.trim());
        fs::write(dir.path().join("secret"), &content).unwrap();
        fs::set_permissions(dir.path().join("secret"), fs::Permissions::from_mode(0o666)).unwrap();
        Self { dir, content }
    }

    /// The file.
    pub fn path(&self) -> PathBuf {
        self.dir.path().join("secret")
    }

    /// The folder it is in.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// What it says; made up anew each time, so that it cannot be guessed.
    pub fn text(&self) -> &str {
        &self.content
    }

    /// Requires that nobody changed it or put something beside it.
    #[track_caller]
    pub fn assert_untouched(&self) {
        assert_eq!(fs::read_to_string(self.path()).unwrap(), self.content);
        let names: Vec<_> =
            fs::read_dir(self.dir()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["secret"]);
    }
}

impl Default for Secret {
    fn default() -> Self {
        Self::new()
    }
}

/// Processes and listeners outside that no job may hurt or reach.
#[derive(Debug)]
pub struct Canary {
    processes: Vec<Child>,
    abstract_name: String,
    abstract_socket: UnixListener,
    tcp: TcpListener,
}

impl Canary {
    /// Starts them. As root there is one process for each of the first slots, under the very user id that a
    /// job in that slot has, and one of the unprivileged user: a signal that leaves the jail would be allowed to reach it.
    pub fn new() -> Self {
        let name = format!("canary-{}", fs::read_to_string("/proc/sys/kernel/random/uuid").unwrap().trim());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let abstract_socket = UnixListener::bind_addr(&address).unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        abstract_socket.set_nonblocking(true).unwrap();
        tcp.set_nonblocking(true).unwrap();
        let processes = match is_root() {
            true => {
                let in_slots = (0..8).map(|slot| ROOT_UID_BASE + slot * 65_536 + 1000);
                in_slots.chain([Unprivileged::UID]).map(|uid| sleeper(Some(uid))).collect()
            }
            false => vec![sleeper(None)],
        };
        Self { processes, abstract_name: name, abstract_socket, tcp }
    }

    /// The name of the abstract Unix socket on the host.
    pub fn abstract_name(&self) -> &str {
        &self.abstract_name
    }

    /// The port on the host's loopback.
    pub fn port(&self) -> u16 {
        self.tcp.local_addr().unwrap().port()
    }

    /// Requires that all processes live and nobody connected.
    #[track_caller]
    pub fn assert_untouched(&mut self) {
        for process in &mut self.processes {
            assert!(process.try_wait().unwrap().is_none(), "a process outside the jail was killed");
            let stat = fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap();
            let state = stat.rsplit(") ").next().and_then(|rest| rest.chars().next()).unwrap();
            assert!(matches!(state, 'S' | 'R'), "a process outside the jail was stopped: state {state}");
        }
        let quiet = |error: &std::io::Error| error.kind() == ErrorKind::WouldBlock;
        assert!(
            self.abstract_socket.accept().is_err_and(|error| quiet(&error)),
            "abstract socket was reached"
        );
        assert!(self.tcp.accept().is_err_and(|error| quiet(&error)), "host loopback was reached");
    }
}

impl Default for Canary {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        for process in &mut self.processes {
            process.kill().ok();
            process.wait().ok();
        }
    }
}

fn sleeper(uid: Option<u32>) -> Child {
    let mut command = Command::new("setpriv");
    if let Some(uid) = uid {
        let id = uid.to_string();
        command.args(["--reuid", &id, "--regid", &id, "--clear-groups"]);
    }
    command.args(["sleep", "300"]).stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
}
