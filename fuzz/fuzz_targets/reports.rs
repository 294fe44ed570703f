//! Limits and outcomes as JSON: whatever is accepted is written again as the same value.
#![no_main]

use dayfly_jobs::{HostReport, Limits, Outcome};
use libfuzzer_sys::fuzz_target;
use serde::{Serialize, de::DeserializeOwned};

fuzz_target!(|json: &[u8]| {
    there_and_back::<Limits>(json);
    there_and_back::<Outcome>(json);
    there_and_back::<HostReport>(json);
});

fn there_and_back<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(json: &[u8]) {
    let Ok(value) = serde_json::from_slice::<T>(json) else { return };
    let written = serde_json::to_vec(&value).unwrap();
    assert_eq!(serde_json::from_slice::<T>(&written).unwrap(), value);
}
