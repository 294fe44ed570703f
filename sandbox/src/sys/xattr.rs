//! Extended attributes.

use std::ffi::CStr;
use std::path::Path;

use nix::NixPath;
use nix::errno::Errno;

/// Whether the file at `path` has the attribute `name` with exactly this value.
///
/// # Errors
/// The file is not there or not readable. A missing attribute is `Ok(false)`.
pub(crate) fn is(path: &Path, name: &CStr, value: &[u8]) -> Result<bool, Errno> {
    let mut held = [0_u8; 64];
    let length = path.with_nix_path(|path| {
        // SAFETY: both names end in NUL, and the kernel writes at most `held.len()` bytes to `held`.
        unsafe { libc::getxattr(path.as_ptr(), name.as_ptr(), held.as_mut_ptr().cast(), held.len()) }
    })?;
    match Errno::result(length) {
        Ok(length) => Ok(usize::try_from(length).is_ok_and(|length| held.get(..length) == Some(value))),
        Err(Errno::ENODATA | Errno::EOPNOTSUPP | Errno::ERANGE) => Ok(false),
        Err(errno) => Err(errno),
    }
}
