//! The layers, the built-in text, and what mistakes in a file are answered with.

use dayfly_jobs::{Bytes, Limit};

use super::*;
use crate::values::PolicyRef;

fn file(text: &str) -> Result<Config, String> {
    let layer = Layer::parse(Origin::File("d.toml".into()), text).and_then(Layer::check);
    let layer = layer.map_err(|error| error.to_string())?;
    Figment::from(&layer).extract().map_err(|error| error.to_string())
}

/// The built-in text with its examples put into force.
fn uncommented() -> String {
    let is_key = |rest: &str| {
        let name = rest.split(" = ").next().unwrap_or_default();
        rest.contains(" = ") && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    let line = |line: &'static str| match line.strip_prefix("# ") {
        Some(rest) if is_key(rest) || rest.starts_with('[') => rest,
        Some(_) | None => line,
    };
    BUILT_IN.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_built_in_text_says_what_it_means() {
    let built_in = file(BUILT_IN).unwrap();
    assert_eq!(built_in, Config::built_in());
    assert_eq!(built_in.run.policy, Some(PolicyRef::Name("interpreted".into())));
    assert_eq!(built_in.root.host.toolchains, ["rustup"]);
    assert!(Limit::ALL.into_iter().all(|limit| !built_in.run.limits.sets(limit)));
}

#[test]
fn the_template_sets_nothing() {
    assert_eq!(file(&template()).unwrap(), Config::default());
    assert!(template().contains("\n# policy = \"interpreted\"\n"));
}

#[test]
fn every_example_in_the_built_in_text_can_be_used() {
    let all = file(&uncommented()).unwrap();
    assert_eq!(Limit::ALL.into_iter().find(|limit| !all.run.limits.sets(*limit)), None);
    assert_eq!(all.toolchain.keys().collect::<Vec<_>>(), ["ghc"]);
    assert_eq!(all.cgroup.parent.as_deref(), Some(Path::new("/sys/fs/cgroup/dayfly")));
}

#[test]
fn the_manual_has_the_built_in_text() {
    let manual = include_str!("../../../docs/CONFIGURATION.md");
    assert!(manual.contains(BUILT_IN), "copy cli/src/config/dayfly.toml to docs/CONFIGURATION.md");
}

#[test]
fn values_are_read_as_on_the_command_line() {
    let config = file("[run.limits]\nmemory = \"1k\"\ndisk = 4096\ncpus = 0.5\nprocesses = 3\n").unwrap();
    assert_eq!(config.run.limits.memory, Some(Bytes::kib(1)));
    assert_eq!(config.run.limits.disk, Some(Bytes::kib(4)));
    assert!(config.run.limits.sets(Limit::Cpus) && config.run.limits.sets(Limit::Processes));
}

#[test]
fn mistakes_name_their_place() {
    for (text, message) in [
        ("[run]\npolcy = \"x\"", "d.toml: run.polcy: unknown key"),
        ("[rnu]\n", "d.toml: rnu: unknown key"),
        ("[run.limits]\nmem = 1", "d.toml: run.limits.mem: unknown key"),
        ("[run.limits]\nmemory = \"5X\"", "d.toml: run.limits.memory: 'X' in '5X' is not a unit"),
        ("[run.limits]\nmemory = -1", "d.toml: run.limits.memory: '-1' has no number"),
        ("[run.limits]\nmemory = true", "d.toml: run.limits.memory: bool true does not fit"),
        ("[run.limits]\nprocesses = 0", "d.toml: run.limits.processes: not a whole number of at least 1"),
        (
            "[run]\npolicy = \"a/b.toml\"",
            "d.toml: run.policy: a policy file must be given by its absolute path here",
        ),
        ("[run]\nnetwork = \"host\"", "d.toml: run.network: such a network is not available in this version"),
        ("[toolchain.x]\nbind = []", "d.toml: toolchain.x.bind: unknown key"),
    ] {
        assert_eq!(file(text).unwrap_err(), message, "{text}");
    }
    assert!(file("[run\n").unwrap_err().starts_with("d.toml: TOML parse error at line 1"));
}

#[test]
fn later_layers_win_and_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let user = folder.path().join("dayfly/dayfly.toml");
    std::fs::create_dir_all(user.parent().unwrap()).unwrap();
    std::fs::write(&user, "[run]\npolicy = \"ci\"\n[run.limits]\nmemory = \"1M\"\n").unwrap();
    let extra = folder.path().join("extra.toml");
    std::fs::write(&extra, "[run.limits]\nmemory = \"2M\"\n").unwrap();
    let host = Surroundings { xdg_config_home: Some(folder.path().into()), ..Surroundings::default() };
    let settings = load(Some(&extra), &host).unwrap();
    assert_eq!(settings.config.run.limits.memory, Some(Bytes::mib(2)));
    assert_eq!(settings.config.run.policy, Some(PolicyRef::Name("ci".into())));
    assert!(settings.is_set("run.policy") && !settings.is_set("root.host.toolchains"));
    let entries = settings.entries().unwrap();
    let source = |key: &str| entries.iter().find(|entry| entry.key == key).unwrap().source.clone();
    assert_eq!(source("run.policy"), user.display().to_string());
    assert_eq!(source("run.limits.memory"), extra.display().to_string());
    assert_eq!(source("root.host.toolchains"), "built in");
}

#[test]
fn files_that_are_no_configuration_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let host = Surroundings::default();
    let error = |path: &Path| load(Some(path), &host).unwrap_err().to_string();
    assert!(error(&folder.path().join("absent")).contains("No such file"));
    assert!(error(folder.path()).contains("not a regular file"));
    let large = folder.path().join("large");
    std::fs::write(&large, vec![b'#'; (1 << 20) + 1]).unwrap();
    assert!(error(&large).contains("larger than 1 MiB"));
}

#[test]
fn variables_that_only_look_like_keys_are_found() {
    for name in ["DAYFLY_RUN_POLICY", "DAYFLY_ROOT_HOST", "DAYFLY_CGROUP_PARENT"] {
        assert!(lacks_underscore(name), "{name}");
    }
    for name in ["DAYFLY_RUN__POLICY", "DAYFLY_BIN", "DAYFLY_RUNNER", "DAYFLY_"] {
        assert!(!lacks_underscore(name), "{name}");
    }
}
