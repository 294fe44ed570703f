//! The programs that run in the proving ground, built here: `dayfly`, the test executables, the payloads, the KVM
//! check. What is inside has no compiler.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::Error;
use crate::ground::suites::PACKAGES;
use crate::process::Run;
use crate::repo::Repo;

/// One test executable.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TestProgram {
    /// The package and, where it has several, the target: `dayfly-sandbox`, `dayfly-tests::it`.
    pub(crate) name: String,
    pub(crate) package: String,
    pub(crate) executable: PathBuf,
    /// Cargo starts tests in the folder of their package.
    pub(crate) folder: PathBuf,
}

/// Everything built.
pub(crate) struct Programs {
    pub(crate) dayfly: PathBuf,
    pub(crate) kvm_check: PathBuf,
    /// Starts whatever is run in there.
    pub(crate) enter: PathBuf,
    /// The folder of compiled payloads.
    pub(crate) payloads: PathBuf,
    pub(crate) tests: Vec<TestProgram>,
}

impl Programs {
    /// Builds all of it.
    pub(crate) fn build(repo: &Repo, ground: &Path) -> Result<Self, Error> {
        // What users run, and half the time of every test on a processor this slow.
        Run::cargo()
            .args(["build", "--release", "--locked", "--package", "dayfly"])
            .dir(repo.root())
            .run()?;
        let dayfly = repo.target()?.join("release/dayfly");
        let (kvm_check, enter) = (helper(repo, ground, "kvm-check")?, helper(repo, ground, "enter")?);
        let messages = built(repo)?;
        let payloads = payloads(&compiler(&messages)?, ground)?;
        let tests = messages.iter().filter_map(test_program).collect();
        Ok(Self { dayfly, kvm_check, enter, payloads, tests })
    }

    /// The files to take along.
    pub(crate) fn files(&self) -> Result<Vec<PathBuf>, Error> {
        let failed = |source| Error::file(&self.payloads, source);
        let payloads = std::fs::read_dir(&self.payloads).map_err(failed)?;
        let payloads: Result<Vec<_>, _> = payloads.map(|entry| entry.map(|entry| entry.path())).collect();
        let tests = self.tests.iter().map(|test| test.executable.clone());
        let own = [self.dayfly.clone(), self.kvm_check.clone(), self.enter.clone()];
        Ok(tests.chain(own).chain(payloads.map_err(failed)?).collect())
    }
}

/// Compiles one of the C programs below `tests/ground`.
fn helper(repo: &Repo, ground: &Path, name: &str) -> Result<PathBuf, Error> {
    let program = ground.join(name);
    let source = repo.path(&format!("tests/ground/{name}.c"));
    Run::new("gcc").args(["-Wall", "-Werror", "-O1", "-static", "-o"]).arg(&program).arg(source).stdout()?;
    Ok(program)
}

/// Has the integration tests compile their hostile programs below `ground`.
fn payloads(compiler: &Path, ground: &Path) -> Result<PathBuf, Error> {
    let folder = Run::new(compiler).env("DAYFLY_TEST_SCRATCH", ground.join("scratch")).stdout()?;
    Ok(String::from_utf8_lossy(&folder).trim_end().into())
}

/// Builds the tests and examples of the whole workspace, as `cargo xtask test` does: a choice of packages would have
/// other features of the same dependencies, and compile all of them once more.
fn built(repo: &Repo) -> Result<Vec<Value>, Error> {
    let build = ["test", "--locked", "--no-run", "--workspace", "--message-format=json-render-diagnostics"];
    let messages = Run::cargo().args(build).dir(repo.root()).stdout()?;
    Ok(String::from_utf8_lossy(&messages)
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect())
}

/// The program that compiles the payloads.
fn compiler(messages: &[Value]) -> Result<PathBuf, Error> {
    let is_it = |message: &&Value| {
        message["reason"] == "compiler-artifact"
            && message["target"]["kind"][0] == "example"
            && message["target"]["name"] == "payloads"
    };
    let path = messages.iter().find(is_it).and_then(|message| message["executable"].as_str());
    path.map(PathBuf::from).ok_or_else(|| Error::Failed {
        command: "cargo test --no-run".to_owned(),
        status: "built no example 'payloads' (tests/examples/payloads.rs)".to_owned(),
    })
}

/// The test executable that one of cargo's messages announces, if it is to run in there.
fn test_program(message: &Value) -> Option<TestProgram> {
    let is_test = message["reason"] == "compiler-artifact" && message["profile"]["test"] == true;
    let executable = is_test.then(|| message["executable"].as_str()).flatten()?;
    let folder = Path::new(message["manifest_path"].as_str()?).parent()?;
    let package = package_name(message["package_id"].as_str()?).filter(|name| PACKAGES.contains(name))?;
    let target = message["target"]["name"].as_str()?;
    let is_lib = message["target"]["kind"][0] == "lib" || target == package;
    let name = if is_lib { package.to_owned() } else { format!("{package}::{target}") };
    Some(TestProgram {
        name,
        package: package.to_owned(),
        executable: executable.into(),
        folder: folder.to_owned(),
    })
}

/// `dayfly-jobs` from `path+file:///w/jobs#dayfly-jobs@0.1.0`, or from `path+file:///w/xtask#0.1.0`.
fn package_name(id: &str) -> Option<&str> {
    let (place, fragment) = id.rsplit_once('#')?;
    match fragment.split_once('@') {
        Some((name, _)) => Some(name),
        None => place.rsplit('/').next(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_executables_are_told_from_other_artifacts() {
        let message = |folder: &str, name: &str, test: bool| {
            serde_json::json!({
                "reason": "compiler-artifact", "package_id": format!("path+file:///w/{folder}#{name}@0.1.0"),
                "manifest_path": format!("/w/{folder}/Cargo.toml"), "target": { "kind": ["test"], "name": "it" },
                "profile": { "test": test }, "executable": "/w/target/debug/deps/it-1"
            })
        };
        let program = test_program(&message("tests", "dayfly-tests", true)).unwrap();
        assert_eq!(
            (program.name.as_str(), program.folder.as_path()),
            ("dayfly-tests::it", Path::new("/w/tests"))
        );
        assert_eq!(test_program(&message("tests", "dayfly-tests", false)), None);
        assert_eq!(test_program(&message("worker", "dayfly-worker", true)), None);
        assert_eq!(test_program(&serde_json::json!({ "reason": "build-finished", "success": true })), None);
    }

    #[test]
    fn both_forms_of_package_ids_are_read() {
        assert_eq!(package_name("path+file:///w/jobs#dayfly-jobs@0.1.0"), Some("dayfly-jobs"));
        assert_eq!(package_name("path+file:///w/xtask#0.1.0"), Some("xtask"));
    }
}
