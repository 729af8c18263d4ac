//! A Raft-replicated MVCC key-value store that speaks etcd v3. Knows no Kubernetes kind.

mod error;
mod face;
mod types;

pub use error::Error;
pub use face::{Store, WATCH_CHANNEL_CAPACITY, Watcher};
pub use types::*;
