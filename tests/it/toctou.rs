//! Attacks between a check and the act, and on what is left when the supervisor dies.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use dayfly_tests::{Dayfly, End, ROOT_UID_BASE, Unprivileged, dayfly, is_root, jail, needs, soon};

use crate::process::policies;

#[test]
fn row_93_identities() {
    let _host = jail!();
    for policy in policies() {
        let run = Dayfly::hostile().opt("--policy", policy).run(["/payload/identity", "who"]);
        run.ended(End::Exit(0));
        for line in ["uids 1000 1000 1000", "gids 1000 1000 1000", "NoNewPrivs:\t1", "Seccomp:\t2"] {
            assert!(run.stdout.lines().any(|said| said == line), "{line}: {run:#?}");
        }
        // Nobody leaves a group without root; the doctor tells of others than the user's own.
        let own = |said: &str| !is_root() && said == "group 1000";
        assert!(!run.stdout.lines().any(|said| said.starts_with("group ") && !own(said)), "{run:#?}");
        assert!(run.stdout.contains(" groups\n"), "{run:#?}");
        for line in run.stdout.lines().filter(|line| line.starts_with("Cap")) {
            assert!(line.ends_with("0000000000000000"), "{line}");
        }
        let run = Dayfly::hostile().opt("--policy", policy).run(["/payload/identity", "become"]);
        assert!(!run.stdout.contains("GOT"), "{run:#?}");
    }
}

#[test]
fn row_93_identities_as_the_host_sees_them() {
    let _host = jail!(root);
    let mut job = Dayfly::new().spawn(["sleep", "1"]);
    let mut ids = Vec::new();
    while ids.is_empty() && job.is_running() {
        ids = fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter_map(|entry| ids_of_sleep(&entry.path()))
            .collect();
    }
    job.wait().ended(End::Exit(0));
    assert!(!ids.is_empty());
    for id in ids.into_iter().flatten() {
        assert!(id >= ROOT_UID_BASE && id % 65_536 == 1000, "the host sees the job as {id:#x}");
    }
}

/// The four user and four group ids of a jailed `sleep`.
fn ids_of_sleep(process: &Path) -> Option<Vec<u32>> {
    let jailed = fs::metadata(process).ok()?.uid() >= ROOT_UID_BASE;
    let status = fs::read_to_string(process.join("status")).ok()?;
    let ids = status.lines().filter(|line| line.starts_with("Uid:") || line.starts_with("Gid:"));
    let ids = ids.flat_map(|line| line.split_whitespace().skip(1)).filter_map(|id| id.parse().ok());
    (jailed && status.starts_with("Name:\tsleep\n")).then(|| ids.collect())
}

#[test]
fn row_93_a_setuid_dayfly_lends_nobody_its_rights() {
    let _host = jail!(root);
    assert_eq!(fs::metadata(dayfly()).unwrap().mode() & 0o6000, 0);
    let user = Unprivileged::new();
    let dir = tempfile::Builder::new().prefix("setuid-").tempdir_in("/tmp").unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let copy = dir.path().join("run");
    fs::copy(dayfly(), &copy).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o4755)).unwrap();
    let run = user.dayfly().binary(&copy).also("--bind", "/root:/stolen:rw").run(["ls", "-a", "/stolen"]);
    assert!(!run.stdout.contains(".bashrc") && !run.stdout.contains(".cargo"), "{run:#?}");
}

#[test]
fn row_93_a_link_in_place_of_the_users_own_folder() {
    let _host = jail!(root);
    let user = Unprivileged::new();
    let victim = tempfile::tempdir().unwrap();
    symlink(victim.path(), user.home().join("run/dayfly")).unwrap();
    let run = user.dayfly().run(["true"]);
    assert!(run.code == 125 || run.code == 0, "{run:#?}");
    assert_eq!(
        fs::read_dir(victim.path()).unwrap().count(),
        0,
        "Dayfly followed a link of its runtime folder"
    );
}

#[test]
fn row_94_no_process_is_killed_by_number() {
    let _host = jail!(root);
    needs!("strace");
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("trace");
    for program in [vec!["sleep", "100"], vec!["sh", "-c", "sleep 100 & exit 0"]] {
        let calls = "trace=kill,tkill,tgkill,rt_sigqueueinfo,rt_tgsigqueueinfo,pidfd_send_signal";
        let run = Dayfly::new()
            .opt("--wall-time", "1s")
            .under(["strace", "-qq", "-e", calls, "-e", "signal=none", "-o", trace.to_str().unwrap()])
            .run(&program);
        assert!([0, 124].contains(&run.code), "{run:#?}");
        let trace = fs::read_to_string(&trace).unwrap();
        let by_number: Vec<&str> = trace.lines().filter(|line| !line.contains("pidfd_send_signal")).collect();
        assert!(by_number.is_empty(), "{by_number:#?}");
    }
}

#[test]
fn row_95_the_job_dies_with_its_supervisor() {
    let _host = jail!();
    let share = tempfile::tempdir().unwrap();
    let pulse = share.path().join("pulse");
    let mut running =
        Dayfly::hostile().share(share.path()).spawn(["/payload/processes", "daemon", "/share/pulse"]);
    let start = Instant::now();
    while !pulse.exists() {
        assert!(start.elapsed() < soon(10), "the job never started");
        sleep(Duration::from_millis(5));
    }
    running.kill();
    sleep(Duration::from_millis(1000));
    let last = fs::read_to_string(&pulse).unwrap();
    sleep(Duration::from_millis(300));
    assert_eq!(fs::read_to_string(&pulse).unwrap(), last, "the job lives on without its supervisor");
    let swept = Command::new(dayfly()).args(["doctor", "--sweep"]).output().unwrap();
    assert!(swept.status.success(), "{swept:?}");
}
