//! What the endpoints share.

use std::path::PathBuf;
use std::sync::Arc;

use certs::x509::{Issuer, Responder};
use time::Duration;
use tokio::sync::Semaphore;

use super::answer::Failure;
use crate::bundle::Pools;
use crate::config::Profile;
use crate::database::Database;
use crate::signer::Signer;

/// What of it is not there disables the endpoints that need it.
pub(super) struct App {
    pub signer: Signer,
    pub database: Option<Arc<dyn Database>>,
    pub responder: Option<(Responder, Duration)>,
    /// Trusted roots, instead of the system's.
    pub ca_bundle: Option<PathBuf>,
    /// Where chains are found, or why there is nothing.
    pub pools: Result<Pools, String>,
    /// Whether a request to sign may ask for a bundle.
    pub bundles_what_it_signs: bool,
    /// Places for work that keeps a processor busy: as many as there are processors.
    pub places: Semaphore,
}

impl Default for App {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            signer: Signer::default(),
            database: None,
            responder: None,
            ca_bundle: None,
            pools: Err("no roots are known (-ca-bundle)".to_owned()),
            bundles_what_it_signs: false,
            places: Semaphore::new(processors),
        }
    }
}

impl App {
    pub fn issuer(&self) -> Option<&Issuer> {
        self.signer.issuer.as_deref()
    }

    pub fn responder(&self) -> Option<(&Responder, Duration)> {
        self.responder.as_ref().map(|(responder, interval)| (responder, *interval))
    }

    /// One that is configured here. What a server elsewhere has besides is not for our clients:
    /// they would get there what only our key opens.
    pub fn profile(&self, name: &str) -> Result<&Profile, Failure> {
        Ok(self.signer.config.profile(name)?)
    }

    /// Does what takes long, as making an RSA key does, where nobody else waits for it.
    pub async fn heavy<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let _place = self.places.acquire().await.expect("nobody closes the places");
        let working = tokio::task::spawn_blocking(work).await;
        working.map_err(|_| Failure::internal("the request broke off"))
    }
}
