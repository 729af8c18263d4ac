//! The short way for the calls that a store spends its days with: `Range`, `Put`, `Txn` and
//! `DeleteRange`.
//!
//! The general way (router, layers, tonic) boxes a call's bodies and futures some ten times over
//! and walks a state machine for each; for a small read that is more than the read itself. Here the
//! path is compared, the message decoded, the same service called, and its answer encoded. What is
//! permitted, counted, limited and refused is decided by the same code either way: [`CallLayer`]
//! and the services.

mod body;
mod front;
#[cfg(test)]
mod front_test;
mod unary;

pub use front::Front;

pub(super) use front::Express;
#[cfg(any(test, feature = "fuzzing"))]
pub(super) use unary::receive;
