//! The half that runs in the template. It is a copy of the supervisor, so nothing here allocates, locks, logs or panics.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::atomic::AtomicI32;

use nix::errno::Errno;

use super::joined;
use super::request::{Request, Traits, Words};
use crate::jail::shape::Shape;
use crate::jail::{child, init, spawn};
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
        Request::Courier { born, traits, .. } => {
            let born = post.numbers.at(born.into()).ok_or(Errno::EPROTO)?;
            make_courier(post, (number, born), traits, keep, &fds)
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
    Traits { ranged, version_2, makes_network }: Traits,
    keep: &[RawFd],
    fds: &Fds,
) -> nix::Result<Child> {
    let mut open = [post.socket; MAX_FDS];
    let count = fds.iter().flatten().zip(&mut open).map(|(fd, slot)| *slot = fd.as_fd()).count();
    let (fixed, groups) = open
        .get(..count)
        .and_then(|all| all.split_at_checked(1 + joined(makes_network)))
        .ok_or(Errno::EPROTO)?;
    let [report, namespaces @ .., mounts] = fixed else { return Err(Errno::EPROTO) };
    let brief = child::Brief {
        plan: &post.shape.plan,
        namespaces,
        makes_network,
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
