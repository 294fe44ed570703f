//! Random bits from the kernel. It must be the only source of randomness here.

use ring::rand::{SecureRandom, SystemRandom};

/// Random bytes.
///
/// # Errors
/// When the kernel gives none.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], crate::SchedulerError> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| crate::SchedulerError::NoRandomness)?;
    Ok(bytes)
}

/// A random number for ids that need not be secret; without randomness only less unique.
pub(crate) fn number() -> u128 {
    bytes().map(u128::from_le_bytes).unwrap_or_default()
}
