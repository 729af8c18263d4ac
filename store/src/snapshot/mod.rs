//! Snapshots: the whole state in one checksummed file.
//!
//! Two formats. etcd's database file ([`SnapshotFormat::Etcd`], see [`etcd`]) is how data moves in
//! and out: what a client of etcd's gets from `snapshot save`, and what `restore` takes. The
//! store's own ([`SnapshotFormat::Coracle`]) is described here. Both are made from a state and read
//! into one; nothing works on the files themselves.
//!
//! The same own format is the member's own durable snapshot (what the WAL is purged up to), what
//! goes to a member that lags, and what a client may ask for. Values are written once each: the
//! state at the compact revision, then the changes since (see [`crate::mvcc::Rebuild`]).
//!
//! ```text
//!   magic, format               16 bytes
//!   frames                      u32 length, u32 CRC32C, items
//!   end frame                   u32 0
//!   zeros                       up to a multiple of 512
//!   sha256 of all the above     32 bytes; so size % 512 == 32, as stock etcdctl demands
//! ```
//!
//! Ordering of files: write, fsync, rename, fsync the directory, and only then does Raft hear of
//! the snapshot and purge its log.

mod any;
mod bootstrap;
mod convert;
mod decode;
mod encode;
mod encoding;
mod error;
mod etcd;
mod files;
pub(crate) mod format;
mod hash;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod hostile;
mod image;
mod output;
mod progress;
mod restore;
mod restoring;
mod stream;

pub use any::{SnapshotFormat, SnapshotStatus, format_of, status};
pub use bootstrap::{BootstrapError, check_urls, parse_initial_cluster};
pub use convert::{ConvertError, convert};
pub use error::SnapshotError;
pub use hash::{FileHash, FileHashError, hash_kv};
pub use progress::{OnProgress, Phase, Progress};
pub use restore::{RestoreError, RestoreOptions, Restored, restore};
pub use restoring::is_unfinished;
pub use stream::SnapshotReader;

pub(crate) use decode::{Loaded, check, load};
pub(crate) use files::Home;
pub(crate) use format::Meta;
pub(crate) use image::Image;
pub(crate) use stream::start as stream;

#[cfg(test)]
mod damage_test;
#[cfg(test)]
mod etcd_test;
#[cfg(test)]
mod peer_test;
#[cfg(test)]
mod restore_test;
#[cfg(test)]
mod restoring_test;
#[cfg(test)]
mod snapshot_test;
