//! A user without rights: the same isolation, and no limit that is only pretended.

use std::path::Path;

use dayfly_tests::{Canary, Dayfly, End, Secret, Unprivileged, jail};

/// Whether this host gives an unprivileged user no control groups: version 1 cannot delegate.
fn no_delegation() -> bool {
    Path::new("/sys/fs/cgroup/memory").exists()
}

/// An invocation that goes without the limits that need control groups.
fn waiving(user: &Unprivileged) -> Dayfly {
    ["memory", "processes", "cpu-time"].iter().fold(user.dayfly(), |jail, limit| jail.also("--waive", limit))
}

#[test]
fn limits_that_cannot_be_had_are_refused_with_the_fix() {
    let _host = jail!(root);
    if !no_delegation() {
        dayfly_tests::skip!("needs a host that delegates no control groups: this one has version 2");
    }
    let user = Unprivileged::new();
    let run = user.dayfly().run(["true"]);
    assert_eq!(run.code, 125, "{run:#?}");
    for word in ["memory", "cgroup", "--waive"] {
        assert!(run.complaint.contains(word), "{word}: {run:#?}");
    }
}

#[test]
fn waived_limits_are_told_and_the_rest_holds() {
    let _host = jail!(root);
    let user = Unprivileged::new();
    let run = waiving(&user).opt("--wall-time", "1s").run(["sleep", "100"]);
    run.ended(End::Limit("wall_time"));
    for limit in ["memory", "processes", "cpu_time"] {
        let by = &run.json["enforced_by"][limit];
        assert!(by["waived"].is_string() || by["kernel"].is_string(), "{limit}: {run:#?}");
        assert!(!no_delegation() || by["waived"].is_string(), "{limit} cannot be enforced here: {run:#?}");
    }
    waiving(&user).opt("--output", "64k").run(["yes"]).ended(End::Limit("output"));
    waiving(&user)
        .opt("--disk", "8M")
        .run(["sh", "-c", "cat /dev/zero > /box/x; exit 4"])
        .ended(End::Limit("disk"));
}

/// The first command's process makes the network, and init builds the root meanwhile.
#[test]
fn a_network_that_cannot_be_made_is_named_with_the_fix() {
    let _host = jail!(root);
    let user = Unprivileged::new();
    let without_networks = "echo 0 > /proc/sys/user/max_net_namespaces && exec \"$@\"";
    let inside = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--keep-caps"];
    let run = waiving(&user).under(inside).under(["sh", "-c", without_networks, "sh"]).run(["true"]);
    assert_eq!(run.code, 125, "{run:#?}");
    assert!(
        run.complaint.contains("ENOSPC") && run.complaint.contains("user.max_net_namespaces"),
        "{run:#?}"
    );
}

#[test]
fn isolation_is_the_same() {
    let _host = jail!(root);
    let user = Unprivileged::new();
    let secret = Secret::new();
    let mut outside = Canary::new();
    let script = "id -u; ls -A /root /home /sys /run; cat /etc/shadow; kill -9 -1; ls /proc | grep -c '^[0-9]'; \
                  touch /usr/x /x && echo GOT; echo fine > /box/y; cat /box/y";
    let run = waiving(&user).run(["bash", "-c", script]);
    run.ended(End::Exit(0)).tells_nothing_of("root:");
    assert!(run.stdout.starts_with("1000\n") && run.stdout.ends_with("fine\n"), "{run:#?}");
    assert!(!run.stdout.contains("GOT"), "{run:#?}");
    let port = outside.port().to_string();
    let inside = std::fs::read_dir(dayfly_tests::payloads()).unwrap();
    for entry in inside.flatten() {
        std::fs::copy(entry.path(), user.home().join("bin").join(entry.file_name())).unwrap();
    }
    let bin = format!("{}:/payload", user.home().join("bin").display());
    let jail = waiving(&user).also("--bind", bin);
    let path = secret.path();
    let command = ["/payload/escape", "read", path.to_str().unwrap()];
    jail.run(command).ended(End::Exit(0)).tells_nothing_of(secret.text());
    jail.run(["/payload/network", "reach", "127.0.0.1", &port]).ended(End::Exit(0)).got_nothing();
    jail.run(["/payload/escape", "executables"]).ended(End::Exit(0)).got_nothing();
    jail.run(["/payload/processes", "kill-all"]).ended(End::Exit(42));
    let who = jail.run(["/payload/identity", "who"]);
    for line in
        ["uids 1000 1000 1000", "in 0 groups", "NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000"]
    {
        assert!(who.stdout.lines().any(|said| said == line), "{line}: {who:#?}");
    }
    secret.assert_untouched();
    outside.assert_untouched();
}

#[test]
fn the_users_own_program_is_not_overwritten() {
    let _host = jail!(root);
    let user = Unprivileged::new();
    let before = std::fs::read(user.binary()).unwrap();
    let script =
        "for exe in /proc/*/exe; do echo x > $exe; cat /dev/null > $exe; cp /usr/bin/true $exe; done; true";
    let run = waiving(&user).run(["bash", "-c", script]);
    run.ended(End::Exit(0));
    let run = waiving(&user).run(["/proc/self/exe", "--version"]);
    assert!(!run.stdout.contains("dayfly"), "the job ran our own program: {run:#?}");
    assert!(std::fs::read(user.binary()).unwrap() == before, "the user's dayfly was changed");
}
