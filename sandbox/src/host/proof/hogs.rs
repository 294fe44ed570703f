//! The hogs: shell scripts that need nothing but `/bin/sh`, each made for one limit.
//!
//! A script that is refused something ends with code 42, and with 43 when it got more than it should.

use std::num::{NonZeroU32, NonZeroU64};

use dayfly_jobs::{Bytes, CpuTime, Cpus, Limit, Limits, WallTime};

/// A program that runs into one limit.
pub(super) struct Hog {
    pub(super) limit: Limit,
    pub(super) script: &'static str,
    tighten: fn(&mut Limits),
    pub(super) held: Held,
}

/// How it shows that the limit held.
#[derive(Clone, Copy)]
pub(super) enum Held {
    /// It is killed for this limit.
    Killed,
    /// What it asks for beyond the limit is refused, which it tells by its exit code.
    Refused,
    /// It dies on this signal, which the kernel sends for this limit.
    Signaled(u8),
    /// Processes were refused, and there were never more than allowed.
    ProcessesRefused,
    /// It was held back.
    Throttled,
}

impl Hog {
    pub(super) fn limits(&self) -> Limits {
        let mut limits = base_limits();
        (self.tighten)(&mut limits);
        limits
    }
}

/// Room enough for every hog, but for the one thing it is after.
pub(super) fn base_limits() -> Limits {
    Limits {
        cpu_time: CpuTime::secs(5),
        wall_time: WallTime::secs(10),
        idle_time: None,
        memory: Bytes::mib(64),
        processes: at_least_one(32),
        cpus: None,
        output: Bytes::mib(1),
        disk: Bytes::mib(8),
        inodes: NonZeroU64::from(at_least_one(500)),
        open_files: at_least_one(64),
        stack: Bytes::mib(8),
        file_size: Bytes::mib(8),
    }
}

fn at_least_one(number: u32) -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(number.saturating_sub(1))
}

const BUSY: &str = "while :; do :; done";
/// Stops itself, so that only somebody else's clock can end it.
const STOPPED: &str = "kill -STOP $$";

pub(super) const HOGS: &[Hog] = &[
    Hog {
        limit: Limit::CpuTime,
        script: BUSY,
        tighten: |limits| limits.cpu_time = CpuTime::millis(200),
        held: Held::Killed,
    },
    Hog {
        limit: Limit::WallTime,
        script: STOPPED,
        tighten: |limits| limits.wall_time = WallTime::millis(200),
        held: Held::Killed,
    },
    Hog {
        limit: Limit::IdleTime,
        script: STOPPED,
        tighten: |limits| limits.idle_time = Some(WallTime::millis(200)),
        held: Held::Killed,
    },
    Hog {
        limit: Limit::Memory,
        script: "x=0123456789abcdef; while :; do x=$x$x; done",
        tighten: |limits| limits.memory = Bytes::mib(32),
        held: Held::Killed,
    },
    Hog {
        limit: Limit::Processes,
        script: "bomb() { bomb | read x; }; bomb",
        tighten: |limits| limits.processes = at_least_one(16),
        held: Held::ProcessesRefused,
    },
    Hog {
        limit: Limit::Cpus,
        script: BUSY,
        tighten: |limits| {
            limits.cpu_time = CpuTime::millis(20);
            // So small a share is used up in every period, also where many others want the processor.
            limits.cpus = Some(Cpus::Millis(at_least_one(50)));
        },
        held: Held::Throttled,
    },
    Hog {
        limit: Limit::Output,
        script: "while echo 0123456789abcdef; do :; done",
        tighten: |limits| limits.output = Bytes::kib(64),
        held: Held::Killed,
    },
    Hog {
        limit: Limit::Disk,
        script: "x=0123456789abcdef; for i in 1 2 3 4 5 6 7 8 9 10 11 12; do x=$x$x; done
            while [ ${#n} -lt 40 ]; do n=$n.; echo $x || exit 42; done > fill; exit 43",
        tighten: |limits| limits.disk = Bytes::mib(1),
        held: Held::Refused,
    },
    Hog {
        limit: Limit::Inodes,
        script: "while [ ${#n} -lt 200 ]; do n=${n}x; true > $n || exit 42; done; exit 43",
        tighten: |limits| limits.inodes = NonZeroU64::from(at_least_one(50)),
        held: Held::Refused,
    },
    Hog {
        limit: Limit::OpenFiles,
        // Each level puts the descriptor 3 of the level above aside.
        script: "open() { [ $1 -gt 100 ] && exit 43; { open $(($1 + 1)); } 3< /dev/null; }
            (open 0); [ $? -eq 43 ] && exit 43; exit 42",
        tighten: |limits| limits.open_files = at_least_one(32),
        held: Held::Refused,
    },
    Hog {
        limit: Limit::Stack,
        script: "deep() { deep; }; deep",
        tighten: |limits| limits.stack = Bytes::kib(256),
        held: Held::Signaled(11),
    },
    Hog {
        limit: Limit::FileSize,
        script: "while echo 0123456789abcdef; do :; done > grow; exit 43",
        tighten: |limits| limits.file_size = Bytes::kib(64),
        held: Held::Signaled(25),
    },
];
