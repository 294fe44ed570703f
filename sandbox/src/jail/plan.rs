//! Everything about a jail's file system that can be decided before a process exists.
//!
//! The child side only walks these lists: it allocates nothing and decides nothing. A plan belongs to the
//! shape of a jail and serves any number of them.

use std::ffi::CString;
use std::fmt;
use std::iter;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use crate::sys::mount::Attributes;
use crate::{Access, SandboxError};

/// How to build the root of one jail.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    /// Host trees to clone, before the host disappears from view.
    pub sources: Vec<Source>,
    /// What to do, in order.
    pub steps: Vec<Step>,
    /// Folders the job may write below (Landlock).
    pub writable: Vec<CString>,
    /// Files and devices the job may use (Landlock).
    pub usable: Vec<CString>,
    /// Whether to bring the loopback interface up.
    pub loopback: bool,
}

/// A host tree shown in the jail.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// Where it is on the host.
    pub path: CString,
    /// How it is mounted.
    pub attributes: Attributes,
    /// Whether its owner's files are to be the job's own.
    pub owner_becomes_job: bool,
}

/// One step of building the root.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// A folder; one that is there already is fine.
    Folder(Place),
    /// A file with this content; an existing one is kept.
    File(Place, Vec<u8>),
    /// A symbolic link.
    Link(Place, CString),
    /// The source of this index, on top of what is there.
    Attach(usize, Place),
    /// The tmpfs behind `/box`, `/tmp` and `/dev/shm`.
    Scratch,
    /// The jail's own `/proc`.
    Proc,
    /// Nothing to see at this path of `/proc`, which is a folder or a file.
    Mask(Place, Masked),
    /// From here on the root itself cannot be written.
    Seal,
}

/// What is masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Masked {
    /// An empty folder covers it.
    Folder,
    /// `/dev/null` covers it.
    File,
}

/// A path below the new root, never the root itself, in the parts the child needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The folder it is in; `None` for the root.
    pub parent: Option<CString>,
    /// Its last component.
    pub name: CString,
    /// All of it, without a leading slash.
    pub path: CString,
}

impl Place {
    /// `path` may be absolute or relative, but must be plain: no `..`, no NUL, not empty.
    pub(crate) fn new(path: impl AsRef<Path>) -> Result<Self, SandboxError> {
        let bad = || SandboxError::BadTarget { path: path.as_ref().to_owned() };
        let mut plain = Vec::with_capacity(path.as_ref().as_os_str().len());
        for component in path.as_ref().components() {
            match component {
                Component::RootDir | Component::CurDir => {}
                Component::Normal(name) => {
                    let slash = if plain.is_empty() { "" } else { "/" };
                    plain.extend_from_slice(slash.as_bytes());
                    plain.extend_from_slice(name.as_bytes());
                }
                Component::ParentDir | Component::Prefix(_) => return Err(bad()),
            }
        }
        Self::of(&plain).ok_or_else(bad)
    }

    /// Of a path with no slash at either end.
    fn of(path: &[u8]) -> Option<Self> {
        let mut parts = path.rsplitn(2, |byte| *byte == b'/');
        let name = parts.next().filter(|name| !name.is_empty())?;
        let parent = parts.next().map(CString::new).transpose().ok()?;
        Some(Self { parent, name: CString::new(name).ok()?, path: CString::new(path).ok()? })
    }

    /// Whether it is strictly below the other.
    fn is_below(&self, other: &Self) -> bool {
        let rest = self.path.as_bytes().strip_prefix(other.path.as_bytes());
        rest.is_some_and(|rest| rest.starts_with(b"/"))
    }

    /// The folder it is in; `None` for the root.
    fn above(&self) -> Option<Self> {
        Self::of(self.parent.as_ref()?.as_bytes())
    }
}

impl Plan {
    pub(crate) fn folder(&mut self, path: &str) -> Result<(), SandboxError> {
        self.steps.push(Step::Folder(Place::new(path)?));
        Ok(())
    }

    pub(crate) fn file(&mut self, path: &str, content: impl Into<Vec<u8>>) -> Result<(), SandboxError> {
        self.steps.push(Step::File(Place::new(path)?, content.into()));
        Ok(())
    }

    pub(crate) fn link(&mut self, path: impl AsRef<Path>, target: &Path) -> Result<(), SandboxError> {
        let place = Place::new(path)?;
        let target = CString::new(target.as_os_str().as_bytes())
            .map_err(|_| SandboxError::BadTarget { path: target.to_owned() })?;
        self.steps.push(Step::Link(place, target));
        Ok(())
    }

