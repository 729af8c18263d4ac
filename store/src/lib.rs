//! A Raft-replicated MVCC key-value store that speaks etcd v3. Knows no Kubernetes kind.

#[macro_use]
mod planted;

mod alarm;
pub mod auth;
mod behind;
mod bolt;
pub mod care;
mod clock;
mod command;
mod config;
pub mod conformance;
mod data_dir;
mod disk;
mod embedded;
mod embedded_store;
mod error;
mod face;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod lease;
pub mod membership;
mod meters;
mod mvcc;
mod open_error;
mod peer;
mod published;
mod raft;
pub mod remote;
mod reply;
pub mod server;
#[cfg(feature = "simulation")]
pub mod simulation;
pub mod snapshot;
mod start;
mod types;
mod wal;
mod watch;
mod work;

pub use alarm::{Alarm, AlarmKind, Alarms};
pub use care::KvHash;
pub use clock::{Clock, Instant, TokioClock};
pub use config::*;
pub use disk::{Disk, DiskFile, OsDisk};
pub use embedded::{Embedded, Leadership};
pub use embedded_store::ETCD_VERSION;
pub use error::Error;
pub use face::{Store, WATCH_CHANNEL_CAPACITY, Watcher};
pub use open_error::OpenError;
pub use remote::Remote;
pub use types::*;
pub use wal::{WalError, WalProbe};
pub use watch::Progress;

#[cfg(test)]
mod crash_test;
#[cfg(test)]
mod embedded_test;
#[cfg(test)]
mod hostile_test;
#[cfg(test)]
mod restart_test;
#[cfg(test)]
mod scratch;
