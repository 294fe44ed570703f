//! Watching one command from the moment it gets its order until its first process has ended.

mod hear;
mod time;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use dayfly_jobs::{CpuTime, Limit, Limits, StartFailure};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;

use self::time::Progress;
use super::classify::KillReason;
use super::delivery::Streams;
use super::shape::Shape;
use super::spawn::{CommandProcess, Init};
use super::streams::{self, Buffer, Outlet, Taken};
use super::survivors::Survivors;
use super::{budget, total};
use crate::cgroup::{Gauge, Group};
use crate::meter::{Meter, Shown};
use crate::sys::pidfd::{self, End, Ended};
use crate::sys::sched::Urgency;
use crate::{Cancel, SandboxError};

/// What a supervisor watches and what it may do.
pub(crate) struct Watch<'a> {
    pub shape: &'a Shape,
    pub limits: &'a Limits,
    pub cancel: &'a Cancel,
    pub init: &'a Init,
    pub process: &'a CommandProcess,
    pub group: Option<&'a dyn Group>,
    /// CPU time the group had used before the command, as far as it is known.
    pub baseline: CpuTime,
    /// How many processors the command can use at once, and how many there are.
    pub processors: u32,
    pub online: u32,
    /// The CPU time of all commands together, if that has a limit.
    pub total: Option<total::Watch<'a>>,
    /// What earlier commands may have left running.
    pub survivors: Option<Survivors>,
    /// Whether the whole jail ends with this command.
    pub last: bool,
    /// What shows the command while it runs, and from what.
    pub meter: Option<(Meter, Gauge)>,
    pub streams: Streams,
}

/// What was observed.
#[derive(Debug)]
pub(crate) struct Observed {
    pub end: End,
    pub killed: Option<KillReason>,
    /// Set when the program never ran.
    pub not_started: Option<StartFailure>,
    /// CPU time the group had used before the program.
    pub baseline: CpuTime,
    pub started: Instant,
    pub ended: Instant,
    pub input_bytes: u64,
    pub output_bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Init,
    Job,
    Report,
    Listener,
    Cancel,
    OutOfMemory,
    Input,
    Stdout,
    Stderr,
}

/// A watch in progress.
pub(crate) struct Supervisor<'a> {
    watch: Watch<'a>,
    listener: Option<OwnedFd>,
    /// Whether all was heard that the command's process had to say while it was ours.
    heard_out: bool,
    not_started: Option<StartFailure>,
    /// Whether its process has said that the program is next.
    is_next: bool,
    /// When it said so; until it has, when it was told to.
    started: Instant,
    next_look: Instant,
    /// Whether the CPU time that is left can be spent before the kernel's count of it is brought up to date.
    is_near: bool,
    /// Held while an end is near.
    urgency: Option<Urgency>,
    /// CPU time at the last look.
    seen: CpuTime,
    /// Whether the last exact look found that nothing was used since the one before.
    idle: bool,
    progress: Progress,
    killed: Option<KillReason>,
    /// Whether nobody is left who runs the command's program, though its process has not quite ended.
    is_over: bool,
    input_bytes: u64,
    output_bytes: u64,
    buffer: Buffer,
    /// Held while the command is shown.
    shown: Option<Shown>,
}

impl<'a> Supervisor<'a> {
    pub(crate) fn new(watch: Watch<'a>, now: Instant) -> Self {
        let own = budget::next_look(watch.limits.cpu_time, CpuTime::default(), watch.processors);
        Self {
            listener: None,
            heard_out: false,
            not_started: None,
            is_next: false,
            started: now,
            next_look: now + total::first_look(watch.total.as_ref(), own).unwrap_or_default(),
            is_near: false,
            urgency: None,
            seen: CpuTime::default(),
            idle: false,
            progress: Progress { at: now, cpu: CpuTime::default(), bytes: 0 },
            killed: None,
            is_over: false,
            input_bytes: 0,
            output_bytes: 0,
            buffer: Buffer::new(),
            shown: None,
            watch,
        }
    }

    /// Runs until the first process has ended; gives what was observed and the two outlets.
    pub(crate) fn run(mut self) -> Result<(Observed, Outlet, Outlet), SandboxError> {
        let (dead, ended) = loop {
            self.hurry_if_due();
            let ready = self.wait()?;
            // Before the job's own end: when init dies the job dies of it.
            if ready.contains(&Source::Init) && self.killed.is_none() {
                return Err(SandboxError::InitLost);
            }
            for source in &ready {
                self.handle(*source)?;
            }
            self.check_time()?;
            if ready.contains(&Source::Job)
                && let Some(dead) = self.reap()?
            {
                break (dead, Instant::now());
            }
        };
        self.urgency = None;
        self.hear_out_report()?;
        self.explain_early_death(dead)?;
        self.after_end()?;
        let observed = Observed {
            end: dead.end,
            killed: self.killed,
            not_started: self.not_started,
            baseline: self.watch.baseline,
            started: self.started,
            ended,
            input_bytes: self.input_bytes,
            output_bytes: self.output_bytes,
        };
        Ok((observed, self.watch.streams.stdout, self.watch.streams.stderr))
    }

