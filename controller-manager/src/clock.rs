//! The time that decisions depend on.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

pub trait Clock: Send + Sync {
    /// Wall-clock time, for what is written into objects and compared with it.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment, never going backwards: for measuring silence.
    fn monotonic(&self) -> Duration;
}

pub struct SystemClock(Instant);

impl Default for SystemClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

/// A timestamp as objects hold it: whole seconds, so that what is compared is what is read back.
pub fn stamp(now: Timestamp) -> Time {
    Time(Timestamp::from_second(now.as_second()).unwrap_or(now))
}

/// A wait as timers take it; none for what is past.
pub fn wait(delay: jiff::SignedDuration) -> Duration {
    Duration::try_from(delay).unwrap_or(Duration::ZERO)
}
