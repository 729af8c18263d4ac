//! Time and randomness, injected, so that decisions can be tested row by row.

use std::sync::Arc;

use jiff::Timestamp;
use rand::Rng;

/// Where "now", fresh uids and random choices come from.
pub trait Sources: Send + Sync {
    fn now(&self) -> Timestamp;

    /// A random (version 4) uuid.
    fn uid(&self) -> String;

    /// A number below `bound`, which is at least 1.
    fn below(&self, bound: u64) -> u64;
}

pub type SharedSources = Arc<dyn Sources>;

/// The machine's clock and its random generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemSources;

impl Sources for SystemSources {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn uid(&self) -> String {
        uuid::Uuid::new_v4().to_string()
    }

    fn below(&self, bound: u64) -> u64 {
        rand::rng().random_range(0..bound.max(1))
    }
}

/// `metav1.Time`: RFC 3339 in whole seconds, UTC.
pub fn time_text(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Reads a `metav1.Time`.
pub fn parse_time(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}
