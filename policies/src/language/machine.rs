//! A machine for filter programs, as the kernel's: it lets us see what a filter decides without a process.

use std::ops::ControlFlow;

use super::filter::Instruction;
use super::op;

/// A system call as a filter sees it (`struct seccomp_data`, without the instruction pointer).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// The architecture (`AUDIT_ARCH_*`).
    pub arch: u32,
    /// The call's number.
    pub number: i32,
    /// Its arguments.
    pub arguments: [u64; 6],
}

/// What a program can load.
pub(super) trait Data {
    /// The 32-bit word at `offset` of `struct seccomp_data`; `None` where there is none to be had.
    fn word(&self, offset: u32) -> Option<u32>;
}

/// A call of which the arguments are not told: a program that asks for one has no answer.
pub(super) struct Blind {
    pub(super) arch: u32,
    pub(super) number: i32,
}

impl Data for Blind {
    fn word(&self, offset: u32) -> Option<u32> {
        match offset {
            0 => Some(self.number.cast_unsigned()),
            4 => Some(self.arch),
            _ => None,
        }
    }
}

impl Data for Call {
    /// Little-endian as on all our architectures.
    fn word(&self, offset: u32) -> Option<u32> {
        match offset {
            0 => Some(self.number.cast_unsigned()),
            4 => Some(self.arch),
            8 | 12 => Some(0),
            _ => {
                let (argument, byte) = (offset.checked_sub(16)? / 8, offset % 8);
                let value = *self.arguments.get(usize::try_from(argument).ok()?)?;
                match byte {
                    0 => u32::try_from(value & 0xFFFF_FFFF).ok(),
                    4 => u32::try_from(value >> 32).ok(),
                    _ => None,
                }
            }
        }
    }
}

/// Runs a program to its return value; `None` when it is not a valid program for filters. Ends always:
/// jumps go forward only.
pub(super) fn run(program: &[Instruction], call: &impl Data) -> Option<u32> {
    let mut machine = Machine::default();
    loop {
        if let ControlFlow::Break(value) = machine.step(program, call)? {
            return Some(value);
        }
    }
}

/// Where a program is, and the word that it loaded last.
#[derive(Default)]
struct Machine {
    at: usize,
    accumulator: u32,
}

impl Machine {
    /// Does one instruction, up to the one that returns.
    fn step(&mut self, program: &[Instruction], call: &impl Data) -> Option<ControlFlow<u32>> {
        let instruction = *program.get(self.at)?;
        let k = instruction.k;
        self.at += 1;
        let holds = match instruction.code {
            op::RETURN => return Some(ControlFlow::Break(k)),
            op::LOAD => {
                self.accumulator = call.word(k)?;
                return Some(ControlFlow::Continue(()));
            }
            op::AND => {
                self.accumulator &= k;
                return Some(ControlFlow::Continue(()));
            }
            op::JUMP => {
                self.at = self.at.checked_add(usize::try_from(k).ok()?)?;
                return Some(ControlFlow::Continue(()));
            }
            op::JUMP_EQUAL => self.accumulator == k,
            op::JUMP_GREATER => self.accumulator > k,
            op::JUMP_GREATER_OR_EQUAL => self.accumulator >= k,
            op::JUMP_BITS => self.accumulator & k != 0,
            _ => return None,
        };
        self.at += usize::from(if holds { instruction.jt } else { instruction.jf });
        Some(ControlFlow::Continue(()))
    }
}

/// How many instructions a program does for a call.
#[cfg(test)]
pub(super) fn path(program: &[Instruction], call: &impl Data) -> Option<usize> {
    let mut machine = Machine::default();
    for done in 1.. {
        if machine.step(program, call)?.is_break() {
            return Some(done);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: Call =
        Call { arch: 0xC000_003E, number: -1, arguments: [0x1_0000_0002, 0, 0, 0, 0, 0xFFFF_FFFF_0000_0007] };

    fn step(code: u16, jt: u8, jf: u8, k: u32) -> Instruction {
        Instruction { code, jt, jf, k }
    }

    #[test]
    fn words_are_found_by_offset() {
        for (offset, word) in [
            (0, Some(u32::MAX)),
            (4, Some(0xC000_003E)),
            (8, Some(0)),
            (16, Some(2)),
            (20, Some(1)),
            (56, Some(7)),
            (60, Some(u32::MAX)),
            (64, None),
            (17, None),
        ] {
            assert_eq!(CALL.word(offset), word, "{offset}");
        }
    }

    #[test]
    fn tests_jump_both_ways() {
        for (code, k, holds) in [
            (op::JUMP_EQUAL, 2, true),
            (op::JUMP_EQUAL, 3, false),
            (op::JUMP_GREATER, 1, true),
            (op::JUMP_GREATER, 2, false),
            (op::JUMP_GREATER_OR_EQUAL, 2, true),
            (op::JUMP_GREATER_OR_EQUAL, 3, false),
            (op::JUMP_BITS, 6, true),
            (op::JUMP_BITS, 5, false),
        ] {
            let program = [
                step(op::LOAD, 0, 0, 16),
                step(code, 1, 0, k),
                step(op::RETURN, 0, 0, 0),
                step(op::RETURN, 0, 0, 1),
            ];
            assert_eq!(run(&program, &CALL), Some(u32::from(holds)), "{code:#x} {k}");
        }
    }

    #[test]
    fn a_blind_call_has_no_arguments() {
        let blind = Blind { arch: CALL.arch, number: CALL.number };
        for (offset, answer) in [(0, Some(7)), (4, Some(7)), (16, None), (60, None)] {
            let program = [step(op::LOAD, 0, 0, offset), step(op::RETURN, 0, 0, 7)];
            assert_eq!(run(&program, &blind), answer, "{offset}");
        }
    }

    #[test]
    fn masks_and_long_jumps_work() {
        let program = [
            step(op::LOAD, 0, 0, 60),
            step(op::AND, 0, 0, 0xF0),
            step(op::JUMP, 0, 0, 1),
            step(op::RETURN, 0, 0, 0),
            step(op::JUMP_EQUAL, 1, 0, 0xF0),
            step(op::RETURN, 0, 0, 1),
            step(op::RETURN, 0, 0, 2),
        ];
        assert_eq!(run(&program, &CALL), Some(2));
    }

    #[test]
    fn broken_programs_have_no_answer() {
        for program in [
            vec![],
            vec![step(op::LOAD, 0, 0, 0)],
            vec![step(op::JUMP, 0, 0, u32::MAX), step(op::RETURN, 0, 0, 0)],
            vec![step(0xFFFF, 0, 0, 0)],
            vec![step(op::LOAD, 0, 0, 3), step(op::RETURN, 0, 0, 0)],
        ] {
            assert_eq!(run(&program, &CALL), None, "{program:?}");
        }
    }
}
