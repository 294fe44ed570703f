//! Job files: no text may panic the reader, an error says something, and a job that was accepted and printed is read
//! as the same job.
#![no_main]

use dayfly_jobs::{Format, JobSpec};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for format in [Format::Yaml, Format::Json, Format::Toml] {
        match JobSpec::parse(text, format) {
            Ok(job) => assert_eq!(JobSpec::parse(&job.to_json(), Format::Json), Ok(job)),
            Err(error) => assert!(!error.what.is_empty(), "an error that says nothing: {text:?}"),
        }
    }
});
