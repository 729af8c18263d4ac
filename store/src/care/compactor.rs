//! When auto-compaction compacts, and what. No clock, no store.
//!
//! As in etcd: the periodic compactor looks at the revision ten times in a period (or hour, if that
//! is shorter), waits out one whole period, and then compacts to what was current a period ago, at
//! most once an hour. The revision compactor looks every five minutes.

use std::collections::VecDeque;
use std::time::Duration;

use super::settings::AutoCompaction;
use crate::clock::Instant;

const HOUR: Duration = Duration::from_secs(3600);

/// Looks per period, or per hour if the period is longer.
const LOOKS: u32 = 10;

/// How often the revision compactor looks.
const REVISION_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// Decides over one look after the other.
#[derive(Debug)]
pub(super) enum Compactor {
    Periodic(Periodic),
    Revision(Revision),
}

impl Compactor {
    /// `None` where auto-compaction is off.
    pub(super) fn new(mode: AutoCompaction, now: Instant) -> Option<Self> {
        match mode {
            AutoCompaction::Off => None,
            AutoCompaction::Periodic(period) => Some(Self::Periodic(Periodic::new(period, now))),
            AutoCompaction::Revision(keep) => Some(Self::Revision(Revision { keep, last: 0 })),
        }
    }

    /// Time between two looks.
    pub(super) fn interval(&self) -> Duration {
        match self {
            Self::Periodic(periodic) => periodic.interval(),
            Self::Revision(_) => REVISION_INTERVAL,
        }
    }

    /// Takes note of the revision that is current when an interval begins.
    pub(super) fn begin(&mut self, revision: i64) {
        match self {
            Self::Periodic(periodic) => periodic.begin(revision),
            Self::Revision(_) => {}
        }
    }

    /// At the end of an interval: the revision to compact to, if it is time. Only asked of a
    /// leader; others look on, so that a new leader knows what it would have to know.
    pub(super) fn due(&self, now: Instant, revision: i64) -> Option<i64> {
        match self {
            Self::Periodic(periodic) => periodic.due(now),
            Self::Revision(compactor) => compactor.due(revision),
        }
    }

    /// The compaction to `revision` succeeded, or someone else had compacted as far.
    pub(super) fn compacted(&mut self, now: Instant, revision: i64) {
        match self {
            Self::Periodic(periodic) => periodic.compacted(now, revision),
            Self::Revision(compactor) => compactor.last = revision,
        }
    }
}

#[derive(Debug)]
pub(super) struct Periodic {
    period: Duration,
    /// Revisions at the beginnings of the intervals of one period, oldest first.
    seen: VecDeque<i64>,
    last_revision: i64,
    last_success: Instant,
    /// Whether the first period has passed.
    settled: bool,
}

impl Periodic {
    fn new(period: Duration, now: Instant) -> Self {
        let seen = VecDeque::new();
        Self { period, seen, last_revision: 0, last_success: now, settled: false }
    }

    fn interval(&self) -> Duration {
        // Never zero: the operator may set a period of nanoseconds.
        (self.period.min(HOUR) / LOOKS).max(Duration::from_millis(1))
    }

    /// Intervals in a period, and one.
    fn retentions(&self) -> usize {
        let intervals = self.period.as_nanos() / self.interval().as_nanos();
        usize::try_from(intervals).unwrap_or(usize::MAX).saturating_add(1)
    }

    fn begin(&mut self, revision: i64) {
        self.seen.push_back(revision);
        while self.seen.len() > self.retentions() {
            self.seen.pop_front();
        }
    }

    fn due(&self, now: Instant) -> Option<i64> {
        let patience = if self.settled { self.period.min(HOUR) } else { self.period };
        let oldest = *self.seen.front()?;
        let waited = now.saturating_since(self.last_success) >= patience;
        (waited && oldest != self.last_revision).then_some(oldest)
    }

