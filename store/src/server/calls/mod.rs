//! What surrounds every gRPC call: it is counted, its messages are held to the size limit, and what
//! etcd refuses before it looks at a request is refused here (no leader where the client asked for
//! one, learners, unknown compression).
//!
//! One layer instead of one for each concern: a call passes it millions of times.

mod bodies;
mod counts;
mod frames;
mod layer;
mod leaders;
#[cfg(test)]
mod leaders_test;

pub(super) use bodies::Call;
pub(super) use counts::{CallCounts, MethodCounts};
#[cfg(any(test, feature = "fuzzing"))]
pub(super) use frames::Frames;
pub(super) use layer::{CallLayer, unknown};
