//! Compiled filters: a damaged program is read back byte for byte, and running it ends, with or without an answer.
#![no_main]

use dayfly_policies::{Call, Filter};
use libfuzzer_sys::{arbitrary, fuzz_target};

#[derive(Debug, arbitrary::Arbitrary)]
struct Input {
    program: Vec<[u8; 8]>,
    arch: u32,
    number: i32,
    arguments: [u64; 6],
}

fuzz_target!(|input: Input| {
    let bytes = input.program.concat();
    let Some(filter) = Filter::from_bytes(&bytes) else { return };
    assert_eq!(filter.to_bytes(), bytes);
    let Input { arch, number, arguments, .. } = input;
    filter.decide(&Call { arch, number, arguments });
});
