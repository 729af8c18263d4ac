//! Members and endpoints: `member`, `endpoint`, `alarm`, `defrag`, `move-leader`, `downgrade`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::kv::Consistency;
use super::values::member_id;

#[derive(Debug, Subcommand)]
pub enum Member {
    /// Add a member, and print the settings that it is to be started with
    Add {
        #[arg(value_name = "NAME")]
        member_name: String,
        /// Peer URLs of the new member, separated by commas
        #[arg(long, value_name = "URLS")]
        peer_urls: Option<String>,
        /// Let it catch up as a learner, which has no vote until it is promoted
        #[arg(long)]
        learner: bool,
    },
    /// Remove a member
    Remove {
        #[arg(value_parser = member_id)]
        member_id: u64,
    },
    /// Change the peer URLs of a member
    Update {
        #[arg(value_parser = member_id)]
        member_id: u64,
        /// Its peer URLs, separated by commas
        #[arg(long, value_name = "URLS")]
        peer_urls: Option<String>,
    },
    /// List the members
    ///
    /// `simple` prints id, status, name, peer addresses, client addresses, whether a learner.
    List {
        /// `l` waits for the cluster's agreement, `s` answers from the member asked
        #[arg(long, value_enum, default_value_t = Consistency::L)]
        consistency: Consistency,
    },
    /// Give a learner its vote
    Promote {
        #[arg(value_parser = member_id)]
        member_id: u64,
    },
}

#[derive(Debug, Args)]
pub struct Endpoint {
    /// Use all endpoints of the cluster's members
    #[arg(long, global = true)]
    pub cluster: bool,
    #[command(subcommand)]
    pub command: EndpointCommand,
}

#[derive(Debug, Subcommand)]
pub enum EndpointCommand {
    /// Check that each endpoint answers a linearizable read and has no alarm
    Health,
    /// Print version, size, leader and indexes of each endpoint
    Status,
    /// Print the hash of each endpoint's history
    Hashkv {
        /// Hash up to this revision, 0 for the latest
        #[arg(long, default_value_t = 0)]
        rev: i64,
    },
}

#[derive(Debug, Subcommand)]
pub enum Alarm {
    /// Clear all alarms
    Disarm,
    /// Print all alarms
    List,
}

#[derive(Debug, Args)]
pub struct Defrag {
    /// Use all endpoints of the cluster's members
    #[arg(long, conflicts_with = "data_dir")]
    pub cluster: bool,
    /// Work on the files of a store that does not run
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct MoveLeader {
    /// The member to lead
    #[arg(value_parser = member_id)]
    pub member_id: u64,
}

#[derive(Debug, Subcommand)]
pub enum Downgrade {
    /// Ask whether the cluster can go down to a version
    Validate { target_version: String },
    /// Begin going down to a version
    Enable { target_version: String },
    /// Stop going down
    Cancel,
}
