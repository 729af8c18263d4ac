//! The faults by name.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::{
    World, certificates, full_disk, kill, partition, pause, power_loss, read_only, replace,
    rolling_restart, slow_disk, slow_network, sync_error,
};
use crate::chaos::cluster::ClusterError;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Kill,
    KillLeader,
    KillAll,
    Pause,
    Partition,
    SlowNetwork,
    FullDisk,
    ReadOnlyDisk,
    SyncError,
    SlowDisk,
    PowerLoss,
    PowerLossAll,
    Replace,
    Certificates,
    RollingRestart,
}

/// No fault has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is no fault; there are {}", Kind::ALL.map(Kind::name).join(", "))]
pub struct UnknownKind {
    name: String,
}

impl Kind {
    pub const ALL: [Self; 15] = [
        Self::Kill,
        Self::KillLeader,
        Self::KillAll,
        Self::Pause,
        Self::Partition,
        Self::SlowNetwork,
        Self::FullDisk,
        Self::ReadOnlyDisk,
        Self::SyncError,
        Self::SlowDisk,
        Self::PowerLoss,
        Self::PowerLossAll,
        Self::Replace,
        Self::Certificates,
        Self::RollingRestart,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::KillLeader => "kill-leader",
            Self::KillAll => "kill-all",
            Self::Pause => "pause",
            Self::Partition => "partition",
            Self::SlowNetwork => "slow-network",
            Self::FullDisk => "full-disk",
            Self::ReadOnlyDisk => "read-only-disk",
            Self::SyncError => "sync-error",
            Self::SlowDisk => "slow-disk",
            Self::PowerLoss => "power-loss",
            Self::PowerLossAll => "power-loss-all",
            Self::Replace => "replace",
            Self::Certificates => "certificates",
            Self::RollingRestart => "rolling-restart",
        }
    }

    /// What it does, for people who choose.
    pub fn about(self) -> &'static str {
        match self {
            Self::Kill => "kill -9 of some member, or of several up to all but a quorum",
            Self::KillLeader => "kill -9 of the leader; the fail-over is timed",
            Self::KillAll => "kill -9 of all members at once",
            Self::Pause => "SIGSTOP of a member for longer than an election takes",
            Self::Partition => "cuts between members, or clients and members, one way or both",
            Self::SlowNetwork => "links that delay what queues and drop what does not fit",
            Self::FullDisk => "a file system without room",
            Self::ReadOnlyDisk => "a file system that turns read-only, also at a start",
            Self::SyncError => "fsync fails with EIO",
            Self::SlowDisk => "fsync takes long",
            Self::PowerLoss => "one member loses what no fsync covered",
            Self::PowerLossAll => "all members do, at once",
            Self::Replace => "a member is lost for good and another takes its place",
            Self::Certificates => "all certificates and their authority are replaced",
            Self::RollingRestart => "SIGTERM and a new start, one member after another",
        }
    }

    /// Injects it, holds it, heals it. Returns what was done.
    pub async fn strike(self, world: &mut World) -> Result<String, ClusterError> {
        match self {
            Self::Kill => kill::some(world).await,
            Self::KillLeader => kill::leader(world).await,
            Self::KillAll => kill::all(world).await,
            Self::Pause => pause::strike(world).await,
            Self::Partition => partition::strike(world).await,
            Self::SlowNetwork => slow_network::strike(world).await,
            Self::FullDisk => full_disk::strike(world).await,
            Self::ReadOnlyDisk => read_only::strike(world).await,
            Self::SyncError => sync_error::strike(world).await,
            Self::SlowDisk => slow_disk::strike(world).await,
            Self::PowerLoss => power_loss::one(world).await,
            Self::PowerLossAll => power_loss::all(world).await,
            Self::Replace => replace::strike(world).await,
            Self::Certificates => certificates::strike(world).await,
            Self::RollingRestart => rolling_restart::strike(world).await,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == text);
        found.ok_or_else(|| UnknownKind { name: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_is_parsed_and_reported() {
        for kind in Kind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
            assert_eq!(serde_json::to_value(kind).expect("plain"), kind.name());
        }
        assert!("flood".parse::<Kind>().is_err());
    }
}
