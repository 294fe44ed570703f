//! How this host is set: kernel switches that strengthen or weaken a jail.

use super::files::HostFiles;

/// Kernel switches; `None` where this kernel does not have the switch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// `user.max_user_namespaces`.
    pub max_user_namespaces: Option<u64>,
    /// Debian's `kernel.unprivileged_userns_clone`.
    pub unprivileged_userns: Option<bool>,
    /// Ubuntu's `kernel.apparmor_restrict_unprivileged_userns`.
    pub apparmor_restricts_userns: Option<bool>,
    /// `kernel.core_pattern`.
    pub core_pattern: Option<String>,
    /// `fs.protected_hardlinks`.
    pub protected_hardlinks: Option<bool>,
    /// `fs.protected_symlinks`.
    pub protected_symlinks: Option<bool>,
    /// `dev.tty.legacy_tiocsti`: programs may type into their terminal.
    pub legacy_tiocsti: Option<bool>,
    /// `kernel.yama.ptrace_scope`.
    pub ptrace_scope: Option<u8>,
    /// `kernel.unprivileged_bpf_disabled`.
    pub unprivileged_bpf_disabled: Option<bool>,
}

impl Settings {
    pub(super) fn read(files: &HostFiles) -> Self {
        let switch = |name: &str| files.switch(&format!("/proc/sys/{name}"));
        Self {
            max_user_namespaces: files.number("/proc/sys/user/max_user_namespaces"),
            unprivileged_userns: switch("kernel/unprivileged_userns_clone"),
            apparmor_restricts_userns: switch("kernel/apparmor_restrict_unprivileged_userns"),
            core_pattern: files.text("/proc/sys/kernel/core_pattern"),
            protected_hardlinks: switch("fs/protected_hardlinks"),
            protected_symlinks: switch("fs/protected_symlinks"),
            legacy_tiocsti: switch("dev/tty/legacy_tiocsti"),
            ptrace_scope: files.number("/proc/sys/kernel/yama/ptrace_scope"),
            unprivileged_bpf_disabled: switch("kernel/unprivileged_bpf_disabled"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::files::tests::host_with;

    #[test]
    fn switches_are_read() {
        let (_folder, host) = host_with(&[
            ("/proc/sys/kernel/core_pattern", "|/usr/share/apport/apport -p%p\n"),
            ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n"),
            ("/proc/sys/kernel/unprivileged_bpf_disabled", "2\n"),
            ("/proc/sys/fs/protected_hardlinks", "0\n"),
            ("/proc/sys/user/max_user_namespaces", "96000\n"),
        ]);
        assert_eq!(
            Settings::read(&host),
            Settings {
                core_pattern: Some("|/usr/share/apport/apport -p%p".into()),
                apparmor_restricts_userns: Some(true),
                unprivileged_bpf_disabled: Some(true),
                protected_hardlinks: Some(false),
                max_user_namespaces: Some(96_000),
                ..Settings::default()
            }
        );
    }
}
