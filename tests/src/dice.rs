//! Chance that a seed replays, and the settings of tests that use it.

/// A small generator of pseudo-random numbers (xorshift), so that a seed replays a run.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// From a seed; 0 would give nothing but zeros.
    pub fn new(seed: u64) -> Self {
        Self(seed.max(1))
    }

    /// A number from 0 to `sides` - 1.
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// A number from the environment.
pub fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// Whether everything is to run, as often as it is meant to.
pub fn full_lane() -> bool {
    std::env::var("DAYFLY_REQUIRE").is_ok_and(|value| value == "all")
}

/// A seed that nobody chose, or the one that `name` replays.
pub fn seed(name: &str) -> u64 {
    setting(name, u64::from(std::process::id()) * 0x9e37_79b9 + 1)
}
