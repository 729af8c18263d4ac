//! The certificates of a kubelet that stands alone: how it joins, and how it keeps them fresh.
//!
//! ```text
//! bootstrap kubeconfig (token) ──► key, request ──► approved, signed
//!                                                          │
//!    kubeconfig, names the files ◄── <cert-dir> ◄──────────┘
//!        │                           ├ kubelet-client-current.pem
//!        │                           ├ kubelet-server-current.pem
//!        │                           └ ca.crt
//!        └──► client ──► requests for the serving certificate, renewals of both
//! ```
//!
//! The files are the truth: connections and the listener follow them, and nobody is told of a new
//! one. A start goes on with what lies there; a client certificate that ended meanwhile is asked
//! for anew with the bootstrap kubeconfig. The layout of the directory is upstream's.

mod ask;
mod authority;
mod error;
mod join;
mod plan;
mod rotation;
mod store;
mod wanted;

pub use authority::follow as follow_authority;
pub use error::Error;
pub use join::{Joined, Paths, join};
pub use rotation::Rotation;
pub use store::Store;
pub use wanted::Wanted;
