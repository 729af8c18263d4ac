//! The Kubernetes API over a [`store::Store`].
//!
//! ```text
//! TLS listener ─┐
//!               ├─► chain ─► rest ─┬─► registry ──► store (one txn per write)
//! in process  ──┘                  └─► cache ◄──── store (one watch for everything)
//! ```
//!
//! [`ApiServer::router`] is the whole API as a tower service: the listener puts it behind TLS, the
//! cluster's own components call it without a socket, with their `api::Identity` as a request
//! extension.

pub mod admission;
mod authn;
mod bootstrap;
mod cache;
mod chain;
mod clock;
mod compaction;
mod config;
pub mod discovery;
mod encoding;
mod health;
mod listener;
mod logs;
mod metrics;
mod negotiation;
mod nonresource;
mod openapi;
mod registry;
mod rest;
mod server;
mod state;
pub mod table;
mod table_form;
mod version;
mod watch;

pub use bootstrap::BootstrapError;
pub use cache::FeedError;
pub use chain::{Attributes, Authorizer, BuiltinAuthorizer, Path, ResourcePath};
pub use clock::{SharedSources, Sources, SystemSources};
pub use config::{CertificateEnds, Config, DEFAULT_NODE_PORTS};
pub use server::{ApiServer, Error};
pub use version::GIT_VERSION;
