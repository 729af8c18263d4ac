//! Snapshots: the whole state in one checksummed file.
//!
//! The same format is the member's own durable snapshot (what the WAL is purged up to), what
//! `snapshot save` streams, and what `restore` reads. Values are written once each: the state at the
//! compact revision, then the changes since (see [`crate::mvcc::Rebuild`]).
//!
//! ```text
//!   magic, format               16 bytes
//!   frames                      u32 length, u32 CRC32C, items
//!   end frame                   u32 0
//!   zeros                       up to a multiple of 512
//!   sha256 of all the above     32 bytes; so size % 512 == 32, as stock etcdctl demands
//! ```
//!
//! Ordering of files: write, fsync, rename, fsync the directory, and only then does Raft hear of the
//! snapshot and purge its log.

mod decode;
mod encode;
mod files;
pub(crate) mod format;
mod image;
mod restore;
mod stream;

pub use decode::SnapshotError;
pub use restore::{RestoreError, RestoreOptions, Restored, SnapshotStatus, restore, status};
pub use stream::SnapshotReader;

pub(crate) use decode::load;
pub(crate) use files::Home;
pub(crate) use format::Meta;
pub(crate) use image::Image;
pub(crate) use stream::start as stream;

#[cfg(test)]
mod snapshot_test;
