//! With what is signed.

use std::sync::Arc;
use std::time::Duration;

use certs::x509::Issuer;

/// The authority that signs now. It is asked anew for each certificate, because authorities roll
/// over.
pub trait Authority: Send + Sync {
    /// The error says why there is none, and what to do.
    fn current(&self) -> Result<Arc<Issuer>, String>;
}

/// What the signer is told.
#[derive(Clone)]
pub struct Signing {
    pub authority: Arc<dyn Authority>,
    /// Nothing is signed for longer (`--cluster-signing-duration`).
    pub duration: Duration,
}
