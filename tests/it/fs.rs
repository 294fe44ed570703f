//! Attacks on file systems: links, devices, mounts, strange trees.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use dayfly_tests::{Dayfly, End, Secret, dayfly, is_root, jail, slowness, soon};

use crate::process::{forking, policies};

const DISK: &str = "/payload/disk";
const ESCAPE: &str = "/payload/escape";

#[test]
fn row_11_links_left_as_output() {
    let _host = jail!();
    let secret = Secret::new();
    let share = tempfile::tempdir().unwrap();
    let target = secret.path();
    for place in ["/share", "/box"] {
        let run = Dayfly::hostile().opt("--policy", "ci").share(share.path()).run([
            "/payload/disk",
            "litter",
            place,
            target.to_str().unwrap(),
        ]);
        run.ended(End::Exit(0)).tells_nothing_of(secret.text());
    }
    assert!(fs::symlink_metadata(share.path().join("output.txt")).unwrap().is_symlink());
    secret.assert_untouched();
}

#[test]
fn row_12_links_swapped_while_dayfly_works() {
    let _host = jail!();
    let secret = Secret::new();
    let share = tempfile::tempdir().unwrap();
    let outside = secret.dir().to_str().unwrap();
    let mut swapper = Dayfly::hostile()
        .share(share.path())
        .opt("--wall-time", "3s")
        .spawn([DISK, "swap", "/share", outside]);
    sleep(Duration::from_millis(300));
    // What a job swaps is resolved inside the jail or refused, never followed on the host.
    for round in 0..20 {
        if round > 0 && !swapper.is_running() {
            break;
        }
        let run = Dayfly::hostile().share(share.path()).opt("--workdir", "/share/real").run([
            "sh",
            "-c",
            "cat secret; echo gotcha > planted; true",
        ]);
        assert!([0, 126].contains(&run.code), "{run:#?}");
        run.tells_nothing_of(secret.text());
    }
    swapper.wait().ended(End::Limit("wall_time"));
    secret.assert_untouched();
}

#[test]
fn row_13_hard_links_to_foreign_files() {
    let _host = jail!();
    let share = tempfile::tempdir().unwrap();
    let inside = share.path().join("file");
    fs::write(&inside, "x").unwrap();
    let sources = ["/usr/bin/env", "/etc/passwd", "/payload/disk", "/share/file"];
    let run = Dayfly::hostile().share(share.path()).run([&[DISK, "links"][..], &sources].concat());
    run.ended(End::Exit(0)).got_nothing();
    assert_eq!(fs::metadata(inside).unwrap().nlink(), 1);
}

#[test]
fn row_14_fifos_sockets_and_devices_left_as_output() {
    let _host = jail!();
    let share = tempfile::tempdir().unwrap();
    let jail = Dayfly::hostile().share(share.path());
    jail.run([DISK, "litter", "/share"]).ended(End::Forbidden("mknodat"));
    let run = jail.opt("--policy", "ci").run([DISK, "litter", "/share"]);
    run.ended(End::Exit(0)).refused(&["char null", "char mem", "block disk"]);
    assert!(run.wall < soon(5), "{run:#?}");
    for entry in fs::read_dir(share.path()).unwrap() {
        let kind = fs::symlink_metadata(entry.unwrap().path()).unwrap().file_type();
        assert!(!kind.is_char_device() && !kind.is_block_device());
    }
}

#[test]
fn row_15_device_nodes() {
    let _host = jail!();
    let share = tempfile::tempdir().unwrap();
    if is_root() {
        let node = share.path().join("planted");
        assert!(Command::new("mknod").arg(&node).args(["c", "1", "5"]).status().unwrap().success());
        fs::set_permissions(&node, fs::Permissions::from_mode(0o666)).unwrap();
    }
    let run = Dayfly::hostile()
        .opt("--policy", "ci")
        .share(share.path())
        .run([DISK, "nodes", "/box", "/tmp", "/dev/shm", "/share"]);
    run.ended(End::Exit(0)).refused(&["mknod char", "mknod block"]).got_nothing();
}

