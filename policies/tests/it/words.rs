//! The words of the decision tables: what four policies want of a call.

use dayfly_policies::{Arch, Call, Catalog, Decision, Policy, syscall_number};

pub(crate) const POLICIES: [&str; 4] = ["strict", "compile", "interpreted", "ci"];

/// What a table expects of a call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Want {
    Allow,
    Errno(u16),
    Stop,
}

pub(crate) use Want::{Allow, Errno, Stop};

pub(crate) const EPERM: Want = Errno(1);
pub(crate) const EACCES: Want = Errno(13);
pub(crate) const EINVAL: Want = Errno(22);
pub(crate) const ENOSYS: Want = Errno(38);
pub(crate) const ENOPROTOOPT: Want = Errno(92);
pub(crate) const EOPNOTSUPP: Want = Errno(95);
pub(crate) const EAFNOSUPPORT: Want = Errno(97);

fn number(name: &str) -> i32 {
    syscall_number(name).unwrap_or_else(|| panic!("no call {name}"))
}

pub(crate) fn decide(policy: &Policy, arch: u32, number: i32, arguments: &[u64]) -> Want {
    let mut all = [0; 6];
    all[..arguments.len()].copy_from_slice(arguments);
    match policy.filter().decide(&Call { arch, number, arguments: all }) {
        Some(Decision::Allow) => Allow,
        Some(Decision::Errno(errno)) => Errno(errno),
        Some(Decision::Notify) => Stop,
        None => panic!("{}: the filter has no answer for {number}", policy.name()),
    }
}

pub(crate) fn check(name: &str, arguments: &[u64], wants: [Want; 4]) {
    for (policy, want) in POLICIES.into_iter().zip(wants) {
        let policy = Catalog::builtin().get(policy).unwrap();
        let found = decide(&policy, Arch::NATIVE.audit(), number(name), arguments);
        assert_eq!(found, want, "{} {name} {arguments:x?}", policy.name());
    }
}

/// One row: the call, its arguments, and what strict, compile, interpreted and ci decide.
pub(crate) type Row<'a> = (&'a str, &'a [u64], [Want; 4]);

pub(crate) fn check_all(rows: &[Row<'_>]) {
    for (name, arguments, wants) in rows {
        check(name, arguments, *wants);
    }
}

pub(crate) const ALLOW: [Want; 4] = [Allow; 4];
/// Stops graded programs; a pipeline's tools are told no.
pub(crate) const INTRUSION: [Want; 4] = [Stop, Stop, Stop, EPERM];
/// High bits that a 64-bit comparison would be fooled by.
pub(crate) const HIGH: u64 = 0xDEAD_BEEF_0000_0000;
