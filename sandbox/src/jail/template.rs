//! A process that makes the processes of jails in the supervisor's place.
//!
//! A clone of a process costs what that process has: its page tables are copied, and then each of its threads
//! pays for every page that it writes for the first time. A worker does that three times for each job, with all
//! of its memory. So a pool has a template: one copy of the supervisor that knows the shape, has one thread,
//! touches next to nothing, and is cloned instead. What it makes are children of the supervisor
//! (`CLONE_PARENT`), as if the supervisor had made them.
//!
//! It is a copy made by `clone3`, so the half that runs in it neither allocates, locks, logs nor panics. It ends
//! with its socket.

use std::num::NonZeroUsize;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::atomic::AtomicI32;
use std::sync::{Arc, Mutex, PoisonError};

use nix::errno::Errno;

use super::identity::Identity;
use super::shape::Shape;
use super::{child, init, spawn};
use crate::SandboxError;
use crate::sys::clone::{Child, CloneRequest, Cloned, SharedNumber, SharedNumbers, clone3};
use crate::sys::message::{Fds, MAX_FDS};
use crate::sys::{fd, message, pidfd, process};

/// Who makes the processes of a shape's jails.
#[derive(Debug, Default)]
pub(crate) enum Origin {
    /// The supervisor itself.
    #[default]
    Supervisor,
    /// A template, which is made when it is needed: at first, and when it was lost.
    Template(Mutex<Option<Template>>),
}

/// A running template.
#[derive(Debug)]
pub(crate) struct Template {
    child: Child,
    socket: OwnedFd,
    numbers: Arc<SharedNumbers>,
}

/// Processes that may be under way at the same time, two numbers for each.
const NUMBERS: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

/// The descriptors of a courier.
#[derive(Debug)]
pub(crate) struct Luggage<'a> {
    /// Its end of the socket to the supervisor.
    pub report: BorrowedFd<'a>,
    /// All namespaces of the jail, that of mounts last.
    pub namespaces: &'a [BorrowedFd<'a>],
    /// The folder of the command's cgroup, where it is one of version 2.
    pub cgroup: Option<BorrowedFd<'a>>,
    /// The files through which its process enters its cgroups of version 1.
    pub tasks: &'a [BorrowedFd<'a>],
}

/// What a template is asked to make. Descriptors come in the order of the fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Request {
    /// An init, as this user of the host if its jail has a range: control socket, trees.
    Init { number: u16, first: Option<u32> },
    /// A courier: report socket, namespaces, and its groups of either version.
    Courier { number: u16, born: u16, ranged: bool, version_2: bool },
}

/// A request as it is sent.
type Words = [u8; 8];

/// Namespaces that a courier joins, the one of mounts last.
const NAMESPACES: usize = spawn::NAMESPACE_FILES.len();

impl Request {
    fn number(self) -> u16 {
        match self {
            Self::Init { number, .. } | Self::Courier { number, .. } => number,
        }
    }

    fn words(self) -> Words {
        let (kind, number, other) = match self {
            Self::Init { number, first: None } => ([0, 0], number, 0),
            Self::Init { number, first: Some(first) } => ([0, 1], number, first),
            Self::Courier { number, born, ranged, version_2 } => {
                ([1, u8::from(ranged) | u8::from(version_2) << 1], number, u32::from(born))
            }
        };
        let ([kind, flags], [low, high], [a, b, c, d]) = (kind, number.to_ne_bytes(), other.to_ne_bytes());
        [kind, flags, low, high, a, b, c, d]
    }

    fn read(words: Words) -> Option<Self> {
        let [kind, flags, low, high, a, b, c, d] = words;
        let (number, other) = (u16::from_ne_bytes([low, high]), u32::from_ne_bytes([a, b, c, d]));
        match kind {
            0 => Some(Self::Init { number, first: (flags == 1).then_some(other) }),
            1 => Some(Self::Courier {
                number,
                born: u16::try_from(other).ok()?,
                ranged: flags & 1 != 0,
                version_2: flags & 2 != 0,
            }),
            _ => None,
        }
    }
}

impl Origin {
    /// A template, made with the first jail.
    pub(crate) fn template() -> Self {
        Self::Template(Mutex::new(None))
    }

    /// Makes an init; `None` where the supervisor has to do it itself. More trees than a message can carry are
    /// one such case.
    pub(crate) fn make_init(
        &self,
        shape: &Shape,
        identity: Identity,
        control: BorrowedFd<'_>,
        trees: &[Option<OwnedFd>],
    ) -> Option<Result<Child, SandboxError>> {
        let Self::Template(template) = self else { return None };
        let fds: Vec<_> = [control].into_iter().chain(trees.iter().flatten().map(AsFd::as_fd)).collect();
        if fds.len() > MAX_FDS || shape.plan.sources.len() >= MAX_FDS {
            return None;
        }
        let first = identity.first();
        let ask = |template: &Template| {
            let (number, index) = template.number()?;
            template.ask(Request::Init { number: index, first }, &number, &fds, SandboxError::namespaces)
        };
        Some(with(template, shape, ask))
    }

