//! Quantities with their unit in the type: bytes, CPU time, wall time.
//!
//! Sizes count in powers of 1024, times in whole microseconds. Parsing is exact: a value that cannot be
//! represented is an error, never rounded.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::UnitError;

const BYTES_EXPECTED: &str = "a size such as 65536, 64k, 256M or 1.5G (units of 1024)";
const TIME_EXPECTED: &str = "a duration such as 500ms, 2s, 1.5s or 3m";
const BYTES_RANGE: &str = "sizes are whole bytes from 0 to 8 EiB";
const TIME_RANGE: &str = "durations are whole microseconds from 1us to 365 days";

/// The longest duration accepted: 365 days, in microseconds.
const MAX_MICROS: u64 = 365 * 24 * 3600 * 1_000_000;
/// The largest size accepted: what the kernel's signed file offsets can hold.
const MAX_BYTES: u64 = i64::MAX.unsigned_abs();

/// An amount of memory or storage, in bytes.
///
/// ```
/// use dayfly_jobs::Bytes;
/// assert_eq!("64M".parse::<Bytes>()?, Bytes::mib(64));
/// assert_eq!(Bytes::mib(64).to_string(), "64M");
/// # Ok::<(), dayfly_jobs::UnitError>(())
/// ```
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct Bytes(u64);

impl Bytes {
    /// Exactly `count` bytes.
    pub const fn new(count: u64) -> Self {
        Self(count)
    }

    /// `count` KiB; saturates at the largest representable size.
    pub const fn kib(count: u64) -> Self {
        Self(count.saturating_mul(1 << 10))
    }

    /// `count` MiB; saturates at the largest representable size.
    pub const fn mib(count: u64) -> Self {
        Self(count.saturating_mul(1 << 20))
    }

    /// `count` GiB; saturates at the largest representable size.
    pub const fn gib(count: u64) -> Self {
        Self(count.saturating_mul(1 << 30))
    }

    /// The number of bytes.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (divisor, unit) = match self.0 {
            0..1024 => return write!(f, "{}", self.0),
            n if n % (1 << 30) == 0 => (1 << 30, "G"),
            n if n % (1 << 20) == 0 => (1 << 20, "M"),
            n if n % (1 << 10) == 0 => (1 << 10, "k"),
            n => return write!(f, "{n}"),
        };
        write!(f, "{}{unit}", self.0 / divisor)
    }
}

impl FromStr for Bytes {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = split(text, BYTES_EXPECTED)?;
        let factor: u64 = match unit {
            "" | "B" => 1,
            "k" | "K" | "Ki" | "KiB" => 1 << 10,
            "M" | "Mi" | "MiB" => 1 << 20,
            "G" | "Gi" | "GiB" => 1 << 30,
            "T" | "Ti" | "TiB" => 1 << 40,
            _ => return Err(unknown_unit(text, unit, BYTES_EXPECTED)),
        };
        match scale(number, factor) {
            Some(count) if count <= MAX_BYTES => Ok(Self(count)),
            _ => Err(UnitError::OutOfRange { text: text.into(), allowed: BYTES_RANGE }),
        }
    }
}

fn unknown_unit(text: &str, unit: &str, expected: &'static str) -> UnitError {
    UnitError::UnknownUnit { text: text.into(), unit: unit.into(), expected }
}

/// Splits `12.5M` into `12.5` and `M`.
fn split<'a>(text: &'a str, expected: &'static str) -> Result<(&'a str, &'a str), UnitError> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    if !number.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(UnitError::NoNumber { text: text.into(), expected });
    }
    Ok((number, unit))
}

/// `number × factor`, exact, or `None` when it is not a whole number that fits.
fn scale(number: &str, factor: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole: u64 = whole.parse().ok()?;
    let base = whole.checked_mul(factor)?;
    if fraction.is_empty() {
        return if number.ends_with('.') { None } else { Some(base) };
    }
    let digits = u32::try_from(fraction.len()).ok()?;
    let denominator = 10_u128.checked_pow(digits)?;
    let numerator = u128::from(fraction.parse::<u64>().ok()?) * u128::from(factor);
    if !numerator.is_multiple_of(denominator) {
        return None;
    }
    base.checked_add(u64::try_from(numerator / denominator).ok()?)
}

fn parse_micros(text: &str) -> Result<u64, UnitError> {
    let (number, unit) = split(text, TIME_EXPECTED)?;
    let factor = match unit {
        "us" => 1,
        "ms" => 1_000,
        "s" => 1_000_000,
        "m" | "min" => 60_000_000,
        "h" => 3_600_000_000,
        "" => return Err(UnitError::MissingUnit { text: text.into(), expected: TIME_EXPECTED }),
        _ => return Err(unknown_unit(text, unit, TIME_EXPECTED)),
    };
    match scale(number, factor) {
        Some(micros @ 1..=MAX_MICROS) => Ok(micros),
        _ => Err(UnitError::OutOfRange { text: text.into(), allowed: TIME_RANGE }),
    }
}

