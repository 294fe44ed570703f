//! What `dayfly run --explain` prints for people.

use dayfly_jobs::Receipt;
use dayfly_sandbox::{Access, Bind, Root};

use super::human;
use super::json::network;
use super::table::render;
use crate::request::Request;

/// Everything that would hold.
pub(crate) fn text(request: &Request, enforced_by: &Receipt) -> String {
    let mut text = render(&facts(request), "");
    text += &section("binds", &binds(request));
    text += &section("environment", &environment(request));
    text + "limits\n" + &human::limits(request, enforced_by)
}

fn facts(request: &Request) -> Vec<[String; 2]> {
    let spec = &request.spec;
    let root = match &spec.root {
        Root::Host { toolchains } if toolchains.is_empty() => "host".to_owned(),
        Root::Host { toolchains } => {
            let names = toolchains.iter().map(|toolchain| toolchain.name.as_str());
            format!("host, with {}", names.collect::<Vec<_>>().join(", "))
        }
        Root::Folder(folder) => folder.display().to_string(),
    };
    let words = request.command.iter().map(|word| quoted(&word.to_string_lossy()));
    let mut facts = vec![
        ("program", words.collect::<Vec<_>>().join(" ")),
        ("policy", format!("{}: {}", spec.policy.name(), spec.policy.description())),
        ("root", root),
        ("network", network(spec.network).to_owned()),
        ("workdir", request.workdir.display().to_string()),
    ];
    let waived: Vec<&str> = spec.waive.iter().map(|limit| limit.name()).collect();
    facts.push(("waived", waived.join(", ")));
    facts.retain(|(_, value)| !value.is_empty());
    facts.into_iter().map(|(name, value)| [name.to_owned(), value]).collect()
}

/// A word as a shell would read it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

fn section(title: &str, rows: &[[String; 2]]) -> String {
    match rows.is_empty() {
        true => String::new(),
        false => format!("{title}\n{}", render(rows, "  ")),
    }
}

fn binds(request: &Request) -> Vec<[String; 2]> {
    let toolchains = match &request.spec.root {
        Root::Host { toolchains } => toolchains.as_slice(),
        Root::Folder(_) => &[],
    };
    let row = |bind: &Bind| {
        let access = match bind.access {
            Access::ReadOnly => "read-only",
            Access::Writable => "WRITABLE",
        };
        [bind.target.display().to_string(), format!("{access}, from {}", bind.source.display())]
    };
    toolchains.iter().flat_map(|toolchain| &toolchain.binds).chain(&request.spec.binds).map(row).collect()
}

fn environment(request: &Request) -> Vec<[String; 2]> {
    let row = |(key, value): (&std::ffi::OsString, &std::ffi::OsString)| {
        [format!("{}={}", key.to_string_lossy(), value.to_string_lossy()), String::new()]
    };
    request.env.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_as_a_shell_needs_it() {
        for (word, shown) in [
            ("plain-1.2/x", "plain-1.2/x"),
            ("a b", "'a b'"),
            ("", "''"),
            ("it's", r"'it'\''s'"),
            ("$x", "'$x'"),
        ] {
            assert_eq!(quoted(word), shown);
        }
    }
}