    /// Makes a courier, and gives the number of the process that it will make; `None` as above.
    pub(crate) fn make_courier(
        &self,
        shape: &Shape,
        ranged: bool,
        luggage: &Luggage<'_>,
    ) -> Option<Result<(Child, SharedNumber), SandboxError>> {
        let Self::Template(template) = self else { return None };
        let fixed = [luggage.report].into_iter().chain(luggage.namespaces.iter().copied());
        let fds: Vec<_> = fixed.chain(luggage.cgroup).chain(luggage.tasks.iter().copied()).collect();
        if fds.len() > MAX_FDS || luggage.namespaces.len() != NAMESPACES {
            return None;
        }
        let version_2 = luggage.cgroup.is_some();
        let ask = |template: &Template| {
            let ((number, index), (born, born_index)) = (template.number()?, template.number()?);
            let request = Request::Courier { number: index, born: born_index, ranged, version_2 };
            let failed = |errno| SandboxError::system("start a process", errno);
            match template.ask(request, &number, &fds, failed) {
                Ok(courier) => Ok((courier, born)),
                Err(error) => {
                    abandon(&born);
                    Err(error)
                }
            }
        };
        Some(with(template, shape, ask))
    }
}

/// Asks the template, which is made first if there is none. One that does not answer is not asked again.
fn with<T>(
    template: &Mutex<Option<Template>>,
    shape: &Shape,
    ask: impl FnOnce(&Template) -> Result<T, SandboxError>,
) -> Result<T, SandboxError> {
    let mut template = template.lock().unwrap_or_else(PoisonError::into_inner);
    let present = match template.take() {
        Some(present) if !fd::is_hung_up(present.socket.as_fd()) => present,
        Some(_) | None => Template::start(shape)?,
    };
    let answer = ask(&present);
    if !matches!(answer, Err(SandboxError::TemplateLost { .. })) {
        *template = Some(present);
    }
    answer
}

impl Template {
    fn start(shape: &Shape) -> Result<Self, SandboxError> {
        let failed = |errno| SandboxError::system("start a template", errno);
        let (socket, theirs) = spawn::patient_pair()?;
        let numbers = SharedNumbers::new(NUMBERS).map_err(failed)?;
        let post = Post { shape, numbers: &numbers, socket: theirs.as_fd() };
        // SAFETY: the child runs `serve`, which keeps the rules of this module and does not return.
        match unsafe { clone3(&CloneRequest::default()) }.map_err(failed)? {
            Cloned::Child => serve(&post),
            Cloned::Parent(child) => Ok(Self { child, socket, numbers }),
        }
    }

    fn number(&self) -> Result<(SharedNumber, u16), SandboxError> {
        let number = self.numbers.take().ok_or(Errno::EAGAIN);
        let index = |number: SharedNumber| {
            let index = u16::try_from(number.index()).map_err(|_| Errno::EOVERFLOW)?;
            Ok((number, index))
        };
        number.and_then(index).map_err(|errno| SandboxError::system("start a process", errno))
    }

    /// Sends a request and waits for the process. One that was made although there is no answer is not left.
    fn ask(
        &self,
        request: Request,
        number: &SharedNumber,
        fds: &[BorrowedFd<'_>],
        failed: impl FnOnce(Errno) -> SandboxError,
    ) -> Result<Child, SandboxError> {
        let raw: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
        let mut errno = [0; size_of::<i32>()];
        let answer = message::send(self.socket.as_fd(), &request.words(), &raw)
            .and_then(|()| message::receive(self.socket.as_fd(), &mut errno));
        let [pidfd, ..] = match answer {
            Ok(received) if received.len == errno.len() => received.fds,
            other => {
                pidfd::end(self.child.pidfd.as_fd());
                abandon(number);
                return Err(SandboxError::TemplateLost { errno: other.err().unwrap_or(Errno::EPIPE) });
            }
        };
        match (number.get(), pidfd) {
            (Some(pid), Some(pidfd)) => Ok(Child { pid, pidfd }),
            _ => Err(failed(Errno::from_raw(i32::from_ne_bytes(errno)))),
        }
    }
}

impl Drop for Template {
    fn drop(&mut self) {
        pidfd::end(self.child.pidfd.as_fd());
    }
}

/// Kills and reaps what a template made and could not tell of.
fn abandon(number: &SharedNumber) {
    if let Some(pidfd) = number.get().and_then(|pid| pidfd::open(pid).ok()) {
        pidfd::end(pidfd.as_fd());
    }
}

/// What the template has.
struct Post<'a> {
    shape: &'a Shape,
    numbers: &'a SharedNumbers,
    socket: BorrowedFd<'a>,
}

