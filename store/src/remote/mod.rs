//! A store somewhere else: any etcd v3 endpoint behind the [`Store`](crate::Store) face.
//!
//! Thin by intent. One connection carries everything; it is reconnected when it breaks, to the
//! endpoint that was chosen at first. Nothing is retried: a write whose answer was lost may or may
//! not have happened, and only the caller knows whether it may be sent again. A watch that breaks
//! ends (its channel closes), for the caller must list again anyway when history is gone.
//!
//! Refusals come back as the same [`Error`](crate::Error)s the embedded member gives, recognised by
//! code and text. What the wire does not carry (the revisions in `Compacted` and `FutureRevision`)
//! is 0.

mod connect;
mod convert;
mod error;
mod store;
mod watch;

pub use connect::{ConnectError, Options, Remote, Tls};

pub(crate) use error::from_status;

#[cfg(test)]
mod etcd_test;
#[cfg(test)]
mod server_test;
#[cfg(test)]
pub(crate) mod testing;