    /// Shows the host's `source` at `target`, making `target` and the folders above it where needed.
    pub(crate) fn show(
        &mut self,
        source: &Path,
        target: impl AsRef<Path>,
        attributes: Attributes,
        owner_becomes_job: bool,
    ) -> Result<(), SandboxError> {
        let unreadable = |error: std::io::Error| SandboxError::Unreadable { path: source.to_owned(), error };
        let is_folder = std::fs::metadata(source).map_err(unreadable)?.is_dir();
        let path = CString::new(source.as_os_str().as_bytes())
            .map_err(|_| SandboxError::BadTarget { path: source.to_owned() })?;
        let place = Place::new(target)?;
        // Where a folder is, those above it are.
        let missing =
            iter::successors(place.above(), Place::above).take_while(|folder| !self.has_folder(folder));
        let missing: Vec<_> = missing.map(Step::Folder).collect();
        self.steps.extend(missing.into_iter().rev());
        self.steps.push(match is_folder {
            true => Step::Folder(place.clone()),
            false => Step::File(place.clone(), Vec::new()),
        });
        self.steps.push(Step::Attach(self.sources.len(), place));
        self.sources.push(Source { path, attributes, owner_becomes_job });
        Ok(())
    }

    /// Whether the steps so far certainly leave a folder there. What is below a tree that was shown later is covered.
    fn has_folder(&self, place: &Place) -> bool {
        for step in self.steps.iter().rev() {
            match step {
                Step::Folder(made) if made == place => return true,
                Step::Attach(_, shown) if place.is_below(shown) => return false,
                Step::Scratch => return false,
                _ => {}
            }
        }
        false
    }

    /// Shows a bind the operator asked for.
    pub(crate) fn bind(&mut self, bind: &crate::Bind) -> Result<(), SandboxError> {
        let target = Place::new(&bind.target)?;
        let first = target.path.as_bytes().split(|byte| *byte == b'/').next();
        if matches!(first, Some(b"proc" | b"dev")) || !bind.target.is_absolute() {
            return Err(SandboxError::BadTarget { path: bind.target.clone() });
        }
        let attributes = match bind.access {
            Access::ReadOnly => Attributes::READ_ONLY,
            Access::Writable => Attributes::WRITABLE,
        };
        self.show(&bind.source, &bind.target, attributes, true)?;
        if bind.access == Access::Writable {
            let absolute = CString::new(bind.target.as_os_str().as_bytes())
                .map_err(|_| SandboxError::BadTarget { path: bind.target.clone() })?;
            let is_folder = matches!(self.steps.iter().rev().nth(1), Some(Step::Folder(_)));
            if is_folder { self.writable.push(absolute) } else { self.usable.push(absolute) }
        }
        Ok(())
    }
}

impl Plan {
    /// One step in words, for errors and listings.
    pub(crate) fn step_text(&self, index: usize) -> Option<String> {
        Some(match self.steps.get(index)? {
            Step::Folder(place) => format!("folder {place}"),
            Step::File(place, content) => format!("file {place} ({} bytes)", content.len()),
            Step::Link(place, target) => format!("link {place} -> {}", target.to_string_lossy()),
            Step::Attach(index, place) => {
                let source = self.sources.get(*index).map(|source| source.path.to_string_lossy());
                format!("{place} showing {}", source.unwrap_or_default())
            }
            Step::Scratch => "writable /box, /tmp and /dev/shm".into(),
            Step::Proc => "/proc".into(),
            Step::Mask(place, _) => format!("mask over {place}"),
            Step::Seal => "read-only /".into(),
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.path.to_string_lossy())
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (0..self.steps.len()).filter_map(|i| self.step_text(i)).try_for_each(|step| writeln!(f, "{step}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(targets: &[&str]) -> String {
        let mut plan = Plan::default();
        for target in targets {
            plan.show(Path::new("/usr"), target, Attributes::READ_ONLY, false).unwrap();
        }
        plan.to_string()
    }

    #[test]
    fn a_place_is_a_plain_path_in_its_parts() {
        for (path, parent, name, whole) in [
            ("x", None, "x", "x"),
            ("/x/", None, "x", "x"),
            ("a/x", Some("a"), "x", "a/x"),
            ("//a/./b//x", Some("a/b"), "x", "a/b/x"),
        ] {
            let c_string = |text: &str| CString::new(text).unwrap();
            let (parent, name, whole) = (parent.map(c_string), c_string(name), c_string(whole));
            assert_eq!(Place::new(path).unwrap(), Place { parent, name, path: whole });
        }
        for path in ["", "/", ".", "..", "a/../b", "a\0b", "a\0/b"] {
            assert!(matches!(Place::new(path), Err(SandboxError::BadTarget { .. })), "{path}");
        }
    }

    #[test]
    fn a_folder_is_made_once_unless_something_covers_it() {
        assert_eq!(
            shown(&["opt/a", "opt/b", "opt/a/x/y", "opt/a/x/z"]),
            "folder /opt\nfolder /opt/a\n/opt/a showing /usr\n\
             folder /opt/b\n/opt/b showing /usr\n\
             folder /opt/a/x\nfolder /opt/a/x/y\n/opt/a/x/y showing /usr\n\
             folder /opt/a/x/z\n/opt/a/x/z showing /usr\n"
        );
        assert_eq!(
            shown(&["opt/a/x", "opt", "opt/a/y"]),
            "folder /opt\nfolder /opt/a\nfolder /opt/a/x\n/opt/a/x showing /usr\n\
             folder /opt\n/opt showing /usr\n\
             folder /opt/a\nfolder /opt/a/y\n/opt/a/y showing /usr\n"
        );
    }
}
