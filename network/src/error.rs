//! What can go wrong on the way to the kernel.

use std::net::Ipv4Addr;
use std::path::PathBuf;

/// A network operation that failed, named after what it was done to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{operation} {subject}: {source}")]
    Netlink { operation: &'static str, subject: String, source: rtnetlink::Error },
    #[error("{operation} {subject}: {source}")]
    Io { operation: &'static str, subject: String, source: std::io::Error },
    #[error("no interface is named {name}")]
    NoSuchLink { name: String },
    #[error("no free address is left in {cidr}")]
    PoolExhausted { cidr: ipnet::Ipv4Net },
    #[error("address file {path:?} is not readable as such: {reason}")]
    CorruptPool { path: PathBuf, reason: String },
    #[error("address {address} belongs to {holder}")]
    AddressTaken { address: Ipv4Addr, holder: String },
    #[error("every private /16 overlaps a route of this machine: give a pod CIDR")]
    NoFreeCidr,
    #[error("{cidr} is too small for a node: it needs a /29 or larger")]
    CidrTooSmall { cidr: ipnet::Ipv4Net },
    #[error("nft refused the rules of table {table}: {reason}")]
    Nft { table: String, reason: String },
    #[error("the thread that works in namespace {name} ended early")]
    WorkerLost { name: String },
}

impl Error {
    pub(crate) fn netlink(
        operation: &'static str,
        subject: impl Into<String>,
    ) -> impl FnOnce(rtnetlink::Error) -> Self {
        let subject = subject.into();
        move |source| Self::Netlink { operation, subject, source }
    }

    pub(crate) fn io(
        operation: &'static str,
        subject: impl Into<String>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let subject = subject.into();
        move |source| Self::Io { operation, subject, source }
    }
}

/// Whether the kernel answered with this errno.
pub(crate) fn is_errno(error: &rtnetlink::Error, errno: nix::errno::Errno) -> bool {
    match error {
        rtnetlink::Error::NetlinkError(message) => message.raw_code() == -(errno as i32),
        _ => false,
    }
}
