//! Exponential back-off with jitter. The random part is the caller's, so that a decision can be
//! replayed.

use std::time::Duration;

/// Bounds of an exponential back-off.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub base: Duration,
    pub max: Duration,
}

/// Counts failures in a row.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    bounds: Bounds,
    failures: u32,
}

impl Backoff {
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, failures: 0 }
    }

    /// The delay after one more failure: `base · 2^failures`, at most `max`, of which the upper
    /// half is scaled by `jitter` in 0..=1. Never zero while `base` is not.
    pub fn next(&mut self, jitter: f64) -> Duration {
        let delay = exponential(self.bounds, self.failures);
        self.failures = self.failures.saturating_add(1);
        delay / 2 + (delay / 2).mul_f64(jitter.clamp(0.0, 1.0))
    }

    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

/// `base · 2^failures`, at most `max`.
pub fn exponential(bounds: Bounds, failures: u32) -> Duration {
    // 2^31 times any base of a millisecond or more is past every useful maximum.
    bounds.base.saturating_mul(1 << failures.min(31)).min(bounds.max)
}