/// The whole life of a template.
extern "C" fn serve(post: &Post<'_>) -> ! {
    if settle(post.socket).is_err() {
        process::exit_now(1);
    }
    loop {
        let mut words = Words::default();
        let made = match message::receive(post.socket, &mut words) {
            Ok(received) if received.len == words.len() => make(post, words, received.fds),
            // The supervisor does not need it any more, or is gone.
            _ => process::exit_now(0),
        };
        let sent = match made {
            Ok(child) => message::send(post.socket, &0_i32.to_ne_bytes(), &[child.pidfd.as_raw_fd()]),
            Err(errno) => message::send(post.socket, &(errno as i32).to_ne_bytes(), &[]),
        };
        if sent.is_err() {
            process::exit_now(1);
        }
    }
}

/// Leaves the session, so that ^C at a terminal is the supervisor's to deal with.
fn settle(socket: BorrowedFd<'_>) -> nix::Result<()> {
    fd::close_all_but(&[socket.as_raw_fd()])?;
    nix::sys::prctl::set_name(c"dayfly-template")?;
    process::new_session()
}

fn make(post: &Post<'_>, words: Words, fds: Fds) -> nix::Result<Child> {
    let mut numbers = [0; MAX_FDS];
    let count = fds.iter().flatten().zip(&mut numbers).map(|(fd, slot)| *slot = fd.as_raw_fd()).count();
    let keep = numbers.get_mut(..count).ok_or(Errno::E2BIG)?;
    keep.sort_unstable();
    let request = Request::read(words).ok_or(Errno::EPROTO)?;
    let number = post.numbers.at(request.number().into()).ok_or(Errno::EPROTO)?;
    match request {
        Request::Init { first, .. } => make_init(post, first, number, keep, fds),
        Request::Courier { born, ranged, version_2, .. } => {
            let born = post.numbers.at(born.into()).ok_or(Errno::EPROTO)?;
            make_courier(post, (number, born), (ranged, version_2), keep, &fds)
        }
    }
}

fn make_init(
    post: &Post<'_>,
    first: Option<u32>,
    number: &AtomicI32,
    keep: &[RawFd],
    mut fds: Fds,
) -> nix::Result<Child> {
    let [control, trees @ ..] = &mut fds;
    let control = control.as_ref().ok_or(Errno::EPROTO)?;
    let mut brief = init::Brief {
        plan: &post.shape.plan,
        control: control.as_fd(),
        keep,
        trees: trees.get_mut(..post.shape.plan.sources.len()).ok_or(Errno::E2BIG)?,
        ranged: first.is_some(),
    };
    spawn::clone_init(&mut brief, first, libc::CLONE_PARENT, Some(number))
}

fn make_courier(
    post: &Post<'_>,
    (number, born): (&AtomicI32, &AtomicI32),
    (ranged, version_2): (bool, bool),
    keep: &[RawFd],
    fds: &Fds,
) -> nix::Result<Child> {
    let mut open = [post.socket; MAX_FDS];
    let count = fds.iter().flatten().zip(&mut open).map(|(fd, slot)| *slot = fd.as_fd()).count();
    let (fixed, groups) =
        open.get(..count).and_then(|all| all.split_at_checked(1 + NAMESPACES)).ok_or(Errno::EPROTO)?;
    let [report, namespaces @ .., mounts] = fixed else { return Err(Errno::EPROTO) };
    let brief = child::Brief {
        plan: &post.shape.plan,
        namespaces,
        mounts: *mounts,
        report: *report,
        keep,
        born,
        cgroup: groups.first().copied().filter(|_| version_2),
        tasks: if version_2 { &[] } else { groups },
        filter: &post.shape.filter,
        landlock: post.shape.landlock,
        ranged,
    };
    spawn::clone_courier(&brief, libc::CLONE_PARENT, Some(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_as_it_was_written() {
        for request in [
            Request::Init { number: 3, first: None },
            Request::Init { number: 1023, first: Some(u32::MAX) },
            Request::Courier { number: 1, born: 513, ranged: true, version_2: false },
            Request::Courier { number: 2, born: 7, ranged: false, version_2: true },
        ] {
            assert_eq!(Request::read(request.words()), Some(request));
        }
        assert_eq!(Request::read([9; 8]), None);
    }
}