    fn compacted(&mut self, now: Instant, revision: i64) {
        self.last_revision = revision;
        self.last_success = now;
        self.settled = true;
    }
}

#[derive(Debug)]
pub(super) struct Revision {
    keep: i64,
    last: i64,
}

impl Revision {
    fn due(&self, revision: i64) -> Option<i64> {
        let target = revision.saturating_sub(self.keep);
        (target > 0 && target != self.last).then_some(target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// Runs `looks` intervals with `revision(interval)` as the revision; answers what was compacted
    /// at which minute.
    fn run(mode: AutoCompaction, looks: u32, revision: impl Fn(u32) -> i64) -> Vec<(u64, i64)> {
        let mut compactor = Compactor::new(mode, Instant::default()).expect("it is on");
        let mut compacted = Vec::new();
        for look in 0..looks {
            compactor.begin(revision(look));
            let now = Instant::from_start(compactor.interval() * (look + 1));
            if let Some(target) = compactor.due(now, revision(look + 1)) {
                let minutes = now.saturating_since(Instant::default()).as_secs() / 60;
                compacted.push((minutes, target));
                compactor.compacted(now, target);
            }
        }
        compacted
    }

    #[test]
    fn an_hour_keeps_an_hour_and_compacts_each_hour() {
        let hourly = AutoCompaction::Periodic(HOUR);
        // Ten revisions every six minutes. At one hour the look of minute 0 is the oldest.
        let compacted = run(hourly, 35, |look| i64::from(look) * 10 + 1);
        assert_eq!(compacted, [(60, 1), (120, 91), (180, 191)]);
    }

    #[test]
    fn a_day_waits_a_day_and_then_compacts_each_hour() {
        let daily = AutoCompaction::Periodic(24 * HOUR);
        let compacted = run(daily, 265, |look| i64::from(look) + 1);
        let hours: Vec<(u64, i64)> = compacted.iter().map(|(at, to)| (at / 60, *to)).collect();
        assert_eq!(hours, [(24, 1), (25, 10), (26, 20)]);
    }

    #[test]
    fn minutes_keep_minutes() {
        let compacted = run(AutoCompaction::Periodic(10 * MINUTE), 40, |look| i64::from(look) + 1);
        assert_eq!(compacted, [(10, 1), (20, 10), (30, 20), (40, 30)]);
    }

    #[test]
    fn nothing_new_is_not_compacted_again() {
        assert_eq!(run(AutoCompaction::Periodic(MINUTE), 50, |_| 7), [(1, 7)]);
        assert_eq!(run(AutoCompaction::Revision(5), 10, |_| 7), [(5, 2)]);
    }

    #[test]
    fn revisions_keep_so_many() {
        let compacted = run(AutoCompaction::Revision(10), 4, |look| i64::from(look) * 7 + 1);
        // After 5, 10, 15 and 20 minutes the store is at 8, 15, 22 and 29.
        assert_eq!(compacted, [(10, 5), (15, 12), (20, 19)]);
        assert_eq!(run(AutoCompaction::Revision(100), 10, |_| 50), []);
    }

    #[test]
    fn a_failure_is_tried_again_at_the_next_look() {
        let mut compactor = Periodic::new(HOUR, Instant::default());
        for look in 1..=11_i64 {
            compactor.begin(look);
        }
        let first = Instant::from_start(HOUR);
        assert_eq!(compactor.due(first), Some(1));
        compactor.begin(12);
        assert_eq!(compactor.due(first.saturating_add(6 * MINUTE)), Some(2));
    }

    #[test]
    fn off_is_nothing_and_the_shortest_period_does_not_spin() {
        assert!(Compactor::new(AutoCompaction::Off, Instant::default()).is_none());
        let short = AutoCompaction::Periodic(Duration::from_nanos(1));
        let compactor = Compactor::new(short, Instant::default()).expect("it is on");
        assert_eq!(compactor.interval(), Duration::from_millis(1));
    }
}
