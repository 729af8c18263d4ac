//! Decisions by chance, from the seed.

use std::ops::Range;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

/// A source of decisions. Each part of the world has its own, so that one that asks more often does
/// not change what the others do.
#[derive(Debug)]
pub struct Chance(StdRng);

impl Chance {
    /// The source of the part called `part` in the run of `seed`.
    pub fn of(seed: u64, part: &str) -> Self {
        let mut mixed = seed ^ 0xcbf2_9ce4_8422_2325;
        for byte in part.bytes() {
            mixed = (mixed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Self(StdRng::seed_from_u64(mixed))
    }

    /// Whether something of this probability happens.
    pub fn happens(&mut self, probability: f64) -> bool {
        self.0.random_bool(probability.clamp(0.0, 1.0))
    }

    pub fn within(&mut self, range: Range<u64>) -> u64 {
        self.0.random_range(range)
    }

    /// One of `choices`, `None` if there are none.
    pub fn pick<'c, T>(&mut self, choices: &'c [T]) -> Option<&'c T> {
        choices.choose(&mut self.0)
    }

    /// An index below `count`, which is not zero.
    pub fn index(&mut self, count: usize) -> usize {
        self.0.random_range(0..count)
    }

    /// An index into `weights`, by weight.
    pub fn weighted(&mut self, weights: &[u32]) -> usize {
        let total: u32 = weights.iter().sum();
        let mut at = self.0.random_range(0..total.max(1));
        for (index, weight) in weights.iter().enumerate() {
            if at < *weight {
                return index;
            }
            at -= weight;
        }
        0
    }

    /// A number that grows by magnitudes: as often between 1 and 10 as between 10 and 100.
    pub fn magnitude(&mut self, range: Range<u64>) -> u64 {
        let (low, high) = ((range.start.max(1) as f64).ln(), (range.end.max(2) as f64).ln());
        let drawn = self.0.random_range(low..high).exp();
        (drawn as u64).clamp(range.start, range.end - 1)
    }
}
