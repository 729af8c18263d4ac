//! Latencies in buckets of 3 %, all there from the start.

use std::time::Duration;

/// Buckets per doubling.
const PER_OCTAVE: usize = 32;
const BUCKETS: usize = PER_OCTAVE * 60;

pub struct Histogram {
    counts: Box<[u64]>,
    total: u64,
    greatest: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS].into(), total: 0, greatest: 0 }
    }
}

fn bucket(nanoseconds: u64) -> usize {
    if nanoseconds < PER_OCTAVE as u64 {
        return nanoseconds as usize;
    }
    let octave = nanoseconds.ilog2() as usize - PER_OCTAVE.ilog2() as usize;
    let within = (nanoseconds >> octave) as usize - PER_OCTAVE;
    ((octave + 1) * PER_OCTAVE + within).min(BUCKETS - 1)
}

/// The least value of a bucket.
fn floor(bucket: usize) -> u64 {
    if bucket < PER_OCTAVE {
        return bucket as u64;
    }
    let (octave, within) = (bucket / PER_OCTAVE - 1, bucket % PER_OCTAVE);
    ((PER_OCTAVE + within) as u64) << octave
}

impl Histogram {
    pub fn record(&mut self, latency: Duration) {
        let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket(nanoseconds)] += 1;
        self.total += 1;
        self.greatest = self.greatest.max(nanoseconds);
    }

    /// The latency that `fraction` of all stay within, in milliseconds.
    pub fn at(&self, fraction: f64) -> f64 {
        let wanted = (self.total as f64 * fraction).ceil() as u64;
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted && seen > 0 {
                return floor(index + 1).min(self.greatest) as f64 / 1e6;
            }
        }
        self.max()
    }

    pub fn max(&self) -> f64 {
        self.greatest as f64 / 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_narrow_and_in_order() {
        for value in (0..100_000).chain([u64::MAX / 2, 1 << 40]) {
            let found = bucket(value);
            assert!(floor(found) <= value, "{value}");
            assert!(found + 1 == BUCKETS || value < floor(found + 1), "{value}");
            assert!((value - floor(found)) as f64 <= value as f64 * 0.04, "{value}");
        }
    }

    #[test]
    fn percentiles() {
        let mut histogram = Histogram::default();
        for milliseconds in 1..=100 {
            histogram.record(Duration::from_millis(milliseconds));
        }
        assert_eq!(histogram.max(), 100.0);
        for (fraction, expected) in [(0.5, 50.0), (0.9, 90.0), (0.99, 99.0), (1.0, 100.0)] {
            let found = histogram.at(fraction);
            assert!((found - expected).abs() <= expected * 0.04, "{fraction}: {found}");
        }
    }
}
