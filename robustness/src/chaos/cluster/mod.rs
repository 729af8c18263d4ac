//! Real members: processes of the binary, each with a machine of its own as far as it can tell.

mod admin;
mod binary;
mod error;
mod member;
mod members;
mod pki;

pub use admin::{Admin, Health};
pub use binary::Binary;
pub use error::ClusterError;
pub use member::{Ended, Member};
pub use members::{Cluster, Founding};
pub use pki::Pki;

/// Where members listen, each on an address of its own.
pub const CLIENT_PORT: u16 = 2379;
pub const PEER_PORT: u16 = 2380;

/// `--election-timeout`, which all members have; a follower waits between one and two of it.
pub const ELECTION_TIMEOUT: std::time::Duration = std::time::Duration::from_millis(1000);