fn write_micros(micros: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match micros {
        n if n > 0 && n.is_multiple_of(60_000_000) => write!(f, "{}m", n / 60_000_000),
        n if n.is_multiple_of(1_000_000) => write!(f, "{}s", n / 1_000_000),
        n if n.is_multiple_of(1_000) => write!(f, "{}ms", n / 1_000),
        n => write!(f, "{n}us"),
    }
}

macro_rules! time_unit {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(transparent)]
        pub struct $name(u64);

        impl $name {
            /// Exactly `count` microseconds.
            pub const fn micros(count: u64) -> Self {
                Self(count)
            }

            /// `count` milliseconds; saturates.
            pub const fn millis(count: u64) -> Self {
                Self(count.saturating_mul(1_000))
            }

            /// `count` seconds; saturates.
            pub const fn secs(count: u64) -> Self {
                Self(count.saturating_mul(1_000_000))
            }

            /// The number of microseconds.
            pub const fn as_micros(self) -> u64 {
                self.0
            }

            /// The same span as a standard duration.
            pub const fn as_duration(self) -> Duration {
                Duration::from_micros(self.0)
            }

            /// What is left after `other`, or zero.
            pub const fn saturating_sub(self, other: Self) -> Self {
                Self(self.0.saturating_sub(other.0))
            }
        }

        impl From<Duration> for $name {
            fn from(duration: Duration) -> Self {
                Self(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_micros(self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = UnitError;

            fn from_str(text: &str) -> Result<Self, UnitError> {
                parse_micros(text).map(Self)
            }
        }
    };
}

time_unit! {
    /// Time spent on processors, summed over all of them, in microseconds.
    CpuTime
}

time_unit! {
    /// Time that passed on the monotonic clock, in microseconds.
    WallTime
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_parse_by_the_table() {
        for (text, bytes) in [
            ("0", 0),
            ("1", 1),
            ("64k", 65_536),
            ("64K", 65_536),
            ("1.5k", 1_536),
            ("256M", 268_435_456),
            ("256MiB", 268_435_456),
            ("1G", 1 << 30),
            ("0.5G", 1 << 29),
        ] {
            assert_eq!(text.parse(), Ok(Bytes::new(bytes)), "{text}");
        }
    }

    #[test]
    fn durations_parse_by_the_table() {
        for (text, micros) in
            [("1us", 1), ("500ms", 500_000), ("2s", 2_000_000), ("1.5s", 1_500_000), ("3m", 180_000_000)]
        {
            assert_eq!(text.parse(), Ok(CpuTime::micros(micros)), "{text}");
        }
    }

    #[test]
    fn bad_values_say_what_is_right() {
        for (text, message) in [
            ("", "'' has no number; write a size such as 65536, 64k, 256M or 1.5G (units of 1024)"),
            ("-1", "'-1' has no number; write a size such as 65536, 64k, 256M or 1.5G (units of 1024)"),
            (
                "5X",
                "'X' in '5X' is not a unit; write a size such as 65536, 64k, 256M or 1.5G (units of 1024)",
            ),
            ("1.0001", "'1.0001' is out of range; sizes are whole bytes from 0 to 8 EiB"),
            ("99999999T", "'99999999T' is out of range; sizes are whole bytes from 0 to 8 EiB"),
        ] {
            assert_eq!(text.parse::<Bytes>().map_err(|e| e.to_string()), Err(message.to_owned()));
        }
        for (text, message) in [
            ("2", "'2' needs a unit; write a duration such as 500ms, 2s, 1.5s or 3m"),
            ("0s", "'0s' is out of range; durations are whole microseconds from 1us to 365 days"),
            ("1..5s", "'1..5s' is out of range; durations are whole microseconds from 1us to 365 days"),
            ("400000h", "'400000h' is out of range; durations are whole microseconds from 1us to 365 days"),
        ] {
            assert_eq!(text.parse::<WallTime>().map_err(|e| e.to_string()), Err(message.to_owned()));
        }
    }

    proptest! {
        #[test]
        fn sizes_survive_printing(count in 0..=MAX_BYTES) {
            prop_assert_eq!(Bytes::new(count).to_string().parse(), Ok(Bytes::new(count)));
        }

        #[test]
        fn durations_survive_printing(micros in 1..=MAX_MICROS) {
            prop_assert_eq!(WallTime::micros(micros).to_string().parse(), Ok(WallTime::micros(micros)));
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let size: Result<Bytes, _> = text.parse();
            let time: Result<CpuTime, _> = text.parse();
            prop_assert!(size.is_ok() || size.is_err());
            prop_assert!(time.is_ok() || time.is_err());
        }
    }
}
