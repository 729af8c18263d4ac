//! Who is revoked as of now, for connections that exist.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use tokio::sync::watch;

use super::{RevocationFile, Revoked};
use crate::error::Error;
use crate::watched::{LOOK_INTERVAL, Watched};

/// The revocation lists of a file, followed. Whoever opens it runs [`Revocations::follow`].
pub struct Revocations {
    lists: Watched<Revoked>,
    told: watch::Sender<Arc<Revoked>>,
}

impl Revocations {
    pub fn open(file: RevocationFile) -> Result<Arc<Self>, Error> {
        let paths = vec![file.path().to_owned()];
        let lists = Watched::new("revocation lists", paths, move || file.read().map(Arc::new))?;
        let told = watch::Sender::new(lists.current());
        Ok(Arc::new(Self { lists, told }))
    }

    /// Looks at the file every second, for as long as it is polled.
    pub async fn follow(&self) {
        loop {
            tokio::time::sleep(LOOK_INTERVAL).await;
            let current = self.lists.current();
            self.told.send_if_modified(|known| {
                let changed = !Arc::ptr_eq(known, &current);
                *known = current;
                changed
            });
        }
    }

    /// Returns once one of `chain` is revoked, which may be now.
    pub async fn revoked(&self, chain: &[CertificateDer<'_>]) {
        let mut told = self.told.subscribe();
        // The sender lives as long as `self`.
        let _ = told.wait_for(|revoked| revoked.names_any_of(chain)).await;
    }
}