#[test]
fn row_16_climbing_out_of_the_root() {
    let _host = jail!();
    let secret = Secret::new();
    let path = secret.path();
    for policy in policies() {
        let run = Dayfly::hostile().opt("--policy", policy).run([ESCAPE, "climb", path.to_str().unwrap()]);
        run.tells_nothing_of(secret.text());
        assert!([0, 121].contains(&run.code), "{run:#?}");
        let run = Dayfly::hostile().opt("--policy", policy).run([ESCAPE, "read", path.to_str().unwrap()]);
        run.ended(End::Exit(0)).tells_nothing_of(secret.text());
    }
}

#[test]
fn row_17_magic_links_lead_nowhere() {
    let _host = jail!();
    let run = Dayfly::hostile().run([ESCAPE, "peek"]);
    run.ended(End::Exit(0));
    for path in ["/proc/1/root", "/proc/1/cwd", "/proc/1/environ", "/proc/1/mem", "/proc/1/fd", "/proc/kcore"]
    {
        for answer in run.answers(path) {
            assert!(["EPERM", "EACCES", "ENOENT"].contains(&answer), "{path}: {answer}");
        }
    }
    for path in ["/root", "/home", "/sys", "/run/dayfly", "/var/log", "/etc/shadow"] {
        for answer in run.answers(path) {
            assert!(["EACCES", "ENOENT", "0 entries"].contains(&answer), "{path}: {answer}");
        }
    }
}

