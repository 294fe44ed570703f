//! The built-in policies as data: complete, reasoned, and the same as when they were compiled.

use std::path::Path;

use dayfly_policies::{Catalog, Network, Policy, resolve};

#[test]
fn the_embedded_filter_is_the_one_its_text_compiles_to() {
    for name in Catalog::builtin().names() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles").join(name).with_extension("toml");
        let fresh = Policy::load(&path).unwrap();
        let embedded = Catalog::builtin().get(name).unwrap();
        assert_eq!(fresh.name(), name);
        assert_eq!(fresh.filter(), embedded.filter(), "{name}");
    }
}

#[test]
fn the_embedded_head_and_rules_say_what_the_whole_text_says() {
    for name in Catalog::builtin().names() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles").join(name).with_extension("toml");
        let text = std::fs::read_to_string(path).unwrap();
        let fresh = Policy::parse(&text, &format!("policy {name}")).unwrap();
        let embedded = Catalog::builtin().get(name).unwrap();
        assert_eq!(fresh.show().unwrap(), embedded.show().unwrap());
        assert_eq!(fresh.default_limits(), embedded.default_limits());
        assert_eq!(fresh.ceilings(), embedded.ceilings());
        assert_eq!(fresh.networks(), embedded.networks());
        assert_eq!(format!("{:?}", fresh.rules().unwrap()), format!("{:?}", embedded.rules().unwrap()));
    }
}

#[test]
fn every_profile_is_in_the_catalog() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    files.sort();
    let mut names: Vec<&str> = Catalog::builtin().names().collect();
    names.sort_unstable();
    assert_eq!(files, names);
}

#[test]
fn every_rule_has_a_reason_that_says_something() {
    for name in Catalog::builtin().names() {
        let policy = Catalog::builtin().get(name).unwrap();
        assert!(policy.rules().unwrap().len() > 100);
        for rule in policy.rules().unwrap() {
            assert!(rule.reason.split_whitespace().count() >= 3, "{}: {}", rule.place, rule.reason);
        }
    }
}

#[test]
fn default_limits_are_within_ceilings_and_networks_are_as_documented() {
    for (name, loopback) in [("strict", false), ("compile", false), ("interpreted", true), ("ci", true)] {
        let policy = Catalog::builtin().get(name).unwrap();
        resolve(&policy, policy.default_limits()).unwrap();
        assert!(policy.allows_network(Network::None));
        assert_eq!(policy.allows_network(Network::Loopback), loopback, "{name}");
    }
}

#[test]
fn policies_are_shared_and_can_be_sent() {
    fn sendable<T: Send + Sync + std::fmt::Debug>(_: &T) {}
    let policy = Catalog::builtin().get("strict").unwrap();
    sendable(&policy);
    assert!(std::sync::Arc::ptr_eq(&policy, &Catalog::builtin().get("strict").unwrap()));
}

#[test]
fn unknown_names_are_answered_with_known_ones() {
    for (name, message) in [
        (
            "strikt",
            "there is no policy 'strikt'; did you mean 'strict'?; built in are strict, compile, interpreted, ci",
        ),
        ("", "there is no policy ''; built in are strict, compile, interpreted, ci"),
    ] {
        let error = Catalog::builtin().get(name).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
}

#[test]
fn a_call_is_explained_by_its_rules() {
    let policy = Catalog::builtin().get("strict").unwrap();
    assert_eq!(
        policy.explain("personality").unwrap().to_string(),
        "allow personality where int arg0 == PER_LINUX: asking for the personality and setting the usual one change \
         nothing (group self:54:10)\n\
         allow personality where int arg0 == PER_QUERY: asking for the personality and setting the usual one change \
         nothing (group self:54:10)\n\
         deny ENOSYS personality where none of these holds\n"
    );
    assert_eq!(
        policy.explain("ptrace").unwrap().to_string(),
        "forbid ptrace: they read or change other processes (group intrusion:4:74)\n"
    );
    assert_eq!(
        policy.explain("clone3").unwrap().to_string(),
        "deny ENOSYS clone3: no rule names it; a program takes the kernel for one without it\n"
    );
    assert!(policy.explain("clone33").is_err());
}

#[test]
fn show_tells_the_whole_policy() {
    for name in Catalog::builtin().names() {
        let policy = Catalog::builtin().get(name).unwrap();
        insta::assert_snapshot!(name, policy.show().unwrap());
    }
}
