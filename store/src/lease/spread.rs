//! Keeps leases that would run out together apart, when a new leader has just renewed them all.

use std::time::Duration;

/// Fewer leases than this cannot pile up.
const MANY: usize = 1000;

/// Leases that may run out in one second, as in etcd: three quarters of what is revoked in one.
const PER_SECOND: u32 = 750;

/// Delays some of `remaining` so that no more than [`PER_SECOND`] end in any second. None ends
/// earlier than it would, and the order stays. Sorted by time when it returns.
pub(super) fn spread(remaining: &mut [(Duration, i64)]) {
    remaining.sort_unstable();
    if remaining.len() < MANY {
        return;
    }
    let gap = Duration::from_secs(1) / PER_SECOND;
    let mut free = Duration::ZERO;
    for (time, _) in remaining {
        *time = (*time).max(free);
        free = time.saturating_add(gap);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_left_alone_and_sorted() {
        let mut few = [(Duration::from_secs(2), 1), (Duration::from_secs(1), 2)];
        spread(&mut few);
        assert_eq!(few, [(Duration::from_secs(1), 2), (Duration::from_secs(2), 1)]);
    }

    #[test]
    fn a_pile_is_spread_and_what_is_apart_stays() {
        let second = Duration::from_secs(1);
        let mut pile: Vec<(Duration, i64)> = (0..3000).map(|id| (10 * second, id)).collect();
        pile.push((60 * second, -1));
        spread(&mut pile);
        assert_eq!(pile.last(), Some(&(60 * second, -1)));
        for at in 10..15 {
            let (from, to) = (at * second, (at + 1) * second);
            let ends = pile.iter().filter(|(time, _)| (from..to).contains(time)).count();
            assert!(ends <= PER_SECOND as usize + 1, "{ends} end in second {at}");
        }
        assert!(pile.iter().all(|(time, _)| *time >= 10 * second && *time <= 60 * second));
        assert!(pile.windows(2).all(|pair| pair[0].0 <= pair[1].0));
    }
}
