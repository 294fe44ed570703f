//! What a user types after an option of `dayfly run`: no bytes, UTF-8 or not, may panic, and what is accepted
//! is what its type promises.
#![no_main]

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use libfuzzer_sys::fuzz_target;

#[path = "../../cli/src/values.rs"]
#[expect(dead_code, reason = "a part of the program's source, of which this target uses a part")]
mod values;

fuzz_target!(|bytes: &[u8]| {
    let text = || OsString::from_vec(bytes.to_vec());
    if let Ok(variable) = values::env_var(text()) {
        let debug = format!("{variable:?}");
        assert!(!debug.is_empty());
    }
    if let Ok(path) = values::inside_path(text().as_ref()) {
        assert!(path.is_absolute() && !path.as_os_str().as_bytes().contains(&0));
    }
    for accepted in [
        values::bind(text()).is_ok(),
        values::policy_ref(text()).is_ok(),
        values::root(text()).is_ok(),
    ] {
        assert!(!accepted || !bytes.is_empty());
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let number: Result<u32, _> = values::count(text);
        assert!(number.is_err() || text.bytes().any(|byte| byte.is_ascii_digit()));
    }
});
