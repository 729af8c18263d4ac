//! The TLS listener.

mod accept;
mod identity;

pub use accept::serve;
pub use identity::ClientCertificateEnd;
