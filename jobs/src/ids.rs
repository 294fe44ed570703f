//! Names and numbers of things, each with a type of its own, so that no two can be mixed up.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::IdError;

/// Crockford's alphabet in lower case: no i, l, o, u.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A job: 26 characters that sort by the time of submission (a ULID, in lower case).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(u128);

impl JobId {
    /// From the time of submission and random bits; what does not fit into 48 and 80 bits is cut off.
    pub const fn new(now: Timestamp, random: u128) -> Self {
        Self(((now.0 as u128 & 0xffff_ffff_ffff) << 80) | (random & ((1 << 80) - 1)))
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in (0..26).rev() {
            let digit = usize::try_from((self.0 >> (place * 5)) & 31).unwrap_or_default();
            f.write_str(std::str::from_utf8(&ALPHABET[digit..=digit]).unwrap_or_default())?;
        }
        Ok(())
    }
}

impl FromStr for JobId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let bad = || IdError::new("job", text, "26 digits and letters, as `dayfly submit` prints them");
        // The first character holds three bits only.
        if text.len() != 26 || !matches!(text.as_bytes().first(), Some(b'0'..=b'7')) {
            return Err(bad());
        }
        let digit = |byte: u8| ALPHABET.iter().position(|known| *known == byte.to_ascii_lowercase());
        text.bytes()
            .try_fold(0_u128, |value, byte| Some((value << 5) | u128::try_from(digit(byte)?).ok()?))
            .map(Self)
            .ok_or_else(bad)
    }
}

/// How many times a job was given to a worker; the number that tells a late result from a good one. The first
/// attempt is 1.
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
pub struct Attempt(pub u32);

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The right to run one attempt of one job: `JOB.ATTEMPT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId {
    /// The job.
    pub job: JobId,
    /// The attempt.
    pub attempt: Attempt,
}

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.job, self.attempt)
    }
}

impl FromStr for LeaseId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let bad = || IdError::new("lease", text, "JOB.ATTEMPT");
        let (job, attempt) = text.split_once('.').ok_or_else(bad)?;
        let attempt = attempt.parse().map(Attempt).map_err(|_| bad())?;
        Ok(Self { job: job.parse().map_err(|_| bad())?, attempt })
    }
}

/// The SHA-256 of a blob, as 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Digest {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let bad = || IdError::new("digest", text, "the 64 hexadecimal digits of a SHA-256");
        let text = text.strip_prefix("sha256:").unwrap_or(text);
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let mut bytes = [0; 32];
        if pairs.len() != bytes.len() || !rest.is_empty() {
            return Err(bad());
        }
        for (byte, pair) in bytes.iter_mut().zip(pairs) {
            let hex = std::str::from_utf8(pair).ok().filter(|hex| !hex.starts_with('+'));
            *byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).ok_or_else(bad)?;
        }
        Ok(Self(bytes))
    }
}

/// A moment: milliseconds since 1970-01-01 UTC. The scheduler's clock is the only one that counts.
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
pub struct Timestamp(pub u64);

impl Timestamp {
    /// This much later.
    #[must_use]
    pub const fn plus_millis(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Milliseconds since an earlier moment; zero when it is not earlier.
    pub const fn millis_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl JobId {
    const PATTERN: &str = "^[0-7][0-9a-hjkmnp-tv-z]{25}$";
}

impl LeaseId {
    const PATTERN: &str = "^[0-7][0-9a-hjkmnp-tv-z]{25}\\.[0-9]+$";
}

impl Digest {
    const PATTERN: &str = "^[0-9a-f]{64}$";
}

macro_rules! as_text {
    ($($name:ident),*) => { $(
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": Self::PATTERN })
            }
        }
    )* };
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            const PATTERN: &str = "^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$";

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                if is_name(text) {
                    return Ok(Self(text.to_owned()));
                }
                Err(IdError::new($what, text, "1 to 64 of a-z, A-Z, 0-9, '.', '_' and '-', the first no '.' or '-'"))
            }
        }

        as_text!($name);
    };
}

fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=64).contains(&text.len()) && text.bytes().all(plain) && !text.starts_with(['.', '-'])
}

as_text!(JobId, LeaseId, Digest);

name! {
    /// Who jobs belong to; comes from the token they were submitted with.
    TenantName, "tenant"
}
name! {
    /// A queue.
    QueueName, "queue"
}
name! {
    /// A worker, unique at one scheduler.
    WorkerName, "worker"
}
name! {
    /// Something a worker has and a job may ask for: `linux`, `gpu`, `exam-room`.
    Label, "label"
}
name! {
    /// A secret.
    SecretName, "secret"
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ids_survive_printing(now in 0..1_u64 << 48, random: u128, attempt: u32, bytes: [u8; 32]) {
            let job = JobId::new(Timestamp(now), random);
            let lease = LeaseId { job, attempt: Attempt(attempt) };
            prop_assert_eq!(job.to_string().parse(), Ok(job));
            prop_assert_eq!(lease.to_string().parse(), Ok(lease));
            prop_assert_eq!(Digest(bytes).to_string().parse(), Ok(Digest(bytes)));
        }

        #[test]
        fn job_ids_sort_by_time(early in 0..1_u64 << 47, later in 1..1_u64 << 40, a: u128, b: u128) {
            let (first, second) = (JobId::new(Timestamp(early), a), JobId::new(Timestamp(early + later), b));
            prop_assert!(first < second && first.to_string() < second.to_string());
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            prop_assert!(text.parse::<JobId>().is_err() || text.len() == 26);
            prop_assert!(text.parse::<Digest>().is_err() || text.len() >= 64);
            prop_assert!(text.parse::<QueueName>().is_err() || is_name(&text));
            prop_assert!(text.parse::<LeaseId>().is_err() || text.contains('.'));
        }
    }
}
