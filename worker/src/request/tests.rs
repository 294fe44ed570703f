//! From leases to environments, programs and refusals.

use dayfly_jobs::Shell;
use serde_json::{Value, json};

use super::*;

fn limits() -> Limits {
    dayfly_policies::Catalog::builtin().get("strict").unwrap().default_limits().clone()
}

fn lease(change: impl FnOnce(&mut Value)) -> Lease {
    let mut lease = json!({
        "id": "00000000000000000000000001.3", "tenant": "t", "lasts_ms": 1,
        "secrets": { "key": "s3cret" },
        "spec": {
            "version": 1, "name": "n", "queue": "q", "priority": 0, "limits": limits(),
            "sandbox": { "backend": "jail", "root": "host", "policy": "strict", "network": "none" },
            "env": { "A": "job", "CI": "false", "DAYFLY_JOB_ID": "mine" },
            "secrets": [{ "name": "key", "env": "KEY" }],
            "steps": [{ "name": "s", "action": { "command": ["x"] }, "limits": limits(), "env": { "A": "step" } }],
            "retry": { "max_attempts": 1 }, "timeouts": {},
        },
    });
    change(&mut lease);
    serde_json::from_value(lease).unwrap()
}

fn request(lease: &Lease, policies: &[Arc<Policy>]) -> Result<Request, String> {
    let toolchain = Toolchain {
        name: "t".to_owned(),
        binds: Vec::new(),
        path: vec!["/opt/t/bin".into()],
        env: [("A".to_owned(), "toolchain".to_owned()), ("T".to_owned(), "1".to_owned())].into(),
    };
    Request::of(lease, policies, &[toolchain], CpuSet::try_from(BTreeSet::from([5])).ok()).map_err(|halt| {
        match halt {
            Halt::Bad(reason) => reason,
            other => panic!("{other:?}"),
        }
    })
}

fn strict() -> Vec<Arc<Policy>> {
    vec![dayfly_policies::Catalog::builtin().get("strict").unwrap()]
}

#[test]
fn a_step_sees_everybodys_variables_in_order() {
    let lease = lease(|_| {});
    let env = request(&lease, &strict()).unwrap().env(&lease.spec.steps[0]);
    for (key, value) in [
        ("A", "step"),
        ("CI", "false"),
        ("DAYFLY_ATTEMPT", "3"),
        ("DAYFLY_JOB_ID", "00000000000000000000000001"),
        ("DAYFLY_STEP", "s"),
        ("HOME", "/box"),
        ("KEY", "s3cret"),
        ("PATH", "/opt/t/bin:/usr/local/bin:/usr/bin:/bin"),
        ("T", "1"),
    ] {
        assert_eq!(env.get(key).map(String::as_str), Some(value), "{key}");
    }
}

#[test]
fn what_no_worker_can_give_is_refused() {
    for (path, value, reason) in [
        ("/spec/sandbox/policy", json!("unknown"), "no policy"),
        ("/spec/sandbox/network", json!("loopback"), "network"),
        ("/spec/env", json!({ "A=B": "" }), "A=B"),
        ("/spec/env", json!({ "A": "\0" }), "'A'"),
        ("/secrets", json!({}), "secret"),
    ] {
        let lease = lease(|lease| *lease.pointer_mut(path).unwrap() = value);
        let told = request(&lease, &strict()).map(drop).unwrap_err();
        assert!(told.contains(reason), "{told}");
    }
}

#[test]
fn a_job_or_a_step_above_a_ceiling_is_refused() {
    let text = "name = \"low\"\ndescription = \"low\"\ninclude = [\"events\", \"files\", \"host\", \"intrusion\", \
                \"memory\", \"self\", \"signals\", \"terminal\", \"threads\", \"time\"]\n[network]\nallowed = [\"none\"]\n\
                [limits]\ncpu_time = \"1s\"\nwall_time = \"1s\"\nmemory = \"64M\"\nprocesses = 4\noutput = \"1M\"\n\
                disk = \"1M\"\ninodes = 100\nopen_files = 16\nstack = \"8M\"\nfile_size = \"1M\"\n\
                [ceilings]\nmemory = \"64M\"\n";
    let policy = Policy::parse(text, "low.toml").unwrap();
    let low = serde_json::to_value(policy.default_limits()).unwrap();
    let set = |step: u64, job: u64| {
        lease(|lease| {
            lease["spec"]["sandbox"]["policy"] = json!("low");
            for (place, memory) in [("/spec/limits", job), ("/spec/steps/0/limits", step)] {
                *lease.pointer_mut(place).unwrap() = low.clone();
                lease.pointer_mut(place).unwrap()["memory_bytes"] = json!(memory << 20);
            }
        })
    };
    let policies = [policy];
    assert!(request(&set(64, 64), &policies).is_ok());
    for lease in [set(65, 64), set(64, 65)] {
        let told = request(&lease, &policies).map(drop).unwrap_err();
        assert!(told.contains("memory"), "{told}");
    }
}

#[test]
fn a_pinned_step_gets_the_cores_the_worker_chose() {
    let pinned = lease(|lease| lease["spec"]["steps"][0]["limits"]["cpus"] = json!({ "pinned": [0] }));
    let limits = request(&pinned, &strict()).unwrap().limits(&pinned.spec.steps[0]);
    assert_eq!(limits.cpus.map(|cpus| cpus.to_string()).as_deref(), Some("pin:5"));
}

#[test]
fn shells_read_their_script_as_a_file() {
    for (shell, expected) in [
        (Shell::Sh, "sh -e /dev/shm/scripts/4"),
        (Shell::Bash, "bash --noprofile --norc -eo pipefail /dev/shm/scripts/4"),
        (Shell::Python, "python3 /dev/shm/scripts/4"),
    ] {
        let (program, arguments) = program(4, &Action::Run { script: String::new(), shell });
        let words: Vec<_> =
            [program].into_iter().chain(arguments).map(|word| word.into_string().unwrap()).collect();
        assert_eq!(words.join(" "), expected);
    }
}