#[test]
fn row_18_the_runner_is_not_overwritten() {
    let _host = jail!();
    let before = fs::read(dayfly()).unwrap();
    let run = Dayfly::hostile().run([ESCAPE, "executables"]);
    run.ended(End::Exit(0)).got_nothing();
    // The trick that made a container runtime execute, and so expose, itself.
    let run = Dayfly::hostile().run(["/proc/self/exe", "--version"]);
    assert!(!run.stdout.contains("dayfly"), "the job ran our own program: {run:#?}");
    let share = tempfile::tempdir().unwrap();
    let script = share.path().join("script");
    fs::write(&script, "#!/proc/self/exe\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let run = Dayfly::hostile().share(share.path()).run(["/share/script"]);
    assert!(!run.stdout.contains("dayfly") && !run.stderr.contains("Usage"), "{run:#?}");
    assert!(fs::read(dayfly()).unwrap() == before, "the program was changed");
}

#[test]
fn row_19_switches_of_the_kernel() {
    let _host = jail!();
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let switches =
        ["/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sys/vm/overcommit_memory"];
    let before = switches.map(read);
    for policy in policies() {
        let run = Dayfly::hostile().opt("--policy", policy).run([ESCAPE, "switches"]);
        run.ended(End::Exit(0)).got_nothing();
    }
    assert_eq!(switches.map(read), before);
}

#[test]
fn row_20_mount_targets_replaced_in_a_root_folder() {
    let _host = jail!();
    let secret = Secret::new();
    for name in ["dev", "proc", "etc", "tmp", "box", "sys", "usr"] {
        let root = tempfile::tempdir().unwrap();
        for dir in ["dev", "proc", "etc", "tmp", "box", "bin"].iter().filter(|dir| **dir != name) {
            fs::create_dir(root.path().join(dir)).unwrap();
        }
        fs::copy(dayfly_tests::payloads().join("escape"), root.path().join("bin/escape")).unwrap();
        symlink(secret.dir(), root.path().join(name)).unwrap();
        let path = secret.path();
        let run =
            Dayfly::new().opt("--root", root.path()).run(["/bin/escape", "read", path.to_str().unwrap()]);
        run.tells_nothing_of(secret.text());
        secret.assert_untouched();
    }
    // Links to devices and files where a runtime would mount or open something.
    for (name, target) in [("null", "/etc/passwd"), ("console", "/proc/self/environ"), ("shm", "/proc")] {
        let root = tempfile::tempdir().unwrap();
        for dir in ["dev", "proc", "etc", "tmp", "box", "bin"] {
            fs::create_dir(root.path().join(dir)).unwrap();
        }
        fs::copy(dayfly_tests::payloads().join("escape"), root.path().join("bin/escape")).unwrap();
        symlink(target, root.path().join("dev").join(name)).unwrap();
        let run = Dayfly::new().opt("--root", root.path()).run(["/bin/escape", "switches"]);
        assert!(run.code == 125 || !run.stdout.contains("GOT"), "{run:#?}");
    }
}

#[test]
fn row_21_read_only_stays_read_only() {
    let _host = jail!();
    let secret = Secret::new();
    crate::kernel::refused_everywhere(&[
        "mount_remount",
        "mount_remount_usr",
        "umount_proc",
        "umount_root",
        "mount_shared",
    ]);
    let bind = format!("{}:/data", secret.dir().display());
    for policy in forking() {
        let jail = Dayfly::hostile().opt("--policy", policy).also("--bind", &bind);
        let script = "echo changed > /data/secret; rm -f /data/secret; touch /data/new /usr/new /etc/new; \
                      mv /data/secret /data/x; chmod 777 /data/secret; ln /data/secret /data/y; true";
        jail.run(["sh", "-c", script]).ended(End::Exit(0));
    }
    secret.assert_untouched();
}

#[test]
fn row_22_new_mount_calls() {
    let _host = jail!();
    let calls = [
        "fsopen",
        "fsconfig",
        "fsmount",
        "fspick",
        "open_tree",
        "open_tree_attr",
        "move_mount",
        "mount_setattr",
        "mount_tmpfs",
        "mount_proc",
        "mount_bind",
        "mount_overlay",
        "mount_fuse",
        "pivot_root",
        "chroot",
        "statmount",
        "listmount",
    ];
    crate::kernel::refused_everywhere(&calls);
}

#[test]
fn row_23_attributes_that_file_systems_trust() {
    let _host = jail!();
    let run = Dayfly::hostile().opt("--policy", "ci").run([DISK, "attributes"]);
    run.ended(End::Exit(0));
    for what in ["trusted.overlay", "security.capability", "security.other", "chown"] {
        for answer in run.answers(what) {
            // Without root there is no id 0 to give it to.
            let nobody = what == "chown" && answer == "EINVAL" && !is_root();
            assert!(
                nobody || ["EPERM", "ENOSYS", "ENOTSUP", "EOPNOTSUPP", "EACCES"].contains(&answer),
                "{what}: {answer}"
            );
        }
    }
    crate::kernel::refused_everywhere(&["fsopen", "fsconfig", "mount_overlay"]);
}

#[test]
fn row_24_strange_names_and_deep_trees() {
    let _host = jail!();
    let share = tempfile::tempdir().unwrap();
    for place in ["/box", "/share"] {
        let run = Dayfly::hostile().share(share.path()).run([DISK, "names", place]);
        run.ended(End::Exit(0));
        assert_eq!(run.answers("name"), ["GOT 0"; 8]);
    }
    let run = Dayfly::hostile().opt("--inodes", "4000").run([DISK, "deep"]);
    assert!(run.wall < soon(20), "{run:#?}");
    run.ended(End::Limit("inodes"));
}

#[test]
fn row_25_trees_that_are_slow_to_remove() {
    let _host = jail!();
    let inodes = (200_000 / slowness()).to_string();
    let jail = Dayfly::hostile().opt("--memory", "1G").opt("--disk", "512M").opt("--inodes", inodes);
    let run = jail.run([DISK, "inodes", "/tmp"]);
    run.ended(End::Limit("inodes"));
    let after = run.wall.saturating_sub(Duration::from_micros(run.usage("wall_time_us")));
    assert!(after < Duration::from_secs(5), "set-up and removal took {after:?}");
}
