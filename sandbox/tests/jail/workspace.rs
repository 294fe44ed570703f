//! The writable tree from the supervisor's side: filled before the first command, read after the last.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd};

use dayfly_jobs::{Limit, Limits, Termination};
use dayfly_sandbox::{Cancel, Sandbox, SandboxError, Stdio};
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, fstat};
use nix::unistd::{Gid, Uid, setfsgid, setfsuid};

use crate::{jail, limits, policy, shell, stdout};

/// Writes a file as the job.
pub(crate) fn put(folder: BorrowedFd<'_>, name: &str, content: &[u8]) {
    let owner = fstat(folder).unwrap();
    let (uid, gid) = (setfsuid(Uid::from_raw(owner.st_uid)), setfsgid(Gid::from_raw(owner.st_gid)));
    let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let file = openat(folder, name, flags, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
    File::from(file).write_all(content).unwrap();
    setfsuid(uid);
    setfsgid(gid);
}

fn get(folder: BorrowedFd<'_>, name: &str) -> String {
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mut text = String::new();
    File::from(openat(folder, name, flags, Mode::empty()).unwrap()).read_to_string(&mut text).unwrap();
    text
}

fn run(sandbox: &mut dyn Sandbox, script: &str) -> dayfly_jobs::Outcome {
    sandbox.exec(&shell(script), &Cancel::never()).unwrap()
}

#[test]
fn more_than_a_page_can_be_put_in_before_the_first_command() {
    let Some(jail) = jail("more_than_a_page_can_be_put_in_before_the_first_command") else { return };
    let mut sandbox = jail.create().unwrap();
    put(sandbox.workspace(), "big", &vec![b'x'; 8 << 20]);
    for i in 0..200 {
        put(sandbox.workspace(), &format!("small-{i}"), b"");
    }
    put(sandbox.scratch(), "kept-apart", b"secret\n");
    let outcome = run(&mut *sandbox, "wc -c <big; ls | wc -l; cat /dev/shm/kept-apart; echo more >>big");
    assert_eq!(stdout(&outcome), "8388608\n201\nsecret\n");
    assert_eq!(outcome.termination, Termination::Exited { code: 0 });
}

#[test]
fn what_was_written_outlives_the_processes() {
    let Some(jail) = jail("what_was_written_outlives_the_processes") else { return };
    let mut sandbox = jail.create().unwrap();
    let outcome = run(&mut *sandbox, "echo done >result; (while :; do date +%N >swapped; done) & echo $!");
    assert_eq!(outcome.termination, Termination::Exited { code: 0 });
    sandbox.stop().unwrap();
    assert_eq!(get(sandbox.workspace(), "result"), "done\n");
    let swapped = openat(sandbox.workspace(), "swapped", OFlag::O_RDONLY, Mode::empty());
    let before = swapped.map(|file| fstat(&file).unwrap().st_mtime_nsec);
    std::thread::sleep(std::time::Duration::from_millis(30));
    let swapped = openat(sandbox.workspace(), "swapped", OFlag::O_RDONLY, Mode::empty());
    assert_eq!(swapped.map(|file| fstat(&file).unwrap().st_mtime_nsec), before);
    let refused = sandbox.exec(&shell("true"), &Cancel::never());
    assert!(matches!(refused, Err(SandboxError::Ended)), "{refused:?}");
    let kept = format!("/proc/self/fd/{}", sandbox.workspace().as_raw_fd());
    assert!(std::fs::metadata(kept).is_ok());
    sandbox.destroy().unwrap();
}

#[test]
fn a_tree_that_is_too_full_for_the_next_command_is_the_jobs_fault() {
    let Some(jail) = jail("a_tree_that_is_too_full_for_the_next_command_is_the_jobs_fault") else { return };
    let mut sandbox = jail.create().unwrap();
    let made = run(&mut *sandbox, "head -c 3000000 /dev/zero >big; for i in $(seq 20); do :>$i; done");
    assert_eq!(made.termination, Termination::Exited { code: 0 });
    for (small, limit) in [
        (Limits { disk: dayfly_jobs::Bytes::mib(1), ..limits() }, Limit::Disk),
        (Limits { inodes: 16.try_into().unwrap(), ..limits() }, Limit::Inodes),
    ] {
        let command = dayfly_sandbox::Command::new("/bin/true", small);
        let outcome = sandbox.exec(&command, &Cancel::never()).unwrap();
        assert_eq!(outcome.termination, Termination::LimitExceeded { limit });
    }
    assert_eq!(run(&mut *sandbox, "rm *").termination, Termination::Exited { code: 0 });
    assert!(policy().default_limits().disk > dayfly_jobs::Bytes::mib(3));
}

#[test]
fn joined_streams_keep_their_order() {
    let Some(jail) = jail("joined_streams_keep_their_order") else { return };
    let script = "for i in 1 2 3 4 5; do echo $i; echo $i >&2; done";
    let outcome = jail.run(&shell(script).stderr(Stdio::joined()), &Cancel::never()).unwrap();
    assert_eq!(stdout(&outcome), "1\n1\n2\n2\n3\n3\n4\n4\n5\n5\n");
    assert_eq!(outcome.usage.output_bytes, 20);
    let refused = jail.run(&shell(script).stdout(Stdio::joined()), &Cancel::never());
    assert!(matches!(refused, Err(SandboxError::BadCommand { .. })), "{refused:?}");
}
