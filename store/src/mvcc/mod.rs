//! Multi-version state with etcd's meaning of revisions, generations, tombstones and compaction.
//!
//! [`State`] is one immutable version of everything: persistent maps, so a clone is a handful of
//! reference counts. The single writer ([`Machine`]) changes its own copy and publishes it; readers
//! take whatever is published and are never blocked, nor do they block.
//!
//! ```text
//!  live:    key      -> latest KeyValue            reads at the latest revision touch only this
//!  dead:    key      -> revision of its tombstone  until compaction passes it
//!  history: revision -> its changes, in order      watch catch-up; reads at older revisions
//! ```
//!
//! A read at an older revision starts from a key's latest change and walks back through `history`:
//! each change knows the value it replaced and that value's revision. Nothing is indexed per key
//! and version, so a write costs two map insertions. Rejected: etcd's own shape (key -> list of
//! revisions, revision -> value), which makes the common read two lookups and compaction a scan of
//! every key.
//!
//! Memory: every value written since the last compaction stays in memory. The bound is therefore
//! the compactor's: live bytes plus the bytes written between two compactions.

mod apply;
mod check;
mod compact;
mod compare;
mod hash;
mod machine;
mod range;
mod rebuild;
mod state;

pub use check::{check_delete, check_put, check_txn, is_read_only};
pub use machine::{Applied, Identity, Machine};
pub use range::{read_only_txn, read_range};
pub use rebuild::Rebuild;
pub use state::{Changes, Side, State};

#[cfg(test)]
mod model_test;
