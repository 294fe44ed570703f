//! The half that runs in the template. It is a copy of the supervisor, so nothing here allocates, locks, logs or panics.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::atomic::AtomicI32;

use nix::errno::Errno;

use super::request::{Request, Traits, Words};
use crate::jail::child::ToNetwork;
use crate::jail::shape::Shape;
use crate::jail::spawn::Luggage;
use crate::jail::{init, spawn};
use crate::sys::clone::{Child, SharedNumbers};
use crate::sys::message::{Fds, MAX_FDS};
use crate::sys::{fd, message, process};

/// What the template has.
pub(super) struct Post<'a> {
    pub shape: &'a Shape,
    pub numbers: &'a SharedNumbers,
    pub socket: BorrowedFd<'a>,
}

/// The whole life of a template.
pub(super) extern "C" fn serve(post: &Post<'_>) -> ! {
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
        Request::Command { traits, .. } => make_command(post, number, None, traits, keep, &fds),
        Request::Courier { born, traits, .. } => {
            let born = post.numbers.at(born.into()).ok_or(Errno::EPROTO)?;
            make_command(post, number, Some(born), traits, keep, &fds)
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
    let [Some(control), Some(line), trees @ ..] = &mut fds else { return Err(Errno::EPROTO) };
    let mut brief = init::Brief {
        plan: &post.shape.plan,
        control: control.as_fd(),
        line: line.as_fd(),
        keep,
        trees: trees.get_mut(..post.shape.plan.sources.len()).ok_or(Errno::E2BIG)?,
        ranged: first.is_some(),
    };
    spawn::clone_init(&mut brief, first, libc::CLONE_PARENT, Some(number))
}

/// Makes a command's process, or a courier, which notes the number of that process.
fn make_command(
    post: &Post<'_>,
    number: &AtomicI32,
    born: Option<&AtomicI32>,
    Traits { version_2, makes_network }: Traits,
    keep: &[RawFd],
    fds: &Fds,
) -> nix::Result<Child> {
    let mut open = [post.socket; MAX_FDS];
    let count = fds.iter().flatten().zip(&mut open).map(|(fd, slot)| *slot = fd.as_fd()).count();
    let [report, users, ipc, uts, pids, mounts, network, groups @ ..] =
        open.get(..count).ok_or(Errno::EPROTO)?
    else {
        return Err(Errno::EPROTO);
    };
    let luggage = Luggage {
        report: *report,
        namespaces: [*users, *ipc, *uts, *pids],
        mounts: *mounts,
        network: if makes_network { ToNetwork::Make(*network) } else { ToNetwork::Join(*network) },
        cgroup: groups.first().copied().filter(|_| version_2),
        tasks: if version_2 { &[] } else { groups },
    };
    match born {
        None => spawn::clone_command(post.shape, &luggage, keep, libc::CLONE_PARENT, Some(number)),
        Some(born) => {
            spawn::clone_courier(post.shape, &luggage, keep, born, libc::CLONE_PARENT, Some(number))
        }
    }
}
