//! What a client presents and trusts.

use std::sync::Arc;

use rustls::ClientConfig;

use crate::from_files::ClientConfigFiles;

#[derive(Clone)]
pub struct LiveClient(Arc<dyn Fn() -> Arc<ClientConfig> + Send + Sync>);

impl LiveClient {
    /// For the next connection.
    pub fn current(&self) -> Arc<ClientConfig> {
        (self.0)()
    }
}

impl From<Arc<ClientConfigFiles>> for LiveClient {
    fn from(files: Arc<ClientConfigFiles>) -> Self {
        Self(Arc::new(move || files.current()))
    }
}

impl From<Arc<ClientConfig>> for LiveClient {
    /// What never changes.
    fn from(config: Arc<ClientConfig>) -> Self {
        Self(Arc::new(move || Arc::clone(&config)))
    }
}

impl std::fmt::Debug for LiveClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LiveClient")
    }
}
