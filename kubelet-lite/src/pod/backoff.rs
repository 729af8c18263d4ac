//! Exponential delays between attempts, as upstream's flowcontrol counts them.
//!
//! The first failure costs nothing; the second is answered after 10 s, then 20 s, up to 5 min. An
//! entry that was not advanced for twice the maximum starts over.

use std::collections::BTreeMap;

use super::time::NANOS_PER_SECOND;

pub const INITIAL_SECONDS: i64 = 10;
pub const MAX_SECONDS: i64 = 300;
/// Quiet time after which a delay starts over: twice the maximum, as upstream.
pub const RESET_SECONDS: i64 = 2 * MAX_SECONDS;

#[derive(Clone, Copy, Debug)]
struct Entry {
    delay_seconds: i64,
    /// When the entry was last advanced, in nanoseconds.
    updated: i64,
}

/// Delays by container name. Bounded by the containers of one pod.
#[derive(Clone, Debug, Default)]
pub struct BackOffs(BTreeMap<String, Entry>);

impl BackOffs {
    /// When the next attempt after a failure at `failed` (nanoseconds) is due. `None` is at once.
    pub fn due(&self, name: &str, failed: i64) -> Option<i64> {
        let entry = self.0.get(name)?;
        if failed.saturating_sub(entry.updated) > RESET_SECONDS * NANOS_PER_SECOND {
            return None;
        }
        Some(failed.saturating_add(entry.delay_seconds * NANOS_PER_SECOND))
    }

    /// The current delay, for messages.
    pub fn delay_seconds(&self, name: &str) -> i64 {
        self.0.get(name).map_or(0, |entry| entry.delay_seconds)
    }

    /// Counts an attempt: the next failure waits twice as long.
    pub fn advance(&mut self, name: &str, now: i64) {
        let delay_seconds = match self.0.get(name) {
            Some(entry)
                if now.saturating_sub(entry.updated) <= RESET_SECONDS * NANOS_PER_SECOND =>
            {
                (entry.delay_seconds * 2).min(MAX_SECONDS)
            }
            _ => INITIAL_SECONDS,
        };
        self.0.insert(name.to_owned(), Entry { delay_seconds, updated: now });
    }

    pub fn forget(&mut self, name: &str) {
        self.0.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = NANOS_PER_SECOND;

    #[test]
    fn doubles_from_ten_seconds_to_five_minutes() {
        let mut back_offs = BackOffs::default();
        assert_eq!(back_offs.due("c", 5 * S), None, "the first restart is immediate");
        let mut now = 5 * S;
        for wanted in [10, 20, 40, 80, 160, 300, 300] {
            back_offs.advance("c", now);
            assert_eq!(back_offs.delay_seconds("c"), wanted);
            assert_eq!(back_offs.due("c", now), Some(now + wanted * S));
            now += wanted * S;
        }
    }

    #[test]
    fn starts_over_after_ten_quiet_minutes() {
        let mut back_offs = BackOffs::default();
        back_offs.advance("c", 0);
        back_offs.advance("c", S);
        assert_eq!(back_offs.due("c", RESET_SECONDS * S + S), Some(RESET_SECONDS * S + 21 * S));
        let quiet = RESET_SECONDS * S + 2 * S;
        assert_eq!(back_offs.due("c", quiet), None);
        back_offs.advance("c", quiet);
        assert_eq!(back_offs.delay_seconds("c"), INITIAL_SECONDS);
    }
}
