//! openraft's settings.

use std::time::Duration;

use openraft::{Config, SnapshotPolicy};

use crate::config::Cluster;

/// Entries that may be appended in one batch: what 1000 clients can have in flight, with room.
const APPEND_BATCH: u64 = 4096;

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The longest that a follower waits for a sign of its leader before it stands for election. As in
/// etcd, each draws its own time between the election timeout and twice that.
pub fn longest_election_timeout(cluster: &Cluster) -> Duration {
    2 * cluster.election_timeout
}

/// The settings of a member. It starts without ticks, which are turned on while there are others:
/// a single voter never needs an election or a heartbeat, so it is woken only by work.
pub fn config(cluster_name: &str, cluster: &Cluster) -> Config {
    let longest = millis(longest_election_timeout(cluster));
    Config {
        cluster_name: cluster_name.to_owned(),
        heartbeat_interval: millis(cluster.heartbeat_interval),
        election_timeout_min: millis(cluster.election_timeout),
        election_timeout_max: longest,
        quorum_loss_probe_interval: Some(2 * longest),
        enable_pre_vote: Some(cluster.pre_vote),
        // A leader sends entries before its own disk has them, and the others alone may commit them. If it
        // came back as the leader of the same term, it would give their places to other entries.
        enable_leader_restore: Some(false),
        enable_tick: false,
        enable_heartbeat: false,
        enable_elect: false,
        max_payload_entries: APPEND_BATCH,
        max_append_entries: Some(APPEND_BATCH),
        api_batch_capacity: APPEND_BATCH,
        // We trigger snapshots ourselves, by bytes as well as by entries, and purge ourselves.
        snapshot_policy: SnapshotPolicy::Never,
        max_in_snapshot_log_to_keep: u64::MAX,
        purge_batch_size: 1,
        ..Config::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_are_valid() {
        config("test", &Cluster::default()).validate().expect("the defaults are valid");
        let quick = Cluster {
            heartbeat_interval: Duration::from_millis(10),
            election_timeout: Duration::from_millis(50),
            ..Cluster::default()
        };
        config("test", &quick).validate().expect("quick settings are valid");
    }
}
