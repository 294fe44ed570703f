//! The groups of rules that policies share, part of the program.

use std::sync::Arc;

macro_rules! groups {
    ($($name:literal),+ $(,)?) => {
        const GROUPS: &[(&str, &str)] = &[
            $(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/groups/", $name, ".toml")))),+
        ];
    };
}

groups![
    "channels",
    "events",
    "files",
    "host",
    "intrusion",
    "ipc",
    "locks",
    "loopback",
    "memory",
    "ownership",
    "processes",
    "self",
    "signals",
    "terminal",
    "threads",
    "time",
    "watches",
];

/// The text of a group.
pub(super) fn text(name: &str) -> Option<Arc<str>> {
    GROUPS.iter().find(|(known, _)| *known == name).map(|(_, text)| Arc::from(*text))
}

/// Every group's name.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().map(|(name, _)| *name)
}
