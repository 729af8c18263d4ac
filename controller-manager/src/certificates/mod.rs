//! CertificateSigningRequests: approved where the answer is known, signed, and cleared away.
//!
//! ```text
//! kubelet ── request ──► approver ──► signer ──► status.certificate ──► kubelet
//!                           │            └─ the authority, as it is now
//!                           └─ who asks, for whom, with which names
//! ```
//!
//! Three controllers over one cache. `kubelet` knows the forms of a kubelet's requests, `approve`,
//! `sign` and `clean` decide without a clock or a client of their own. What nobody here knows stays
//! pending for a person (`kubectl certificate approve`) or for another signer.

mod approve;
mod approver;
mod authority;
mod clean;
mod cleaner;
#[cfg(test)]
mod fixtures;
mod kubelet;
mod request;
mod sign;
mod signer;

pub use approver::run as run_approver;
pub use authority::{Authority, Signing};
pub use cleaner::run as run_cleaner;
pub use signer::run as run_signer;

/// All three act under one account, as upstream.
const CONTROLLER: &str = "certificate-controller";
