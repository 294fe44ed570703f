//! Names of groups.

use std::collections::BTreeSet;
use std::fmt;

use super::CgroupError;
use super::files::Dir;
use crate::slot::SlotNumber;

/// `slot-17.3`: the slot that whoever made the group holds, and a number it uses once. A group in a total
/// group has a name of its own, of the same slot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GroupName {
    slot: SlotNumber,
    text: String,
}

impl GroupName {
    /// The name for this slot and number.
    pub(crate) fn new(slot: SlotNumber, number: u64) -> Self {
        Self { slot, text: format!("slot-{slot}.{number}") }
    }

    /// Reads a name back; `None` for what [`GroupName::new`] never makes.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (slot, number) = text.strip_prefix("slot-")?.split_once('.')?;
        let name = Self::new(SlotNumber::new(slot.parse().ok()?)?, number.parse().ok()?);
        (name.text == text).then_some(name)
    }

    /// The groups of ours right below this folder, whoever made them.
    pub(super) fn all_in(dir: &Dir) -> Result<BTreeSet<Self>, CgroupError> {
        Ok(dir.children()?.iter().filter_map(|name| Self::parse(name)).collect())
    }

    /// The slot.
    pub(crate) const fn slot(&self) -> SlotNumber {
        self.slot
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_we_make_are_read() {
        let slot = SlotNumber::new(17).unwrap();
        assert_eq!(GroupName::parse("slot-17.3"), Some(GroupName::new(slot, 3)));
        for text in [
            "",
            "slot-",
            "slot-17",
            "slot-17.",
            "slot-017.3",
            "slot-+17.3",
            "slot-4096.0",
            "slot-1.2/..",
            "x",
        ] {
            assert_eq!(GroupName::parse(text), None, "{text}");
        }
    }
}
