//! Fingerprints of what is stored.

use crate::embedded::Embedded;
use crate::error::Error;
use crate::types::Header;

/// The fingerprint of the key space at a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KvHash {
    pub header: Header,
    pub hash: u32,
    /// The revision that was hashed.
    pub revision: i64,
    /// The compaction at that moment, -1 before the first: equal contents hash alike only where
    /// this is equal too.
    pub compact_revision: i64,
}

impl Embedded {
    /// The fingerprint of the key space at `revision`, 0 for the latest. Local, as etcd's is: a
    /// member that lags has fewer revisions to show.
    pub async fn hash_kv(&self, revision: i64) -> Result<KvHash, Error> {
        self.check_running()?;
        let state = self.published.state.load_full();
        state.check_revision(revision)?;
        let revision = if revision > 0 { revision } else { state.revision };
        let header = self.published.header(state.revision);
        let compact_revision = state.compacted;
        let hash = self.compute(move || state.hash(revision)).await?;
        Ok(KvHash { header, hash, revision, compact_revision })
    }

    /// The fingerprint of all that is stored.
    pub async fn hash(&self) -> Result<(Header, u32), Error> {
        self.check_running()?;
        let state = self.published.state.load_full();
        let header = self.published.header(state.revision);
        let hash = self.compute(move || state.hash_everything()).await?;
        Ok((header, hash))
    }

    /// Runs what takes long beside the requests.
    async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let done = crate::work::blocking(work).await;
        done.map_err(|error| Error::Fatal { reason: error.to_string() })
    }
}
