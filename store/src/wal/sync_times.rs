//! How long syncs took, as a histogram that the writer fills and anyone reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Number of buckets with an upper bound: 1 ms doubled thirteen times, as etcd's.
const BOUNDS: usize = 14;

/// A handle to the histogram. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct SyncTimes(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// The last is for what lies beyond every bound.
    buckets: [AtomicU64; BOUNDS + 1],
    total_micros: AtomicU64,
}

fn bound(bucket: usize) -> Duration {
    Duration::from_millis(1 << bucket)
}

impl SyncTimes {
    pub(super) fn record(&self, took: Duration) {
        let bucket = (0..BOUNDS).find(|bucket| took <= bound(*bucket)).unwrap_or(BOUNDS);
        self.0.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.0.total_micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// Each bound in seconds with the number of syncs within it, those of lesser bounds included.
    pub fn cumulative(&self) -> Vec<(f64, u64)> {
        let mut sum = 0;
        (0..BOUNDS)
            .map(|bucket| {
                sum += self.0.buckets[bucket].load(Ordering::Relaxed);
                (bound(bucket).as_secs_f64(), sum)
            })
            .collect()
    }

    pub fn count(&self) -> u64 {
        self.0.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).sum()
    }

    pub fn total_seconds(&self) -> f64 {
        Duration::from_micros(self.0.total_micros.load(Ordering::Relaxed)).as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_include_themselves_and_what_is_below() {
        let times = SyncTimes::default();
        for micros in [500, 1000, 1001, 5_000, 60_000_000] {
            times.record(Duration::from_micros(micros));
        }
        let within = times.cumulative();
        assert_eq!(within[..4], [(0.001, 2), (0.002, 3), (0.004, 3), (0.008, 4)]);
        assert_eq!(within.last(), Some(&(8.192, 4)));
        assert_eq!((times.count(), times.total_seconds()), (5, 60.007501));
    }
}
