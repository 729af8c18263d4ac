//! Shared caches: one per kind, fed by LIST and WATCH, read by everyone.
//!
//! ```text
//! apiserver ── LIST pages, WATCH lines ──► feed (one task) ──► index ──► handlers, in order
//!                                                                │
//!                                             get, list, owned_by (any thread)
//! ```
//!
//! `index` is plain synchronous state, `feed` the loop that performs the requests, `handle` what
//! others hold. Handlers run on the feeding task: they put keys into queues and return.
//! Rejected: kube-runtime's reflector. It has no deltas for late subscribers, keeps a second copy
//! of each key, and answers a 410 with a back-off where a re-list is due at once.

mod feed;
mod handle;
mod index;

pub use feed::Config;
pub use handle::Cache;
pub use index::Delta;
