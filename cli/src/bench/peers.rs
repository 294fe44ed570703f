//! Other sandboxes, told to do what comes closest to a jail of ours: the same namespaces, the host's `/usr`
//! read-only, `/proc`, `/dev` and `/tmp` of their own. Neither limits anything here and neither filters
//! system calls, so both do less.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::program::Program;

/// Where an nsjail is that is not on the `PATH`.
const NSJAIL: &str = "DAYFLY_BENCH_NSJAIL";

/// Those that are installed.
#[derive(Debug, Clone)]
pub(crate) struct Peers {
    bwrap: Option<PathBuf>,
    nsjail: Option<PathBuf>,
    /// Links at the top of the host's root, such as `/bin` to `usr/bin`.
    links: Vec<(String, String)>,
}

impl Peers {
    /// Looks for them.
    pub(crate) fn find() -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let given = std::env::var_os(NSJAIL).map(PathBuf::from);
        Self {
            bwrap: on_path(&path, "bwrap"),
            nsjail: given.or_else(|| on_path(&path, "nsjail")),
            links: links(),
        }
    }

    /// How bubblewrap starts this program.
    pub(crate) fn bwrap(&self, program: &str) -> Option<Program> {
        let base =
            Program::new(self.bwrap.as_ref()?).args(["--unshare-all", "--die-with-parent", "--new-session"]);
        let linked =
            |base: Program, (name, target): &(String, String)| base.args(["--symlink", target, name]);
        let base = self.links.iter().fold(base.args(["--ro-bind", "/usr", "/usr"]), linked);
        let base = base.args(["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]);
        Some(base.args(["--", program]))
    }

    /// How nsjail starts this program. It makes `/proc` and all the namespaces by itself.
    pub(crate) fn nsjail(&self, program: &str) -> Option<Program> {
        let base =
            Program::new(self.nsjail.as_ref()?).args(["--mode", "o", "--really_quiet", "--iface_no_lo"]);
        let linked = |base: Program, (name, target): &(String, String)| {
            base.args(["--symlink".to_owned(), format!("{target}:{name}")])
        };
        let base = self.links.iter().fold(base.args(["--bindmount_ro", "/usr"]), linked);
        let devices = ["null", "zero", "full", "random", "urandom"];
        let base = devices
            .iter()
            .fold(base, |base, name| base.args(["--bindmount".to_owned(), format!("/dev/{name}")]));
        Some(base.args(["--tmpfsmount", "/tmp", "--", program]))
    }
}

fn on_path(path: &OsStr, name: &str) -> Option<PathBuf> {
    std::env::split_paths(path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

fn links() -> Vec<(String, String)> {
    let link = |name: &str| {
        let path = Path::new("/").join(name);
        let target = fs::read_link(&path).ok()?;
        Some((path.to_str()?.to_owned(), target.to_str()?.to_owned()))
    };
    ["bin", "sbin", "lib", "lib32", "lib64", "libx32"].into_iter().filter_map(link).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_is_not_there_is_no_contender() {
        let none = Peers { bwrap: None, nsjail: None, links: Vec::new() };
        assert!(none.bwrap("/bin/true").is_none() && none.nsjail("/bin/true").is_none());
    }

    #[test]
    fn programs_are_found_on_the_path_and_only_there() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("nsjail"), "").unwrap();
        let path = std::env::join_paths([Path::new("/nowhere"), folder.path()]).unwrap();
        assert_eq!(on_path(&path, "nsjail"), Some(folder.path().join("nsjail")));
        assert_eq!(on_path(&path, "bwrap"), None);
    }
}
