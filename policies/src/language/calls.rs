//! Names and numbers of system calls, for each architecture Dayfly runs on.

use libseccomp::{ScmpArch, ScmpSyscall};

use super::nearest::hint;

/// An architecture jobs run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arch {
    /// 64-bit x86.
    X86_64,
    /// 64-bit ARM.
    Aarch64,
}

impl Arch {
    /// Every architecture.
    pub const ALL: [Self; 2] = [Self::X86_64, Self::Aarch64];

    /// The one this program was built for.
    #[cfg(target_arch = "x86_64")]
    pub const NATIVE: Self = Self::X86_64;
    /// The one this program was built for.
    #[cfg(target_arch = "aarch64")]
    pub const NATIVE: Self = Self::Aarch64;

    /// The one with the name Rust gives it: `x86_64`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|arch| arch.name() == name)
    }

    /// The name Rust gives it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// How the kernel tells it to a filter (`AUDIT_ARCH_*`).
    pub const fn audit(self) -> u32 {
        match self {
            Self::X86_64 => 0xC000_003E,
            Self::Aarch64 => 0xC000_00B7,
        }
    }

    pub(super) const fn library(self) -> ScmpArch {
        match self {
            Self::X86_64 => ScmpArch::X8664,
            Self::Aarch64 => ScmpArch::Aarch64,
        }
    }
}

/// Calls newer than the oldest libseccomp we build with; they have one number on every architecture.
const RECENT: [(&str, i32); 19] = [
    ("cachestat", 451),
    ("fchmodat2", 452),
    ("map_shadow_stack", 453),
    ("futex_wake", 454),
    ("futex_wait", 455),
    ("futex_requeue", 456),
    ("statmount", 457),
    ("listmount", 458),
    ("lsm_get_self_attr", 459),
    ("lsm_set_self_attr", 460),
    ("lsm_list_modules", 461),
    ("mseal", 462),
    ("setxattrat", 463),
    ("getxattrat", 464),
    ("listxattrat", 465),
    ("removexattrat", 466),
    ("open_tree_attr", 467),
    ("file_getattr", 468),
    ("file_setattr", 469),
];

/// Bit 30 of a number marks a call of the x32 ABI, which x86-64 kernels may still serve.
const X32_BIT: i32 = 0x4000_0000;

/// One more than the highest number of a call; far above what kernels have today.
pub(super) const NUMBERS: i32 = 1024;

/// What a name stands for on one architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    /// A call with this number.
    Is(i32),
    /// A call that other architectures have and this one has not.
    Elsewhere,
    /// No architecture knows the name.
    Unknown,
}

/// Looks a name up.
pub(super) fn number(name: &str, arch: Arch) -> Number {
    if let Some((_, number)) = RECENT.iter().find(|(recent, _)| *recent == name) {
        return Number::Is(*number);
    }
    match ScmpSyscall::from_name_by_arch(name, arch.library()).map(i32::from) {
        Ok(number) if number >= 0 => Number::Is(number),
        Ok(_) => Number::Elsewhere,
        Err(_) => Number::Unknown,
    }
}

/// The number of a call on the native architecture, where that has it.
pub fn syscall_number(name: &str) -> Option<i32> {
    match number(name, Arch::NATIVE) {
        Number::Is(number) => Some(number),
        Number::Elsewhere | Number::Unknown => None,
    }
}

/// Whether any architecture has a call of this name.
pub(crate) fn is_call(name: &str) -> bool {
    number(name, Arch::NATIVE) != Number::Unknown
}

/// `; did you mean 'openat'?` for a name that is nearly that of a call.
pub(crate) fn suggestion(name: &str) -> String {
    let names: Vec<String> =
        (0..NUMBERS).filter_map(|number| known_name(number, Arch::NATIVE.library())).collect();
    hint(name, names.iter().map(String::as_str))
}

/// The name of a call as the kernel reports it: `ptrace`, `i386 open`, or `syscall 999`.
///
/// `arch` is an `AUDIT_ARCH_*` value. Architectures other than the native one are named first.
pub fn syscall_name(arch: u32, number: i32) -> String {
    let (arch, number, prefix) = match arch {
        0x4000_0003 => (Some(ScmpArch::X86), number, "i386 "),
        0x4000_0028 => (Some(ScmpArch::Arm), number, "arm "),
        0xC000_003E if number & X32_BIT != 0 && number > 0 => {
            (Some(ScmpArch::X8664), number ^ X32_BIT, "x32 ")
        }
        _ => match Arch::ALL.into_iter().find(|known| known.audit() == arch) {
            Some(Arch::NATIVE) => (Some(Arch::NATIVE.library()), number, ""),
            Some(other) => (Some(other.library()), number, other.prefix()),
            None => return format!("architecture {arch:#x} syscall {number}"),
        },
    };
    let name = arch.and_then(|arch| known_name(number, arch));
    format!("{prefix}{}", name.unwrap_or_else(|| format!("syscall {number}")))
}

impl Arch {
    const fn prefix(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64 ",
            Self::Aarch64 => "aarch64 ",
        }
    }
}

fn known_name(number: i32, arch: ScmpArch) -> Option<String> {
    ScmpSyscall::from(number)
        .get_name_by_arch(arch)
        .ok()
        .or_else(|| RECENT.iter().find(|(_, recent)| *recent == number).map(|(name, _)| (*name).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_their_numbers() {
        for (name, x86_64, aarch64) in [
            ("open", Number::Is(2), Number::Elsewhere),
            ("openat", Number::Is(257), Number::Is(56)),
            ("clone3", Number::Is(435), Number::Is(435)),
            ("mseal", Number::Is(462), Number::Is(462)),
            ("socketcall", Number::Elsewhere, Number::Elsewhere),
            ("opneat", Number::Unknown, Number::Unknown),
            ("", Number::Unknown, Number::Unknown),
            ("op\0en", Number::Unknown, Number::Unknown),
        ] {
            assert_eq!(number(name, Arch::X86_64), x86_64, "{name}");
            assert_eq!(number(name, Arch::Aarch64), aarch64, "{name}");
        }
    }

    #[test]
    fn the_library_agrees_where_it_knows_a_recent_call() {
        for (name, number) in RECENT {
            if let Ok(known) = ScmpSyscall::from_name_by_arch(name, ScmpArch::X8664) {
                assert_eq!(i32::from(known), number, "{name}");
            }
        }
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn calls_are_reported_by_name() {
        for (arch, number, name) in [
            (0xC000_003E, 101, "ptrace"),
            (0xC000_003E, 462, "mseal"),
            (0xC000_003E, 999, "syscall 999"),
            (0xC000_003E, -1, "syscall -1"),
            (0xC000_003E, 0x4000_0065, "x32 ptrace"),
            (0x4000_0003, 5, "i386 open"),
            (0x4000_0003, 9999, "i386 syscall 9999"),
            (0xC000_00B7, 117, "aarch64 ptrace"),
            (0x1234, 5, "architecture 0x1234 syscall 5"),
        ] {
            assert_eq!(syscall_name(arch, number), name);
        }
    }
}
