//! The JSON gateway: `/v3/*` over HTTP for clients without gRPC, as etcd serves it.
//!
//! A request's JSON becomes the protobuf of a gRPC call, the call is made in process through the
//! very router that serves gRPC clients (with its counts, permissions and limits), and its answer
//! becomes JSON again. Nothing here knows a message: the tables of [`store_proto::reflect`] tell
//! names, numbers and kinds.
//!
//! Rejected: typed JSON for each message, which doubles the contract, and a descriptor pool at run
//! time, which costs memory while nobody asks.

mod call;
mod emit;
#[cfg(test)]
mod gateway_test;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod hostile;
mod parse;
mod paths;
mod refusal;
mod requests;
mod scan;
mod serve;

pub(super) use requests::too_large;
pub(super) use serve::router;
