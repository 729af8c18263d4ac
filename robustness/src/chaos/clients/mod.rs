//! Clients that put load on the members and record what they see.
//!
//! [`Traffic`] decides what a client asks next, from a seed and what it was answered so far;
//! [`Fleet`] runs clients and watchers, each bound to one member at a time and moving on when that
//! fails it.

mod client;
mod connection;
mod convert;
mod fleet;
mod outcome;
mod perform;
mod traffic;
mod watch;

pub use connection::{Connection, ConnectionError};
pub use fleet::{Fleet, Shared};
pub use perform::perform;
pub use traffic::{Profile, Traffic};
pub use watch::Watched;
