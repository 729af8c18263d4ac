//! What an operator sets of the store's care of itself: etcd's options, as proven values.

use std::time::Duration;

/// etcd's quota where none is set, 2 GiB.
pub const DEFAULT_QUOTA_BYTES: u64 = 2 << 30;

/// etcd's entries kept behind a snapshot where none are set.
pub const DEFAULT_SNAPSHOT_CATCHUP_ENTRIES: u64 = 5000;

/// etcd's `--auto-compaction-mode` and `--auto-compaction-retention` together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AutoCompaction {
    /// No retention, or one of zero.
    #[default]
    Off,
    /// Keeps what changed during the last so much time.
    Periodic(Duration),
    /// Keeps the last so many revisions.
    Revision(i64),
}

/// Why a mode and a retention are not taken, in etcd's words as far as it has any.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RetentionError {
    #[error("unknown auto-compaction-mode {mode:?}")]
    UnknownMode { mode: String },
    #[error("error parsing CompactionRetention: {retention:?} is not a duration")]
    NotADuration { retention: String },
    #[error("error parsing CompactionRetention: {retention:?} is not a number of revisions")]
    NotANumber { retention: String },
}

impl AutoCompaction {
    /// Reads the two options as etcd does: a plain number is hours in periodic mode and revisions
    /// in revision mode, anything else is a Go duration (`90m`, `1h30m`), which only the periodic
    /// mode understands. Zero turns auto-compaction off.
    pub fn parse(mode: &str, retention: &str) -> Result<Self, RetentionError> {
        let count = retention.parse::<i64>().ok().filter(|count| *count >= 0);
        if count == Some(0) && matches!(mode, "periodic" | "revision" | "") {
            return Ok(Self::Off);
        }
        match (mode, count) {
            ("periodic" | "", Some(hours)) => {
                let seconds = u64::try_from(hours).unwrap_or(0).saturating_mul(3600);
                Ok(Self::Periodic(Duration::from_secs(seconds)))
            }
            ("periodic" | "", None) => match go_duration(retention) {
                Some(Duration::ZERO) => Ok(Self::Off),
                Some(period) => Ok(Self::Periodic(period)),
                None => Err(RetentionError::NotADuration { retention: retention.into() }),
            },
            ("revision", Some(keep)) => Ok(Self::Revision(keep)),
            ("revision", None) => Err(RetentionError::NotANumber { retention: retention.into() }),
            (_, _) => Err(RetentionError::UnknownMode { mode: mode.into() }),
        }
    }
}

/// A duration as Go writes it: numbers with units, one behind the other. `None` for anything else,
/// negative ones among it.
pub fn go_duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut nanos = 0.0_f64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').filter(|at| *at > 0)?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        // Longer units first where one begins another.
        const UNITS: [(&str, f64); 8] = [
            ("ns", 1.0),
            ("us", 1e3),
            ("µs", 1e3),
            ("μs", 1e3),
            ("ms", 1e6),
            ("s", 1e9),
            ("m", 60e9),
            ("h", 3600e9),
        ];
        let (unit, factor) = UNITS.iter().find(|(unit, _)| rest.starts_with(unit))?;
        nanos += number * factor;
        rest = &rest[unit.len()..];
    }
    Duration::try_from_secs_f64(nanos / 1e9).ok()
}

/// Checkpoints of leases: how much of its time a long lease has left is replicated now and then, so
/// that a new leader does not begin with the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseCheckpoints {
    /// etcd's `--experimental-enable-lease-checkpoint`. A checkpoint is always kept over restarts,
    /// as etcd does from 3.6 on whatever `…-checkpoint-persist` says.
    pub enabled: bool,
    /// Leases with more than this left are checkpointed this often.
    pub interval: Duration,
}

impl Default for LeaseCheckpoints {
    fn default() -> Self {
        Self { enabled: false, interval: Duration::from_secs(5 * 60) }
    }
}

