//! etcd v3 over gRPC: the store's services for stock etcd clients.
//!
//! Thin by intent: [`convert`] parses messages into the store's own types at the edge, each service
//! calls the [`Store`](crate::Store) face, [`status`] words the refusals. What this version does
//! not serve yet answers `Unimplemented`.

mod access;
mod admission;
mod auth;
mod calls;
mod cluster;
mod concurrency;
mod connection;
mod convert;
mod downgrade;
#[cfg(test)]
mod etcdctl_test;
mod express;
mod gateway;
mod health;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod hostile;
mod http;
mod kv;
mod lease;
mod listener;
mod maintenance;
mod metrics;
mod range_stream;
mod routes;
#[cfg(test)]
mod routes_test;
#[cfg(test)]
mod services_test;
mod snapshot;
mod status;
#[cfg(test)]
pub(crate) mod testing;
mod watch;

pub use admission::ConnectionId;
pub use express::Front;
pub use http::Origins;
pub use listener::{
    Checked, ConnectionLimits, Keepalive, Listener, PeerCertificates, PeerCheck, Security, serve,
    serve_clients, serve_peers,
};
pub use routes::ClientRoutes;
