//! A command in the form its process receives it: one memfd, written by the supervisor, read between clone
//! and exec without allocating.
//!
//! Layout: a [`Head`], then C strings one after another: bytes and inodes of the writable tree as decimal
//! text, the working folder, the paths to try, the arguments, the environment.

use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::io::Write;
use std::num::NonZeroUsize;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::ptr::NonNull;

use nix::errno::Errno;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, mmap_anonymous};
use nix::sys::stat::fstat;

use crate::error::errno_of;
use crate::{Command, SandboxError};

/// Where a program without a slash is looked for when the command's environment has no `PATH`.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The fixed part.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    programs: u64,
    args: u64,
    envs: u64,
    /// Values of the rlimits that come from the command.
    pub open_files: u64,
    pub stack: u64,
    pub file_size: u64,
}

const HEAD_LEN: usize = size_of::<Head>();

/// Writes a command down for its process.
pub(crate) fn write(command: &Command) -> Result<OwnedFd, SandboxError> {
    let programs = candidates(command)?;
    let limits = &command.limits;
    let head = Head {
        programs: programs.len() as u64,
        args: command.args.len() as u64 + 1,
        envs: command.env.len() as u64,
        open_files: u64::from(limits.open_files.get()),
        stack: limits.stack.get(),
        file_size: limits.file_size.get(),
    };
    let mut bytes = Vec::with_capacity(4096);
    for word in [head.programs, head.args, head.envs, head.open_files, head.stack, head.file_size] {
        bytes.extend(word.to_ne_bytes());
    }
    let mut put = |what, parts: &[&[u8]]| append(&mut bytes, what, parts);
    put("disk limit", &[limits.disk.get().to_string().as_bytes()])?;
    put("inode limit", &[limits.inodes.to_string().as_bytes()])?;
    let workdir =
        command.workdir.as_deref().map_or(OsStr::new(super::root::WORKSPACE), |dir| dir.as_os_str());
    put("working folder", &[workdir.as_bytes()])?;
    for program in &programs {
        put("program", &[program.as_bytes()])?;
    }
    put("program", &[command.program.as_bytes()])?;
    for arg in &command.args {
        put("argument", &[arg.as_bytes()])?;
    }
    for (key, value) in &command.env {
        if key.is_empty() || key.as_bytes().contains(&b'=') {
            return Err(SandboxError::BadCommand { what: "environment key" });
        }
        put("environment", &[key.as_bytes(), b"=", value.as_bytes()])?;
    }
    into_memfd(&bytes)
}

fn append(bytes: &mut Vec<u8>, what: &'static str, parts: &[&[u8]]) -> Result<(), SandboxError> {
    for part in parts {
        if part.contains(&0) {
            return Err(SandboxError::BadCommand { what });
        }
        bytes.extend_from_slice(part);
    }
    bytes.push(0);
    Ok(())
}

fn into_memfd(bytes: &[u8]) -> Result<OwnedFd, SandboxError> {
    let memfd = memfd_create(c"dayfly-order", MFdFlags::MFD_CLOEXEC)
        .map_err(|errno| SandboxError::system("make a memfd", errno))?;
    let mut file = File::from(memfd);
    file.write_all(bytes)
        .map_err(|error| SandboxError::system("write the command down", errno_of(&error)))?;
    Ok(file.into())
}

/// The paths to try to execute, in order.
fn candidates(command: &Command) -> Result<Vec<CString>, SandboxError> {
    let program = command.program.as_bytes();
    if program.is_empty() {
        return Err(SandboxError::BadCommand { what: "program" });
    }
    let bad = |_| SandboxError::BadCommand { what: "program" };
    if program.contains(&b'/') {
        return Ok(vec![CString::new(program).map_err(bad)?]);
    }
    let path = command.env.iter().find(|(key, _)| key == "PATH").map(|(_, value)| value.clone());
    let path = path.unwrap_or_else(|| DEFAULT_PATH.into()).into_vec();
    path.split(|byte| *byte == b':')
        .map(|dir| if dir.is_empty() { b"." } else { dir })
        .map(|dir| CString::new([dir, b"/", program].concat()).map_err(bad))
        .collect()
}

