//! Counting and percentiles.

use std::fmt;
use std::marker::PhantomData;

/// One for zero, one for each position of the highest bit.
const BUCKETS: usize = 65;

/// Counts of values by their number of significant bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram<T = ()> {
    counts: Box<[u64; BUCKETS]>,
    /// The original can carry a label for periods of time; nothing here does.
    label: PhantomData<T>,
}

/// Values below which the given share of all samples lies, as the upper bound of their bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PercentileStats {
    pub samples: u64,
    pub p0_1: u64,
    pub p1: u64,
    pub p5: u64,
    pub p10: u64,
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p99_9: u64,
}

impl fmt::Display for PercentileStats {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { samples, p50, p90, p99, .. } = self;
        write!(formatter, "[samples: {samples}, P50: {p50}, P90: {p90}, P99: {p99}]")
    }
}

impl<T> Default for Histogram<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Histogram<T> {
    pub fn new() -> Self {
        Self { counts: Box::new([0; BUCKETS]), label: PhantomData }
    }

    pub fn record(&mut self, value: u64) {
        self.record_n(value, 1);
    }

    /// Counts `value` `count` times.
    pub fn record_n(&mut self, value: u64, count: u64) {
        self.counts[bucket(value)] += count;
    }

    /// Number of samples.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    pub fn percentile_stats(&self) -> PercentileStats {
        PercentileStats {
            samples: self.total(),
            p0_1: self.below_permille(1),
            p1: self.below_permille(10),
            p5: self.below_permille(50),
            p10: self.below_permille(100),
            p50: self.below_permille(500),
            p90: self.below_permille(900),
            p99: self.below_permille(990),
            p99_9: self.below_permille(999),
        }
    }

    /// Upper bound of the bucket in which that share of the samples is reached; 0 without samples.
    fn below_permille(&self, permille: u64) -> u64 {
        let wanted = (u128::from(self.total()) * u128::from(permille)).div_ceil(1000);
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += u128::from(*count);
            if *count > 0 && seen >= wanted {
                return upper_bound(index);
            }
        }
        0
    }

    /// Each bucket that holds samples: its upper bound and their number.
    pub(crate) fn filled(&self) -> impl Iterator<Item = (u64, u64)> {
        let counts = self.counts.iter().enumerate();
        counts.filter(|(_, count)| **count > 0).map(|(index, count)| (upper_bound(index), *count))
    }
}

fn bucket(value: u64) -> usize {
    (u64::BITS - value.leading_zeros()) as usize
}

fn upper_bound(bucket: usize) -> u64 {
    match bucket {
        0 => 0,
        bits => u64::MAX >> (64 - bits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_below_the_bound_of_its_bucket() {
        for value in [0, 1, 2, 3, 4, 7, 8, 1023, 1024, u64::MAX - 1, u64::MAX] {
            let index = bucket(value);
            assert!(value <= upper_bound(index), "{value}");
            assert!(index == 0 || value > upper_bound(index - 1), "{value}");
        }
    }

    #[test]
    fn percentiles_name_the_bucket_where_the_share_is_reached() {
        let mut histogram = Histogram::<()>::new();
        assert_eq!(histogram.percentile_stats().p50, 0);
        (0..90).for_each(|_| histogram.record(1));
        (0..10).for_each(|_| histogram.record(100));
        let stats = histogram.percentile_stats();
        assert_eq!((stats.samples, stats.p50, stats.p90, stats.p99), (100, 1, 1, 127));
    }
}
