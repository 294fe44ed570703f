//! The classic BPF operations that filters are made of, and no others.

/// Loads the word at an offset into the accumulator.
pub(super) const LOAD: u16 = 0x20;
pub(super) const AND: u16 = 0x54;
/// Skips as many instructions as the operand says; tests skip at most 255.
pub(super) const JUMP: u16 = 0x05;
pub(super) const JUMP_EQUAL: u16 = 0x15;
pub(super) const JUMP_GREATER: u16 = 0x25;
pub(super) const JUMP_GREATER_OR_EQUAL: u16 = 0x35;
/// Whether any bit of the operand is set.
pub(super) const JUMP_BITS: u16 = 0x45;
pub(super) const RETURN: u16 = 0x06;
