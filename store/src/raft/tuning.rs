//! openraft's settings.

use openraft::{Config, SnapshotPolicy};

/// etcd's defaults, in milliseconds.
const HEARTBEAT_INTERVAL: u64 = 100;
const ELECTION_TIMEOUT: u64 = 1000;

/// Entries that may be appended in one batch: what 1000 clients can have in flight, with room.
const APPEND_BATCH: u64 = 4096;

/// The settings of a member. `alone` turns the ticks off: a single voter never needs an election
/// or a heartbeat, so it is woken only by work.
pub fn config(cluster_name: &str, alone: bool) -> Config {
    Config {
        cluster_name: cluster_name.to_owned(),
        heartbeat_interval: HEARTBEAT_INTERVAL,
        election_timeout_min: ELECTION_TIMEOUT,
        election_timeout_max: 2 * ELECTION_TIMEOUT,
        quorum_loss_probe_interval: Some(4 * ELECTION_TIMEOUT),
        enable_pre_vote: Some(true),
        enable_tick: !alone,
        enable_heartbeat: !alone,
        enable_elect: !alone,
        max_payload_entries: APPEND_BATCH,
        max_append_entries: Some(APPEND_BATCH),
        api_batch_capacity: APPEND_BATCH,
        // We trigger snapshots ourselves, by bytes as well as by entries.
        snapshot_policy: SnapshotPolicy::Never,
        max_in_snapshot_log_to_keep: if alone { 0 } else { 1000 },
        purge_batch_size: 1,
        ..Config::default()
    }
}
