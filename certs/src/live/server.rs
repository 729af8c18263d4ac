//! What a listener presents and demands.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;

use super::Revocations;
use crate::from_files::ServerFiles;

#[derive(Clone)]
pub struct LiveServer {
    current: Arc<dyn Fn() -> Arc<ServerConfig> + Send + Sync>,
    revocations: Option<Arc<Revocations>>,
}

impl LiveServer {
    /// Follows `files`, and ends connections of clients that `revocations` come to name.
    pub fn new(files: Arc<ServerFiles>, revocations: Option<Arc<Revocations>>) -> Self {
        Self { current: Arc::new(move || files.current()), revocations }
    }

    /// For the next handshake.
    pub fn current(&self) -> Arc<ServerConfig> {
        (self.current)()
    }

    /// Returns once a certificate of the chain that a client presented is revoked; never where
    /// none can be.
    pub async fn revoked(&self, chain: &[CertificateDer<'_>]) {
        match &self.revocations {
            Some(revocations) if !chain.is_empty() => revocations.revoked(chain).await,
            _ => std::future::pending().await,
        }
    }
}

impl From<Arc<ServerConfig>> for LiveServer {
    /// What never changes.
    fn from(config: Arc<ServerConfig>) -> Self {
        Self { current: Arc::new(move || Arc::clone(&config)), revocations: None }
    }
}

impl std::fmt::Debug for LiveServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LiveServer")
    }
}
