//! What etcd's KV promises, as a pure state.

mod compare;
mod evaluate;
mod keyspace;
mod lease;
mod range;

pub use keyspace::{Change, KeySpace, Past};
pub use lease::Model;
pub use range::contains;
