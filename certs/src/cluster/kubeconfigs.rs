//! kubeconfigs as homes of leaves: finding and reading them, and keeping the administrator's.

use std::path::{Path, PathBuf};

use time::OffsetDateTime;

use super::authority::ClusterAuthority;
use super::condition::Condition;
use super::ensure::ClusterPki;
use super::leaves::LeafSpec;
use crate::error::Error;
use crate::files::{Pair, read_optional, write_private};
use crate::kubeconfig::{Embedded, kubeconfig};
use crate::leaf::Leaf;

/// The administrator's kubeconfig in a data directory; kubeadm's is `admin.conf`.
const ADMIN: &str = "admin.kubeconfig";

/// The file of the kubeconfig that the table calls `name`, beside the PKI in `directory`.
pub fn kubeconfig_path(directory: &Path, name: &str) -> PathBuf {
    let beside = directory.parent().unwrap_or(directory);
    let path = beside.join(name);
    if name == "admin.conf" && !path.exists() { beside.join(ADMIN) } else { path }
}

/// Reads a kubeconfig, `None` when it is not there.
pub(super) fn read(path: &Path) -> Result<Option<Embedded>, Error> {
    let Some(text) = read_optional(path)? else { return Ok(None) };
    let embedded = Embedded::parse(&text).map_err(|reason| Error::Malformed {
        path: path.to_owned(),
        expected: "kubeconfig with a certificate inside",
        reason,
    })?;
    Ok(Some(embedded))
}

/// The pair inside a kubeconfig, and what is the matter with it.
pub(super) fn examine(
    path: &Path,
    authority: &ClusterAuthority,
    leaf: &Leaf,
    now: OffsetDateTime,
) -> (Condition, Option<Embedded>) {
    match read(path) {
        Ok(None) => (Condition::Missing, None),
        Ok(Some(embedded)) => (authority.condition(&embedded.pair, leaf, now), Some(embedded)),
        Err(error) => (Condition::Unreadable(error.with_source()), None),
    }
}

impl ClusterPki {
    /// Makes the administrator's kubeconfig at `path` one for `server`. A file that serves is left
    /// alone; one that is due or for another server or authority is written anew.
    pub fn ensure_admin_kubeconfig(&self, path: &Path, server: &str) -> Result<(), Error> {
        let (condition, present) = examine(
            path,
            &self.ca,
            &LeafSpec::admin().leaf(self.host()),
            OffsetDateTime::now_utc(),
        );
        let present = present.filter(|_| condition == Condition::Serves);
        if present.as_ref().is_some_and(|present| {
            present.server == server && present.authorities == self.ca.roots_pem()
        }) {
            return Ok(());
        }
        let pair: Pair = match present {
            Some(present) => present.pair,
            None => self.issue_admin()?,
        };
        let name = &self.settings().cluster_name;
        let text = kubeconfig(name, server, self.ca.roots_pem(), &pair);
        write_private(path, text.as_bytes())
    }
}