/// Settings of the store's care of itself.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Bytes that the store may take, as `Status.db_size` counts them: 0 is etcd's default of
    /// 2 GiB, less than 0 turns the quota off.
    pub quota_bytes: i64,
    pub auto_compaction: AutoCompaction,
    /// Compare fingerprints with the other members before serving, and refuse to start on a
    /// difference.
    pub initial_corrupt_check: bool,
    /// How often the leader compares fingerprints of the latest revision; zero: never.
    pub corrupt_check_time: Duration,
    /// How often the leader compares fingerprints of the last compaction; `None`: never.
    pub compact_hash_check: Option<Duration>,
    pub lease_checkpoints: LeaseCheckpoints,
    /// etcd's `--snapshot-count`: at most so many entries are applied between two snapshots. 0
    /// leaves it to the store, which weighs entries and bytes against the size of the state.
    pub snapshot_count: u64,
    /// etcd's `--snapshot-catchup-entries`: a member with others keeps up to so many entries behind
    /// its last snapshot, for those that were away for a short while.
    pub snapshot_catchup_entries: u64,
    /// Requests that take longer are logged.
    pub warning_apply_duration: Duration,
    pub warning_unary_request_duration: Duration,
    /// How long the log's disk may take over one write before this member gives leadership away and
    /// stands for none. `None` is twice the election timeout; zero never.
    pub stalled_disk_after: Option<Duration>,
}

impl Settings {
    /// The quota in force, `None` when it is off.
    pub fn quota(&self) -> Option<u64> {
        match self.quota_bytes {
            0 => Some(DEFAULT_QUOTA_BYTES),
            bytes => u64::try_from(bytes).ok(),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            quota_bytes: 0,
            auto_compaction: AutoCompaction::Off,
            initial_corrupt_check: false,
            corrupt_check_time: Duration::ZERO,
            compact_hash_check: None,
            lease_checkpoints: LeaseCheckpoints::default(),
            snapshot_count: 0,
            snapshot_catchup_entries: DEFAULT_SNAPSHOT_CATCHUP_ENTRIES,
            warning_apply_duration: Duration::from_millis(100),
            warning_unary_request_duration: Duration::from_millis(300),
            stalled_disk_after: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_go_writes_them() {
        let cases = [
            ("1h", Some(3_600_000)),
            ("1h30m", Some(5_400_000)),
            ("1.5h", Some(5_400_000)),
            ("10m", Some(600_000)),
            ("5s", Some(5_000)),
            ("250ms", Some(250)),
            ("+1s", Some(1_000)),
            ("0", Some(0)),
            ("0s", Some(0)),
            ("", None),
            ("1", None),
            ("h", None),
            ("-1h", None),
            ("1h 2m", None),
            ("1x", None),
            ("1..5h", None),
        ];
        for (text, millis) in cases {
            assert_eq!(go_duration(text), millis.map(Duration::from_millis), "{text:?}");
        }
        assert_eq!(go_duration("100us"), Some(Duration::from_micros(100)));
        assert_eq!(go_duration("100µs"), Some(Duration::from_micros(100)));
        assert_eq!(go_duration("7ns"), Some(Duration::from_nanos(7)));
    }

    #[test]
    fn mode_and_retention_read_as_in_etcd() {
        let hours = |hours: u64| AutoCompaction::Periodic(Duration::from_secs(hours * 3600));
        let cases = [
            ("periodic", "1", Ok(hours(1))),
            ("periodic", "0", Ok(AutoCompaction::Off)),
            ("", "0", Ok(AutoCompaction::Off)),
            ("periodic", "0s", Ok(AutoCompaction::Off)),
            ("periodic", "2h", Ok(hours(2))),
            ("periodic", "10m", Ok(AutoCompaction::Periodic(Duration::from_secs(600)))),
            ("revision", "1000", Ok(AutoCompaction::Revision(1000))),
            ("revision", "1h", Err(RetentionError::NotANumber { retention: "1h".into() })),
            ("periodic", "x", Err(RetentionError::NotADuration { retention: "x".into() })),
            ("hourly", "1", Err(RetentionError::UnknownMode { mode: "hourly".into() })),
        ];
        for (mode, retention, expected) in cases {
            assert_eq!(AutoCompaction::parse(mode, retention), expected, "{mode} {retention}");
        }
    }

    #[test]
    fn a_quota_of_zero_is_the_default_and_a_negative_one_is_none() {
        for (bytes, quota) in [(0, Some(2 << 30)), (-1, None), (4096, Some(4096))] {
            assert_eq!(Settings { quota_bytes: bytes, ..Settings::default() }.quota(), quota);
        }
    }
}
