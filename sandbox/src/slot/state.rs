//! The state folder: made if missing, refused unless it is ours alone.
//!
//! In `/tmp` anybody may make the folder before us. Whoever can write to it could hold our locks or replace
//! them, so a folder with another owner, or writable for others, is an error and never used.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::{Mode, fstat, mkdirat};
use nix::unistd::geteuid;

use super::SlotError;

/// Where this user's state lives.
pub(super) fn default_folder() -> PathBuf {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    match (geteuid().is_root(), runtime) {
        (true, _) => PathBuf::from("/run/dayfly"),
        (false, Some(runtime)) => runtime.join("dayfly"),
        (false, None) => PathBuf::from(format!("/tmp/dayfly-{}", geteuid())),
    }
}

/// Opens `inner`, which is right below `state`, making and checking both.
pub(super) fn open_private(state: &Path, inner: &Path) -> Result<OwnedFd, SlotError> {
    let (Some(above), Some(name), Some(inner_name)) = (state.parent(), state.file_name(), inner.file_name())
    else {
        let reason = "it is not a folder below another".into();
        return Err(SlotError::Untrusted { path: state.into(), reason, fix: "name another folder".into() });
    };
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let above_fd = open(above, flags, Mode::empty()).map_err(|errno| error("open", above, errno))?;
    let state_fd = make_and_check(&above_fd, Path::new(name), state)?;
    make_and_check(&state_fd, Path::new(inner_name), inner)
}

fn make_and_check(above: impl AsFd, name: &Path, path: &Path) -> Result<OwnedFd, SlotError> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
    let fd = match openat(&above, name, flags, Mode::empty()) {
        Err(Errno::ENOENT) => {
            match mkdirat(&above, name, Mode::S_IRWXU) {
                Ok(()) | Err(Errno::EEXIST) => {}
                Err(errno) => return Err(error("make the folder", path, errno)),
            }
            openat(&above, name, flags, Mode::empty())
        }
        opened => opened,
    };
    let fd = fd.map_err(|errno| error("open", path, errno))?;
    check(&fd, path)?;
    Ok(fd)
}

fn check(fd: &OwnedFd, path: &Path) -> Result<(), SlotError> {
    let stat = fstat(fd).map_err(|errno| error("inspect", path, errno))?;
    let reason = if stat.st_uid != geteuid().as_raw() {
        format!("it belongs to user {} and we are user {}", stat.st_uid, geteuid())
    } else if stat.st_mode & 0o022 != 0 {
        format!("others may write to it (mode {:o})", stat.st_mode & 0o7777)
    } else {
        return Ok(());
    };
    let fix =
        format!("have its owner remove {}, or set XDG_RUNTIME_DIR to a folder of yours", path.display());
    Err(SlotError::Untrusted { path: path.into(), reason, fix })
}

fn error(action: &'static str, path: &Path, errno: Errno) -> SlotError {
    SlotError::File { action, path: path.into(), errno, fix: fix(errno, path) }
}

/// What to do about a failure in the state folder.
pub(super) fn fix(errno: Errno, path: &Path) -> String {
    let path = path.display();
    if matches!(errno, Errno::ELOOP | Errno::ENOTDIR) {
        format!("a link or file is where a folder of ours should be: remove {path}")
    } else if matches!(errno, Errno::EMFILE | Errno::ENFILE) {
        "raise the limit on open files (ulimit -n)".into()
    } else {
        format!("give this user a runtime folder it can write to (set XDG_RUNTIME_DIR), or mend {path}")
    }
}
