//! A process that makes the processes of jails in the supervisor's place.
//!
//! A clone of a process costs what that process has: its page tables are copied, and then each of its threads
//! pays for every page that it writes for the first time. A worker does that twice or three times for each job, with all
//! of its memory. So a pool has a template: one copy of the supervisor that knows the shape, has one thread,
//! touches next to nothing, and is cloned instead. What it makes are children of the supervisor
//! (`CLONE_PARENT`), as if the supervisor had made them.
//!
//! Here is the supervisor's half; `serve.rs` is what runs in the template, which ends with its socket.

mod request;
mod serve;

use std::num::NonZeroUsize;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::{Arc, Mutex, PoisonError};

use nix::errno::Errno;

use self::request::{Request, Traits};
use self::serve::{Post, serve};
use super::child::ToNetwork;
use super::identity::Identity;
use super::shape::Shape;
use super::spawn::{self, Luggage, Process};
use crate::SandboxError;
use crate::sys::clone::{Child, CloneRequest, Cloned, SharedNumber, SharedNumbers, clone3};
use crate::sys::message::MAX_FDS;
use crate::sys::{fd, message, pidfd};

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

/// Numbers of processes that may be under way at the same time; a courier needs two.
const NUMBERS: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

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
        sockets: [BorrowedFd<'_>; 2],
        trees: &[Option<OwnedFd>],
    ) -> Option<Result<Child, SandboxError>> {
        let Self::Template(template) = self else { return None };
        let fds: Vec<_> = sockets.into_iter().chain(trees.iter().flatten().map(AsFd::as_fd)).collect();
        if fds.len() > MAX_FDS || shape.plan.sources.len() + sockets.len() > MAX_FDS {
            return None;
        }
        let first = identity.first();
        let ask = |template: &Template| {
            let (number, index) = template.number()?;
            template.ask(Request::Init { number: index, first }, &number, &fds, SandboxError::namespaces)
        };
        Some(with(template, shape, ask))
    }

    /// Makes a command's process or its courier; `None` as above.
    pub(crate) fn make_command(
        &self,
        shape: &Shape,
        ranged: bool,
        luggage: &Luggage<'_>,
    ) -> Option<Result<Process, SandboxError>> {
        let Self::Template(template) = self else { return None };
        let fds: Vec<_> = luggage.descriptors().collect();
        if fds.len() > MAX_FDS {
            return None;
        }
        let makes_network = matches!(luggage.network, ToNetwork::Make(_));
        let traits = Traits { version_2: luggage.cgroup.is_some(), makes_network };
        let ask = |template: &Template| match ranged {
            true => template.command(traits, &fds),
            false => template.courier(traits, &fds),
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

    fn command(&self, traits: Traits, fds: &[BorrowedFd<'_>]) -> Result<Process, SandboxError> {
        let (number, index) = self.number()?;
        let request = Request::Command { number: index, traits };
        self.ask(request, &number, fds, spawn::not_spawned).map(Process::OfCommand)
    }

    fn courier(&self, traits: Traits, fds: &[BorrowedFd<'_>]) -> Result<Process, SandboxError> {
        let ((number, index), (born, born_index)) = (self.number()?, self.number()?);
        let request = Request::Courier { number: index, born: born_index, traits };
        match self.ask(request, &number, fds, not_started) {
            Ok(child) => Ok(Process::Courier { child, born }),
            Err(error) => {
                abandon(&born);
                Err(error)
            }
        }
    }

    fn number(&self) -> Result<(SharedNumber, u16), SandboxError> {
        let number = self.numbers.take().ok_or(Errno::EAGAIN);
        let index = |number: SharedNumber| {
            let index = u16::try_from(number.index()).map_err(|_| Errno::EOVERFLOW)?;
            Ok((number, index))
        };
        number.and_then(index).map_err(not_started)
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

fn not_started(errno: Errno) -> SandboxError {
    SandboxError::system("start a process", errno)
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
