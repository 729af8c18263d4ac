//! The lightest gRPC client there can be, so that a benchmark measures the server.
//!
//! A gRPC library costs ten to twenty microseconds of CPU per call, which on a small machine is taken
//! from the server that is measured, and levels what it should tell apart. Here a call costs about one:
//! frames are written into one buffer by hand, header names are indexed once per connection, answers
//! are looked at where they lie, and one thread turns all connections. Every server is driven by the
//! same bytes. What a stock client does is kept: few connections shared by many callers, one stream per
//! call, HPACK's dynamic table, flow control in both directions.

mod connection;
mod endpoint;
mod fields;
mod frame;
mod socket;

pub use connection::Connection;
pub use endpoint::{Endpoint, client_tls};
pub use fields::{Fields, Value};
pub use frame::{Frame, Http2};
