//! `v3lockpb.Lock` and `v3electionpb.Election`: what etcd's client library does with keys, leases
//! and watches, done by the server for clients that have no such library.
//!
//! Whoever wants a name puts `name/` and its lease in hexadecimal, bound to that lease. The oldest
//! key holds the name; each other waits for the one before it to go. The keys are those of the
//! libraries, so both kinds of clients may contend for one name.
//!
//! As in etcd, refusals of the store are told as `Unknown` with the store's words: there they pass
//! through a client of the server itself, which keeps the words and loses the code.

mod election;
mod lock;
mod queue;
#[cfg(test)]
mod waiting_test;

pub(super) use election::ElectionService;
pub(super) use lock::LockService;
