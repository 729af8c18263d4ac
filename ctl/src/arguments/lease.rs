//! `lease …`.

use clap::Subcommand;

use super::values::lease_id;

#[derive(Debug, Subcommand)]
pub enum Lease {
    /// Grant a lease of so many seconds
    Grant { ttl: i64 },
    /// Revoke a lease, deleting its keys
    Revoke {
        #[arg(value_parser = lease_id)]
        lease_id: i64,
    },
    /// Print what is left of a lease
    Timetolive {
        #[arg(value_parser = lease_id)]
        lease_id: i64,
        /// Print its keys too
        #[arg(long)]
        keys: bool,
    },
    /// Print the ids of all leases
    List,
    /// Renew a lease until interrupted
    KeepAlive {
        #[arg(value_parser = lease_id)]
        lease_id: i64,
        /// Renew once and stop
        #[arg(long)]
        once: bool,
    },
}
