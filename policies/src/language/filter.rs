//! A compiled filter: the program the kernel runs at each system call.

use super::machine::{self, Blind, Call, Data};

/// One instruction, laid out as the kernel's `struct sock_filter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Instruction {
    /// What to do.
    pub code: u16,
    /// How many instructions to skip when the test holds.
    pub jt: u8,
    /// How many instructions to skip when it does not.
    pub jf: u8,
    /// The operand.
    pub k: u32,
}

/// A program for `SECCOMP_SET_MODE_FILTER`.
///
/// Calls the policy forbids are handed to the listener (`SECCOMP_RET_USER_NOTIF`), so it must be installed
/// with `SECCOMP_FILTER_FLAG_NEW_LISTENER`: without a listener they fail with ENOSYS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    program: Box<[Instruction]>,
}

/// What a filter decides about a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The call goes through.
    Allow,
    /// The call fails with this errno.
    Errno(u16),
    /// The supervisor is told, and stops the job.
    Notify,
}

/// The longest program the kernel takes, in instructions.
pub(super) const MAX_INSTRUCTIONS: usize = 4096;

const RET_DATA: u32 = 0x0000_FFFF;
const RET_ERRNO: u32 = 0x0005_0000;
const RET_USER_NOTIF: u32 = 0x7FC0_0000;
const RET_ALLOW: u32 = 0x7FFF_0000;

impl Filter {
    /// The program, for the kernel.
    pub fn program(&self) -> &[Instruction] {
        &self.program
    }

    /// What the filter decides, found by running the program as the kernel would; `None` for an answer
    /// no policy gives, which only a damaged program has.
    pub fn decide(&self, call: &Call) -> Option<Decision> {
        self.run(call)
    }

    /// What the filter decides about a call whatever its arguments; `None` when it looks at them.
    pub(super) fn decide_blindly(&self, arch: u32, number: i32) -> Option<Decision> {
        self.run(&Blind { arch, number })
    }

    fn run(&self, data: &impl Data) -> Option<Decision> {
        match machine::run(&self.program, data)? {
            RET_ALLOW => Some(Decision::Allow),
            RET_USER_NOTIF => Some(Decision::Notify),
            value if value & !RET_DATA == RET_ERRNO => {
                u16::try_from(value & RET_DATA).ok().map(Decision::Errno)
            }
            _ => None,
        }
    }

    /// Reads a program as libseccomp writes it: eight bytes an instruction, little-endian on every
    /// architecture we run on. `None` unless the length is right.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (instructions, rest) = bytes.as_chunks::<8>();
        let program = rest.is_empty().then(|| instructions.iter().map(Instruction::from_bytes).collect())?;
        Self::of(program)
    }

    /// `None` unless the kernel takes a program of this length.
    pub(super) fn of(program: Box<[Instruction]>) -> Option<Self> {
        (1..=MAX_INSTRUCTIONS).contains(&program.len()).then_some(Self { program })
    }

    /// The program as [`Filter::from_bytes`] reads it.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.program.iter().flat_map(|instruction| instruction.to_bytes()).collect()
    }
}

impl Instruction {
    fn from_bytes(&[c0, c1, jt, jf, k0, k1, k2, k3]: &[u8; 8]) -> Self {
        Self { code: u16::from_le_bytes([c0, c1]), jt, jf, k: u32::from_le_bytes([k0, k1, k2, k3]) }
    }

    fn to_bytes(self) -> [u8; 8] {
        let [c0, c1] = self.code.to_le_bytes();
        let [k0, k1, k2, k3] = self.k.to_le_bytes();
        [c0, c1, self.jt, self.jf, k0, k1, k2, k3]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_survive_the_round_trip() {
        let bytes =
            [0x20, 0, 0, 0, 4, 0, 0, 0, 0x15, 0, 1, 2, 0x3E, 0, 0, 0xC0, 6, 0, 0, 0, 0, 0, 0xFF, 0x7F];
        let filter = Filter::from_bytes(&bytes).unwrap();
        assert_eq!(filter.program()[1], Instruction { code: 0x15, jt: 1, jf: 2, k: 0xC000_003E });
        assert_eq!(filter.to_bytes(), bytes);
        assert!(Filter::from_bytes(&bytes[..7]).is_none());
        assert!(Filter::from_bytes(&[]).is_none());
        assert!(Filter::from_bytes(&vec![0; 8 * (MAX_INSTRUCTIONS + 1)]).is_none());
    }

    #[test]
    fn instructions_have_the_kernels_layout() {
        assert_eq!(size_of::<Instruction>(), size_of::<libc::sock_filter>());
        assert_eq!(align_of::<Instruction>(), align_of::<libc::sock_filter>());
    }
}
