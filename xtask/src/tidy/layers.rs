//! Which crate may know which, checked against `cargo metadata`. The picture is in docs/ARCHITECTURE.md.

use serde_json::Value;

use super::Finding;
use crate::error::Error;
use crate::repo::{Repo, text};

/// One crate of the workspace and what it may depend on.
struct Layer {
    name: &'static str,
    /// Crates of this workspace.
    inside: &'static [&'static str],
    outside: Outside,
}

/// Which packages of others a crate may use when it runs. Its tests and its build script may use more.
enum Outside {
    /// Those that `deny.toml` lets in.
    Any,
    /// Only these: the crate is pure, and every one of them has been looked at for that.
    Only(&'static [&'static str]),
}

const ALL: &[&str] =
    &["dayfly-jobs", "dayfly-policies", "dayfly-sandbox", "dayfly-scheduler", "dayfly-worker"];

const PURE: &[&str] =
    &["aho-corasick", "base64", "granit-parser", "schemars", "serde", "serde_json", "thiserror", "toml"];

const LAYERS: &[Layer] = &[
    Layer { name: "dayfly-jobs", inside: &[], outside: Outside::Only(PURE) },
    Layer { name: "dayfly-policies", inside: &["dayfly-jobs"], outside: Outside::Any },
    Layer { name: "dayfly-sandbox", inside: &["dayfly-jobs", "dayfly-policies"], outside: Outside::Any },
    Layer {
        name: "dayfly-worker",
        inside: &["dayfly-jobs", "dayfly-policies", "dayfly-sandbox"],
        outside: Outside::Any,
    },
    Layer { name: "dayfly-scheduler", inside: &["dayfly-jobs"], outside: Outside::Any },
    Layer { name: "dayfly", inside: ALL, outside: Outside::Any },
    Layer { name: "dayfly-tests", inside: ALL, outside: Outside::Any },
    Layer {
        name: "xtask",
        inside: &[],
        outside: Outside::Only(&["proc-macro2", "serde_json", "tempfile", "thiserror"]),
    },
];

/// The page that has the same arrows for people.
const PICTURE: &str = "docs/ARCHITECTURE.md";

pub(super) fn check(repo: &Repo) -> Result<Vec<Finding>, Error> {
    let picture = repo.read(PICTURE)?;
    let packages = repo.packages()?;
    let members = packages.iter().map(|package| text(package, "name")).collect::<Result<Vec<_>, _>>()?;
    let mut findings = Vec::new();
    for package in packages {
        let name = text(package, "name")?;
        if !picture.contains(&format!("`{name}`")) {
            findings.push(Finding::new(PICTURE, None, format!("the map does not have `{name}`")));
        }
        match LAYERS.iter().find(|layer| layer.name == name) {
            Some(layer) => findings.extend(check_package(layer, package, &members)?),
            None => findings.push(Finding::new(
                "xtask/src/tidy/layers.rs",
                None,
                format!("`{name}` has no layer; add it here and to {PICTURE}"),
            )),
        }
    }
    Ok(findings)
}

fn check_package(layer: &Layer, package: &Value, members: &[&str]) -> Result<Vec<Finding>, Error> {
    let dependencies = package["dependencies"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut findings = Vec::new();
    for dependency in dependencies {
        let name = text(dependency, "name")?;
        let runs = dependency["kind"].is_null();
        let fits = match &layer.outside {
            _ if members.contains(&name) => layer.inside.contains(&name),
            Outside::Only(listed) if runs => listed.contains(&name),
            Outside::Only(_) | Outside::Any => true,
        };
        if !fits {
            let problem = format!("`{}` may not depend on `{name}`; see {PICTURE}", layer.name);
            findings.push(Finding::new(&format!("package {}", layer.name), None, problem));
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const MEMBERS: &[&str] = &["dayfly-jobs", "dayfly-policies", "dayfly-sandbox"];

    fn problems(name: &str, dependency: &str, kind: Option<&str>) -> usize {
        let package = json!({ "name": name, "dependencies": [{ "name": dependency, "kind": kind }] });
        let layer = LAYERS.iter().find(|layer| layer.name == name).unwrap();
        check_package(layer, &package, MEMBERS).unwrap().len()
    }

    #[test]
    fn arrows_point_one_way() {
        assert_eq!(problems("dayfly-sandbox", "dayfly-policies", None), 0);
        assert_eq!(problems("dayfly-policies", "dayfly-sandbox", None), 1);
        assert_eq!(problems("dayfly-policies", "dayfly-sandbox", Some("dev")), 1);
        assert_eq!(problems("dayfly-jobs", "dayfly-policies", Some("build")), 1);
    }

    #[test]
    fn the_pure_crate_takes_only_what_is_listed() {
        assert_eq!(problems("dayfly-jobs", "serde", None), 0);
        assert_eq!(problems("dayfly-jobs", "tokio", None), 1);
        assert_eq!(problems("dayfly-jobs", "proptest", Some("dev")), 0);
        assert_eq!(problems("dayfly-sandbox", "nix", None), 0);
    }
}
