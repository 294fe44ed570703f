//! Quantities and limits from the command line: no text may panic, and what is printed is read back as it was.
#![no_main]

use std::fmt::{Debug, Display};
use std::str::FromStr;

use dayfly_jobs::{Bytes, CpuTime, Cpus, Limit, WallTime};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    there_and_back::<Bytes>(text);
    there_and_back::<CpuTime>(text);
    there_and_back::<WallTime>(text);
    there_and_back::<Cpus>(text);
    there_and_back::<Limit>(text);
});

fn there_and_back<T: FromStr + Display + PartialEq + Debug>(text: &str)
where
    T::Err: Display + Debug + PartialEq,
{
    match text.parse::<T>() {
        Ok(value) => assert_eq!(value.to_string().parse::<T>().as_ref(), Ok(&value), "{text:?}"),
        Err(error) => assert!(!error.to_string().is_empty(), "an error that says nothing: {text:?}"),
    }
}
