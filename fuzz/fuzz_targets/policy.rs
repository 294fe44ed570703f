//! Policy files: no text may panic the loader, and one that it accepts has a filter that does what its rules say.
#![no_main]

use dayfly_policies::{Policy, PolicyError};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match Policy::parse(text, "fuzz") {
        Ok(policy) => {
            assert!(!policy.filter().program().is_empty());
            assert!(policy.rules().is_ok() && policy.show().is_ok());
        }
        Err(error @ PolicyError::Unfaithful { .. }) => panic!("the compiler is wrong about {text:?}: {error}"),
        Err(error) => assert!(!error.to_string().is_empty(), "an error that says nothing: {text:?}"),
    }
});