/// A received command, in memory that lives until exec.
pub(crate) struct Order {
    pub head: Head,
    pub disk: &'static CStr,
    pub inodes: &'static CStr,
    pub workdir: &'static CStr,
    pub programs: Strings,
    /// Null-terminated.
    pub argv: *const *const libc::c_char,
    /// Null-terminated.
    pub envp: *const *const libc::c_char,
}

/// C strings one after another in mapped memory.
#[derive(Clone, Copy)]
pub(crate) struct Strings {
    rest: &'static [u8],
    count: u64,
}

impl Iterator for Strings {
    type Item = &'static CStr;

    fn next(&mut self) -> Option<&'static CStr> {
        self.count = self.count.checked_sub(1)?;
        let string = CStr::from_bytes_until_nul(self.rest).ok()?;
        self.rest = self.rest.get(string.to_bytes_with_nul().len()..)?;
        Some(string)
    }
}

/// Maps a command and builds its pointer arrays. Runs in the command's process: no allocation.
pub(crate) fn read(memfd: BorrowedFd<'_>) -> nix::Result<Order> {
    let bytes = map(memfd)?;
    let mut words = bytes.get(..HEAD_LEN).ok_or(Errno::EBADMSG)?.chunks_exact(8);
    let mut word = || words.next().and_then(|chunk| chunk.try_into().ok()).map(u64::from_ne_bytes);
    let mut next = || word().ok_or(Errno::EBADMSG);
    let head = Head {
        programs: next()?,
        args: next()?,
        envs: next()?,
        open_files: next()?,
        stack: next()?,
        file_size: next()?,
    };
    let mut strings = Strings { rest: bytes.get(HEAD_LEN..).ok_or(Errno::EBADMSG)?, count: u64::MAX };
    let disk = strings.next().ok_or(Errno::EBADMSG)?;
    let inodes = strings.next().ok_or(Errno::EBADMSG)?;
    let workdir = strings.next().ok_or(Errno::EBADMSG)?;
    let programs = Strings { count: head.programs, ..strings };
    for _ in 0..head.programs {
        strings.next().ok_or(Errno::EBADMSG)?;
    }
    let argv = pointers(&mut strings, head.args)?;
    let envp = pointers(&mut strings, head.envs)?;
    Ok(Order { head, disk, inodes, workdir, programs, argv, envp })
}

fn map(memfd: BorrowedFd<'_>) -> nix::Result<&'static [u8]> {
    let len = usize::try_from(fstat(memfd)?.st_size).map_err(|_| Errno::EBADMSG)?;
    let size = NonZeroUsize::new(len).ok_or(Errno::EBADMSG)?;
    // SAFETY: a fresh private mapping overlaps nothing, and the supervisor writes to the memfd no more.
    let start = unsafe { mmap(None, size, ProtFlags::PROT_READ, MapFlags::MAP_PRIVATE, memfd, 0) }?;
    // SAFETY: the mapping is `len` readable bytes and is never unmapped; exec ends it with the process image.
    Ok(unsafe { std::slice::from_raw_parts(start.as_ptr().cast(), len) })
}

/// A null-terminated array of pointers to the next `count` strings.
fn pointers(strings: &mut Strings, count: u64) -> nix::Result<*const *const libc::c_char> {
    let count = usize::try_from(count).map_err(|_| Errno::E2BIG)?;
    let size = count.checked_add(1).and_then(|slots| slots.checked_mul(size_of::<usize>()));
    let size = size.and_then(NonZeroUsize::new).ok_or(Errno::E2BIG)?;
    let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: a fresh anonymous mapping overlaps nothing. It is zeroed, so the array ends with a null.
    let start = unsafe { mmap_anonymous(None, size, protection, MapFlags::MAP_PRIVATE) }?;
    let array: NonNull<*const libc::c_char> = start.cast();
    for i in 0..count {
        let string = strings.next().ok_or(Errno::EBADMSG)?;
        // SAFETY: the mapping has room for `count + 1` pointers and `i` is below `count`.
        let slot = unsafe { array.add(i) };
        // SAFETY: `slot` is inside the mapping, aligned because the mapping is, and nobody else's.
        unsafe { slot.write(string.as_ptr()) };
    }
    Ok(array.as_ptr().cast_const().cast())
}
