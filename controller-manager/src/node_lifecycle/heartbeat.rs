//! When each node was last seen alive.

use std::time::Duration;

use jiff::Timestamp;

use crate::config::Timings;

/// What a node says of itself that changes while it is alive. Compared, never read as a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signs {
    pub lease_renewed: Option<Timestamp>,
    pub status_posted: Option<Timestamp>,
}

/// One node, as observed.
#[derive(Clone, Copy, Debug)]
pub struct Heartbeat {
    signs: Signs,
    /// On the monotonic clock.
    seen: Duration,
}

impl Heartbeat {
    pub fn new(signs: Signs, now: Duration) -> Self {
        Self { signs, seen: now }
    }

    /// Takes in what the node says now; any change is a sign of life.
    pub fn observe(&mut self, signs: Signs, now: Duration) {
        if self.signs != signs {
            *self = Self::new(signs, now);
        }
    }

    /// How long until the node has been silent for too long; zero when it has.
    pub fn left(&self, timings: &Timings, now: Duration) -> Duration {
        let has_reported = self.signs.status_posted.is_some();
        let grace = if has_reported { timings.node_grace } else { timings.node_startup_grace };
        grace.saturating_sub(now.saturating_sub(self.seen))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::at;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn silence_counts_from_the_last_change_that_was_seen() {
        let timings = Timings::default();
        let mut signs = Signs::default();
        let mut heartbeat = Heartbeat::new(signs, seconds(0));
        assert_eq!(heartbeat.left(&timings, seconds(20)), seconds(40), "startup grace");
        signs.status_posted = Some(at(1));
        heartbeat.observe(signs, seconds(20));
        assert_eq!(heartbeat.left(&timings, seconds(20)), seconds(50));
        // The same renewal seen again is none.
        heartbeat.observe(signs, seconds(60));
        assert_eq!(heartbeat.left(&timings, seconds(60)), seconds(10));
        // A node whose clock runs backwards is alive all the same.
        signs.lease_renewed = Some(at(-100));
        heartbeat.observe(signs, seconds(65));
        assert_eq!(heartbeat.left(&timings, seconds(65)), seconds(50));
        assert_eq!(heartbeat.left(&timings, seconds(115)), Duration::ZERO);
    }
}
