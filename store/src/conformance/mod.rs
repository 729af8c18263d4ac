//! What any [`Store`] must do, as a list of cases.
//!
//! Each case is an async function over a store of its own; it panics where the store differs from
//! etcd. The same list is run against the embedded member and against remote endpoints, so a case
//! uses nothing but the trait, and keys under its own prefix where the store may be shared.

mod case;
mod compactions;
mod compares;
mod deletes;
mod histories;
mod kv;
mod lease_rules;
mod leases;
mod list;
mod members;
mod nested;
mod puts;
mod ranges;
mod streams;
mod txns;
mod watches;
#[cfg(test)]
pub(crate) mod wire;
mod words;

pub use case::{Case, Running};
pub use list::cases;

use bytes::Bytes;

use self::words::*;
use crate::face::{Store, Watcher};
use crate::types::*;
