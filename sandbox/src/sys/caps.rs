//! Giving up every capability, in all five sets, for good.

use nix::errno::Errno;

use super::syscall;

/// Header of `capset`, version 3.
#[repr(C)]
struct Header {
    version: u32,
    pid: libc::c_int,
}

/// One half of the three sets that `capset` takes.
#[repr(C)]
#[derive(Clone, Copy)]
struct Data {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

const VERSION_3: u32 = 0x2008_0522;

/// Every securebit that makes user id 0 or a set-user-id program special, set and locked.
const SECUREBITS: libc::c_ulong = 0b1110_1111;

/// Empties the bounding and the ambient set and makes user id 0 mean nothing. Needs `CAP_SETPCAP`, so it
/// comes before [`clear`].
pub(crate) fn forbid_regaining() -> nix::Result<()> {
    for capability in 0..64 {
        match prctl(libc::PR_CAPBSET_DROP, capability) {
            // The first number the kernel does not know ends the list.
            Err(Errno::EINVAL) => break,
            other => other?,
        }
    }
    prctl(libc::PR_CAP_AMBIENT, libc::c_ulong::from(libc::PR_CAP_AMBIENT_CLEAR_ALL.unsigned_abs()))?;
    prctl(libc::PR_SET_SECUREBITS, SECUREBITS)
}

/// Empties the effective, permitted and inheritable sets.
pub(crate) fn clear() -> nix::Result<()> {
    let header = Header { version: VERSION_3, pid: 0 };
    let none = [Data { effective: 0, permitted: 0, inheritable: 0 }; 2];
    // SAFETY: both pointers are to complete structures of the layout that version 3 prescribes.
    unsafe { syscall!(libc::SYS_capset, &raw const header, none.as_ptr()) }.map(drop)
}

/// `prctl` with one integer argument and the rest zero.
pub(super) fn prctl(option: libc::c_int, argument: libc::c_ulong) -> nix::Result<()> {
    let zero: libc::c_ulong = 0;
    // SAFETY: the options used in this crate take integers only.
    Errno::result(unsafe { libc::prctl(option, argument, zero, zero, zero) }).map(drop)
}
