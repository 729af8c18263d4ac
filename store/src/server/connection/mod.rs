//! One connection, one task: its requests run inside it, and what they answer leaves together.
//!
//! ```text
//!  woken ──► HTTP/2 reads all that came ──► every request runs as far as it can ──► HTTP/2 writes
//!            all that was answered into one buffer ──► one write to the socket
//! ```
//!
//! A client such as clientv3 puts many calls on one connection. With a task per call, as hyper has
//! it by default, each answer wakes the connection by itself, and each large frame is a write of
//! its own: half of what a small read costs is system calls, and under TLS each is a record
//! besides. Here a hundred reads that arrive together cost one read, one write and no task. Work
//! that keeps a processor busy for long must not run in a request, then: it would hold up the
//! others of its connection. A server's processors are shared between connections, not within one.
//!
//! Rejected: a delay before writing, which trades latency for the same gain.

mod corked;
mod opening;
mod turns;
mod unsent;

pub(super) use corked::Corked;
pub(super) use opening::Opening;
pub(super) use turns::{Requests, Turns};
pub(super) use unsent::{LongRange, Unsent};
