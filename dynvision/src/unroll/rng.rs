//! The random numbers of a run.

use dfdx::prelude::RandomU64;

/// Seeds for what is left to chance in a run: a function of the run's seed and of how many were drawn.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rng {
    /// Of the device, unless the stimulus brings one.
    seed: Option<u64>,
    draws: u64,
}

impl Rng {
    pub(super) fn new(seed: Option<u64>) -> Self {
        Rng { seed, draws: 0 }
    }

    pub(super) fn draw(&mut self, device: &impl RandomU64) -> u64 {
        let seed = *self.seed.get_or_insert_with(|| device.random_u64());
        self.draws += 1;
        // the golden ratio spreads consecutive numbers, as in SplitMix64
        seed.wrapping_add(self.draws.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }
}
