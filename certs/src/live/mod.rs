//! TLS that changes under a running process: listeners and clients take what they present and
//! demand anew for each connection.
//!
//! The files are the truth: whoever rotates writes files, and never speaks to a listener. What is
//! under way stays: a connection keeps what it was made with, except that one whose client was
//! revoked is ended. Sessions are not resumed where clients show certificates, for a resumed one is
//! not verified anew.
//!
//! Rejected: configurations that the rotation swaps in memory. Two ways in, files and memory, would
//! have to agree after a crash.

mod client;
mod revocations;
mod revoked;
mod server;

pub use client::LiveClient;
pub use revocations::Revocations;
pub use revoked::{RevocationFile, Revoked};
pub use server::LiveServer;
