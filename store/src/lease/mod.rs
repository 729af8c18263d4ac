//! Lease time-keeping, apart from the replicated facts.
//!
//! Which leases exist and which keys they hold is replicated state ([`crate::mvcc::State`]). When a
//! lease runs out is known to the leader alone, which keeps the deadlines here and proposes a revoke
//! for each that passes. Keep-alives move a deadline and cost no entry.
//!
//! ```text
//!  elected ──► promote: every lease gets what its last checkpoint left it (else all of its TTL)
//!                       and one election timeout, so that nobody loses by the change
//!  leading ──► deadline passed → leadership confirmed → still passed? → revoke
//!              long leases → checkpoint now and then
//!  deposed ──► demote: no deadline is kept, nothing expires
//! ```
//!
//! A lease is never revoked on the word of a leader that may be none any more, nor by one that was
//! not running: revokes are proposed here and not forwarded, leadership is confirmed first, and a
//! leader that wakes late gives every lease the time that it slept.
//!
//! Rejected: a tick that looks every half second, as in etcd. Nothing wakes while no lease is due.

mod deadlines;
mod expiry;
mod keeper;
mod renewal;
mod spread;

use std::time::Duration;

pub use keeper::Keeper;

pub(crate) use expiry::start;

/// The shortest TTL granted, in seconds: one and a half election timeouts in whole ticks, rounded
/// up, as in etcd.
pub(crate) fn min_ttl(tick: Duration, election_timeout: Duration) -> i64 {
    let tick = tick.max(Duration::from_millis(1));
    let ticks = election_timeout.as_millis() / tick.as_millis();
    let millis = ticks * 3 / 2 * tick.as_millis();
    i64::try_from(millis.div_ceil(1000)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minimum_ttl_is_that_of_etcd() {
        for (tick, election, ttl) in [
            (100, 1000, 2),
            (100, 5000, 8),
            (10, 100, 1),
            (100, 1050, 2),
            (300, 1000, 2),
            (0, 0, 0),
        ] {
            let (tick, election) = (Duration::from_millis(tick), Duration::from_millis(election));
            assert_eq!(min_ttl(tick, election), ttl, "{tick:?} {election:?}");
        }
    }
}
