//! Time as the store sees it: injected, so that tests and simulation own it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

/// A point on a clock that only goes forward, as time since that clock's start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(Duration);

impl Instant {
    pub const fn from_start(since_start: Duration) -> Self {
        Self(since_start)
    }

    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }

    pub fn saturating_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// Tells the time and waits for it.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    fn now(&self) -> Instant;

    /// Resolves at `deadline` or a little later.
    fn sleep_until(&self, deadline: Instant) -> BoxFuture<'static, ()>;
}

/// Tokio's clock: real time, or the paused time of a test runtime.
#[derive(Clone, Copy, Debug)]
pub struct TokioClock {
    start: tokio::time::Instant,
}

/// Longest single sleep; a later deadline is slept towards in steps.
const LONGEST_SLEEP: Duration = Duration::from_secs(24 * 3600);

impl TokioClock {
    pub fn shared() -> Arc<dyn Clock> {
        Arc::new(Self { start: tokio::time::Instant::now() })
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Instant {
        Instant(self.start.elapsed())
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<'static, ()> {
        let wait = deadline.saturating_since(self.now()).min(LONGEST_SLEEP);
        Box::pin(tokio::time::sleep(wait))
    }
}
