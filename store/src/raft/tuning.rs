//! openraft's settings.
//!
//! A follower of openraft waits out the lease that its leader's last sign gave it, and then a time
//! that it draws, before it stands for election. openraft takes the lease from the longest time
//! that can be drawn. With an election timeout T:
//!
//! ```text
//!  last sign ──── lease: 3/4 T ────►├──── drawn: 3/8 T to 3/4 T ────► pre-vote, vote, first entry
//! ```
//!
//! That makes 9/8 T to 3/2 T, where etcd draws from T to 2 T: a stall that etcd forgives is
//! forgiven here, and writes go on within 2 T. A leader that no quorum answered for its lease takes
//! no writes until one does. Rejected: to draw from T to 2 T, which makes the lease 2 T and a
//! fail-over 3 T to 4 T; to draw from much less than T/2, which is also how long a member that is
//! asked for its vote may take to sync it.
//!
//! Those who see that their leader's process has ended wait for neither:
//! [`succession`](crate::embedded).

use std::time::Duration;

use openraft::{Config, SnapshotPolicy};

use crate::config::Cluster;

/// Entries that may be appended in one batch: what 1000 clients can have in flight, with room.
const APPEND_BATCH: u64 = 4096;

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The longest that a follower waits for a sign of its leader before it stands for election.
pub fn longest_election_timeout(cluster: &Cluster) -> Duration {
    2 * leader_lease(cluster)
}

/// For how long a leader takes writes after a quorum answered it last, and for how long a follower
/// that heard it votes for nobody else.
pub fn leader_lease(cluster: &Cluster) -> Duration {
    cluster.election_timeout * 3 / 4
}

/// The settings of a member. It starts without ticks, which are turned on while there are others:
/// a single voter never needs an election or a heartbeat, so it is woken only by work.
pub fn config(cluster_name: &str, cluster: &Cluster) -> Config {
    let longest = millis(leader_lease(cluster));
    Config {
        cluster_name: cluster_name.to_owned(),
        heartbeat_interval: millis(cluster.heartbeat_interval),
        // Above a heartbeat, which openraft insists on, for the shortest times that etcd allows.
        election_timeout_min: (longest / 2).max(millis(cluster.heartbeat_interval) + 1),
        election_timeout_max: longest,
        // The lease, and the longest time drawn after it.
        quorum_loss_probe_interval: Some(millis(longest_election_timeout(cluster))),
        enable_pre_vote: Some(cluster.pre_vote),
        // A leader sends entries before its own disk has them, and the others alone may commit
        // them. If it came back as the leader of the same term, it would give their places to other
        // entries.
        enable_leader_restore: Some(planted!(LeaderRestored)),
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
        for heartbeat in [1, 2, 3, 10, 777] {
            let quick = Cluster {
                heartbeat_interval: Duration::from_millis(heartbeat),
                election_timeout: Duration::from_millis(5 * heartbeat),
                ..Cluster::default()
            };
            config("test", &quick).validate().expect("quick settings are valid");
        }
    }
}
