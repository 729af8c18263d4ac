//! Who may propose next when the store is busier than its disk.
//!
//! The proposals under way are bounded by count and by bytes. Beyond that requests wait, each
//! client in a queue of its own, and the queues take turns: a client with ten thousand puts under
//! way delays another client by one turn, not by ten thousand. Queues are bounded too; past that a
//! request is refused with etcd's `too many requests`. Reads do not come here.
//!
//! [`Schedule`] decides and knows neither time nor tasks; [`Gate`] wakes those whose turn it is.
//! Rejected: etcd's gap between the committed and the applied index, which refuses everyone alike
//! as soon as anyone is too quick.

mod gate;
mod schedule;

use std::sync::atomic::{AtomicU64, Ordering};

pub(super) use gate::{Gate, Permit};
pub(super) use schedule::Limits;

/// Whose turn it is: one connection, or one user on however many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ClientId(pub u64);

/// The connection that a request came on, in the extensions of each of its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionId(u64);

impl ConnectionId {
    /// The id of a new connection: never used before by this process.
    pub fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl From<ConnectionId> for ClientId {
    fn from(connection: ConnectionId) -> Self {
        Self(connection.0)
    }
}
