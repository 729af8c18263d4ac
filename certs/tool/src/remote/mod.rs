//! Another CA server, spoken to with CFSSL's API: signing there instead of here.

mod address;
mod auth;
mod client;
mod http;

pub use address::{Address, AddressError};
pub use auth::{AuthKey, AuthenticatedRequest};
pub use client::{Info, Remote, RemoteError, RemoteFiles};
