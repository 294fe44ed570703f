//! Reading what the kernel tells in files. A file that is not there is `None`, never a default.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The files of a host below a root, which tests put elsewhere.
#[derive(Debug, Clone)]
pub(super) struct HostFiles {
    root: PathBuf,
}

impl HostFiles {
    pub(super) fn below(root: impl AsRef<Path>) -> Self {
        Self { root: root.as_ref().to_owned() }
    }

    /// The whole text without the white space around it.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.path(path)).ok().map(|text| text.trim().to_owned())
    }

    /// A number that is alone in its file.
    pub(super) fn number<N: FromStr>(&self, path: &str) -> Option<N> {
        self.text(path)?.parse().ok()
    }

    /// A switch: 0 is off, every other number is on.
    pub(super) fn switch(&self, path: &str) -> Option<bool> {
        self.number::<i64>(path).map(|value| value != 0)
    }

    pub(super) fn exists(&self, path: &str) -> bool {
        self.path(path).exists()
    }

    /// Names in a folder, sorted; none when it is not there.
    pub(super) fn names(&self, path: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(path)).into_iter().flatten().flatten();
        let mut names: Vec<_> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort_unstable();
        names
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::fs;

    use super::HostFiles;

    /// A host that has exactly these files.
    pub(in crate::host) fn host_with(files: &[(&str, &str)]) -> (tempfile::TempDir, HostFiles) {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path.trim_start_matches('/'));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let host = HostFiles::below(folder.path());
        (folder, host)
    }

    #[test]
    fn files_are_read_or_absent() {
        let (_folder, host) = host_with(&[("/proc/a", "7\n"), ("/proc/b", "x"), ("/proc/c", "0\n")]);
        assert_eq!(host.text("/proc/a").as_deref(), Some("7"));
        assert_eq!(host.number::<u64>("/proc/a"), Some(7));
        assert_eq!(host.number::<u64>("/proc/b"), None);
        assert_eq!(host.switch("/proc/c"), Some(false));
        assert_eq!(host.switch("/proc/d"), None);
        assert_eq!(host.names("/proc"), ["a", "b", "c"]);
        assert!(host.names("/sys").is_empty() && !host.exists("/sys"));
    }
}
