//! What etcd's KV promises, as a pure state.

mod compare;
mod evaluate;
mod keyspace;
mod lease;
#[cfg(test)]
mod model_test;
mod range;

pub use keyspace::{Change, KeySpace, Past};
pub use lease::Model;
pub use range::contains;