    /// Sleeps until something happens or is due, and tells what happened.
    fn wait(&self) -> Result<Vec<Source>, SandboxError> {
        let sources = self.sources();
        let mut fds: Vec<_> = sources.iter().map(|(_, fd, flags)| PollFd::new(*fd, *flags)).collect();
        match ppoll(&mut fds, Some(TimeSpec::from_duration(self.patience())), None) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(SandboxError::system("wait for the job", errno)),
        }
        let is_ready = |fd: &PollFd<'_>| fd.revents().is_some_and(|events| !events.is_empty());
        Ok(sources.iter().zip(&fds).filter(|(_, fd)| is_ready(fd)).map(|((source, ..), _)| *source).collect())
    }

    fn sources(&self) -> Vec<(Source, BorrowedFd<'_>, PollFlags)> {
        let watch = &self.watch;
        let always = PollFlags::POLLIN;
        let mut sources = vec![
            (Source::Init, watch.init.pidfd(), always),
            (Source::Job, watch.process.child.pidfd.as_fd(), always),
        ];
        if self.is_on_its_way() {
            sources.push((Source::Report, watch.process.report.as_fd(), always));
        }
        let listener = self.listener.as_ref().map(|fd| (Source::Listener, fd.as_fd(), always));
        let cancel = watch.cancel.descriptor().map(|fd| (Source::Cancel, fd, always));
        let memory = watch.group.and_then(Group::oom_event).map(|fd| (Source::OutOfMemory, fd, always));
        // Once we have killed, these have nothing more to say, but would stay readable. When nobody is left, to be woken
        // by each thing that closes would only put off the end; what is still in the pipes is read after it.
        let alive = self.killed.is_none() && !self.is_over;
        sources.extend([listener, cancel, memory].into_iter().flatten().filter(|_| alive));
        let streams = [
            (Source::Input, watch.streams.input.interest()),
            (Source::Stdout, watch.streams.stdout.interest()),
            (Source::Stderr, watch.streams.stderr.interest()),
        ];
        sources.extend(streams.into_iter().filter_map(|(source, interest)| {
            interest.filter(|_| alive).map(|(fd, flags)| (source, fd, flags))
        }));
        sources
    }

    /// Whether its process is listened to. When the program is next, all it can say is that this cannot be executed, and
    /// it ends with that; to be woken by every program that can be would put the program off.
    fn is_on_its_way(&self) -> bool {
        !self.is_next && !self.heard_out && self.not_started.is_none()
    }

    fn handle(&mut self, source: Source) -> Result<(), SandboxError> {
        match source {
            Source::Init | Source::Job => Ok(()),
            Source::Report => self.hear_report(),
            Source::Listener => self.hear_filter(),
            Source::Cancel => self.kill(KillReason::Cancelled),
            Source::OutOfMemory => self.kill(KillReason::Limit(Limit::Memory)),
            Source::Input => {
                self.input_bytes += self.watch.streams.input.advance()?;
                Ok(())
            }
            Source::Stdout | Source::Stderr => self.read_output(source).map(drop),
        }
    }

    /// Reads once from an outlet; kills the command when it has written too much.
    fn read_output(&mut self, source: Source) -> Result<Taken, SandboxError> {
        let limit = self.watch.limits.output;
        let allowed = streams::allowance(limit, self.output_bytes);
        let outlet = if source == Source::Stdout {
            &mut self.watch.streams.stdout
        } else {
            &mut self.watch.streams.stderr
        };
        let taken = outlet.advance(self.buffer.as_mut(), allowed)?;
        if let Taken::Bytes(count) = taken {
            self.buffer.grow_after(count);
            self.output_bytes += count;
        }
        if self.output_bytes > limit.get() {
            self.kill(KillReason::Limit(Limit::Output))?;
        }
        Ok(taken)
    }

    /// Kills the command, for the first reason that is given.
    fn kill(&mut self, reason: KillReason) -> Result<(), SandboxError> {
        if self.killed.is_some() {
            return Ok(());
        }
        self.killed = Some(reason);
        if let Some(group) = self.watch.group
            && !self.watch.last
        {
            return Ok(group.kill()?);
        }
        // The end of the PID namespace takes everything with it. Init dies slower than the command, which goes on
        // meanwhile.
        let command = self.watch.process.child.pidfd.as_fd();
        pidfd::kill(command)
            .and_then(|()| pidfd::kill(self.watch.init.pidfd()))
            .map_err(|errno| SandboxError::system("kill the job", errno))
    }

    fn reap(&self) -> Result<Option<Ended>, SandboxError> {
        pidfd::try_wait(self.watch.process.child.pidfd.as_fd())
            .map_err(|errno| SandboxError::system("wait for the job", errno))
    }

    /// The first process is gone, and what it had to say was heard. Ends the rest if the jail ends with it, and reads
    /// what is still in the pipes: all that was written before, but not what survivors may go on writing.
    fn after_end(&mut self) -> Result<(), SandboxError> {
        if !self.is_over {
            self.end_jail()?;
        }
        for source in [Source::Stdout, Source::Stderr] {
            self.drain(source)?;
        }
        Ok(())
    }

    /// Lets the jail end, if it ends with this command. Init ends only after all processes of the jail.
    fn end_jail(&self) -> Result<(), SandboxError> {
        match self.watch.last && self.killed.is_none() {
            true => self.watch.init.let_end().map_err(|errno| SandboxError::system("end the jail", errno)),
            false => Ok(()),
        }
    }

    fn drain(&mut self, source: Source) -> Result<(), SandboxError> {
        let before = self.output_bytes;
        while self.output_bytes - before < streams::MOST_DRAINED {
            match self.read_output(source)? {
                Taken::Bytes(_) => {}
                Taken::Behind if source == Source::Stdout => self.watch.streams.stdout.wait_for_room()?,
                Taken::Behind => self.watch.streams.stderr.wait_for_room()?,
                Taken::Nothing | Taken::End => break,
            }
        }
        Ok(())
    }
}
