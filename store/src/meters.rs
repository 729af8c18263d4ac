//! Counts of what this member did since its start, for `/metrics`.
//!
//! Each is one addition where the thing happens; nobody waits, nothing is written to disk.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::mvcc::Changes;
use crate::types::EventType;

/// The counts. What is counted at apply, every member counts; the rest is this member's own.
#[derive(Debug, Default)]
pub struct Meters {
    pub puts: AtomicU64,
    /// Bytes of the keys and values that were put.
    pub put_bytes: AtomicU64,
    pub deletes: AtomicU64,
    /// Revisions made: transactions that changed something.
    pub txns: AtomicU64,
    /// Ranges that clients asked this member for.
    pub ranges: AtomicU64,
    pub leases_granted: AtomicU64,
    pub leases_revoked: AtomicU64,
    /// Leases that ran out while this member led.
    pub leases_expired: AtomicU64,
    /// Renewals that clients asked this member for.
    pub leases_renewed: AtomicU64,
    /// Times that another leader was seen.
    pub leader_changes: AtomicU64,
    /// Events handed to watchers.
    pub events: AtomicU64,
    /// Watch streams of clients that are open.
    pub watch_streams: AtomicU64,
}

/// One more.
pub fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Meters {
    /// A revision was applied.
    pub fn changed(&self, changes: &Changes) {
        let (mut puts, mut bytes, mut deletes) = (0, 0, 0);
        for event in changes.events.iter() {
            match event.event_type {
                EventType::Put => {
                    puts += 1;
                    bytes += event.kv.key.len() + event.kv.value.len();
                }
                EventType::Delete => deletes += 1,
            }
        }
        self.puts.fetch_add(puts, Ordering::Relaxed);
        self.put_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.deletes.fetch_add(deletes, Ordering::Relaxed);
        count(&self.txns);
    }
}
