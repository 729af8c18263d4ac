//! The command line: etcdctl's and etcdutl's names and flags, parsed into proven types.
//!
//! `ctl` knows all commands; `etcdctl` and `etcdutl` show theirs. Positional arguments are counted
//! and converted here; what hangs on several arguments together is checked by the command, in
//! etcd's words.

pub mod auth;
pub mod check;
pub mod cluster;
pub mod concurrency;
mod global;
mod go_flags;
pub mod kv;
pub mod lease;
pub mod mirror;
pub mod offline;
mod program;
pub mod snapshot;
mod values;

pub use global::{Format, Global};
pub use go_flags::like_go;
pub use program::{Arguments, Called, Command, parse, program};
pub use snapshot::Snapshot;
