//! Services.
//!
//! Allocation of cluster IPs and node ports needs the state of the whole cluster and is the
//! registry's; the strategy says what of an old object is kept and what is wrong in a new one.

mod cells;
mod strategy;
mod validate;
mod warnings;

pub(super) use strategy::row;
