//! What makes times differ from run to run on this host: how it is set, and a short measurement.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use dayfly_jobs::{Bytes, CpuTime, WallTime};
use nix::time::{ClockId, clock_gettime};

use super::files::HostFiles;
use crate::SandboxError;

/// Settings that decide how steady times are; `None` where the host does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timing {
    /// Size of all swap areas.
    pub swap: Bytes,
    /// Processors share cores with others.
    pub smt: Option<bool>,
    /// The frequency governors of all processors; empty where the host cannot or may not set frequencies.
    pub governors: BTreeSet<String>,
    /// Frequencies above the nominal one are used while the chip is cool.
    pub turbo: Option<bool>,
    /// Fast and slow cores on one chip.
    pub hybrid_cores: bool,
    /// The mode of transparent huge pages: `always`, `madvise` or `never`.
    pub huge_pages: Option<String>,
}

impl Timing {
    pub(super) fn read(files: &HostFiles) -> Self {
        Self {
            swap: files.text("/proc/swaps").map_or_else(Bytes::default, |text| swap_size(&text)),
            smt: files.switch("/sys/devices/system/cpu/smt/active").or_else(|| shares_core(files)),
            governors: governors(files),
            turbo: turbo(files),
            hybrid_cores: files.exists("/sys/devices/cpu_core") && files.exists("/sys/devices/cpu_atom"),
            huge_pages: files
                .text("/sys/kernel/mm/transparent_hugepage/enabled")
                .and_then(|text| chosen(&text)),
        }
    }
}

/// The sum of the third column of `/proc/swaps`, which counts KiB.
fn swap_size(swaps: &str) -> Bytes {
    let column = |line: &str| line.split_whitespace().nth(2)?.parse::<u64>().ok();
    Bytes::kib(swaps.lines().skip(1).filter_map(column).sum())
}

fn shares_core(files: &HostFiles) -> Option<bool> {
    let siblings = files.text("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list")?;
    Some(siblings.contains([',', '-']))
}

fn governors(files: &HostFiles) -> BTreeSet<String> {
    let folder = "/sys/devices/system/cpu/cpufreq";
    let policies = files.names(folder).into_iter().filter(|name| name.starts_with("policy"));
    policies.filter_map(|policy| files.text(&format!("{folder}/{policy}/scaling_governor"))).collect()
}

fn turbo(files: &HostFiles) -> Option<bool> {
    let disabled = files.switch("/sys/devices/system/cpu/intel_pstate/no_turbo");
    disabled.map(|off| !off).or_else(|| files.switch("/sys/devices/system/cpu/cpufreq/boost"))
}

/// The bracketed word of `always [madvise] never`.
fn chosen(modes: &str) -> Option<String> {
    let mode = modes.split_whitespace().find_map(|word| word.strip_prefix('[')?.strip_suffix(']'));
    mode.map(str::to_owned)
}

/// How much a busy program was held up while it wanted nothing but its processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jitter {
    /// How long was measured.
    pub wall: WallTime,
    /// How much of that the program ran.
    pub cpu: CpuTime,
    /// The longest stretch in which it did not run.
    pub longest_gap: WallTime,
}

impl Jitter {
    /// Keeps one processor busy for `span`.
    ///
    /// # Errors
    /// This thread's CPU clock cannot be read.
    pub fn measure(span: Duration) -> Result<Self, SandboxError> {
        let cpu_before = thread_cpu_time()?;
        let start = Instant::now();
        let (mut last, mut longest_gap) = (start, Duration::ZERO);
        while last - start < span {
            let now = Instant::now();
            longest_gap = longest_gap.max(now - last);
            last = now;
        }
        let cpu = thread_cpu_time()?.saturating_sub(cpu_before);
        Ok(Self { wall: (last - start).into(), cpu: cpu.into(), longest_gap: longest_gap.into() })
    }

    /// The share of the time that was lost, in thousandths.
    pub fn lost_per_mille(self) -> u64 {
        let (wall, cpu) = (self.wall.as_micros(), self.cpu.as_micros());
        wall.saturating_sub(cpu).saturating_mul(1000).checked_div(wall).unwrap_or(0)
    }
}

fn thread_cpu_time() -> Result<Duration, SandboxError> {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .map(Duration::from)
        .map_err(|errno| SandboxError::system("read the CPU clock of a thread", errno))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::files::tests::host_with;

    #[test]
    fn timing_settings_are_read() {
        let (_folder, host) = host_with(&[
            (
                "/proc/swaps",
                "Filename Type Size Used Priority\n/swap file 2048 0 -2\n/dev/b partition 1024 0 -3\n",
            ),
            ("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0,4\n"),
            ("/sys/devices/system/cpu/cpufreq/policy0/scaling_governor", "powersave\n"),
            ("/sys/devices/system/cpu/cpufreq/policy1/scaling_governor", "powersave\n"),
            ("/sys/devices/system/cpu/intel_pstate/no_turbo", "0\n"),
            ("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n"),
        ]);
        let expected = Timing {
            swap: Bytes::mib(3),
            smt: Some(true),
            governors: BTreeSet::from(["powersave".to_owned()]),
            turbo: Some(true),
            hybrid_cores: false,
            huge_pages: Some("madvise".into()),
        };
        assert_eq!(Timing::read(&host), Timing { swap: Bytes::kib(3072), ..expected });
        let (_folder, empty) = host_with(&[]);
        assert_eq!(Timing::read(&empty), Timing::default());
    }

    #[test]
    fn lost_time_is_a_share_of_the_wall_time() {
        let jitter = |wall, cpu| Jitter {
            wall: WallTime::millis(wall),
            cpu: CpuTime::millis(cpu),
            longest_gap: WallTime::default(),
        };
        assert_eq!(jitter(500, 499).lost_per_mille(), 2);
        assert_eq!(jitter(500, 501).lost_per_mille(), 0);
        assert_eq!(jitter(0, 0).lost_per_mille(), 0);
    }

    #[test]
    fn a_measurement_takes_its_time_and_no_more_cpu_than_that() {
        let jitter = Jitter::measure(Duration::from_millis(20)).unwrap();
        assert!(jitter.wall >= WallTime::millis(20), "{jitter:?}");
        assert!(jitter.cpu.as_micros() <= jitter.wall.as_micros() + 1_000, "{jitter:?}");
        assert!(jitter.longest_gap <= jitter.wall, "{jitter:?}");
    }
}
