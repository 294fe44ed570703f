//! Keys under which a call counts once, however often it is made.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::error::CliError;

/// 128 random bits.
pub(crate) fn random_key() -> Result<String, CliError> {
    let source = Path::new("/dev/urandom");
    let mut bytes = [0; 16];
    let read = File::open(source).and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(|error| CliError::path("read", source, error))?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}
