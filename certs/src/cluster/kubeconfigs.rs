//! kubeconfigs as homes of leaves: reading them, and keeping them up to date.

use std::path::Path;

use time::OffsetDateTime;

use super::authority::ClusterAuthority;
use super::condition::Condition;
use super::ensure::ClusterPki;
use super::layout::Layout;
use super::leaves::LeafSpec;
use crate::error::Error;
use crate::files::{Pair, read_optional, write_private};
use crate::kubeconfig::{Credentials, Embedded, Kubeconfig};
use crate::leaf::Leaf;

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

/// Keeps a kubeconfig that somebody had made: renews what is due in it, and lets it trust whom
/// the cluster trusts. One that is for somebody else, or whose certificate is not inside, is left alone.
pub(super) fn keep(
    layout: &Layout,
    spec: &LeafSpec,
    authority: &ClusterAuthority,
    leaf: &Leaf,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let path = layout.of(spec);
    let (condition, Some(present)) = examine(&path, authority, leaf, now) else { return Ok(()) };
    let over = matches!(
        condition,
        Condition::Due | Condition::Superseded | Condition::Expired | Condition::Foreign
    );
    if !over && condition != Condition::Serves {
        return Ok(());
    }
    let roots = authority.roots_pem();
    let pair = match over && !authority.is_external() {
        true => authority.issue(leaf)?,
        false if present.authorities.is_empty() || present.authorities == roots => return Ok(()),
        false => present.pair.clone(),
    };
    write_private(&path, present.replaced(&pair, roots).as_bytes())
}

impl ClusterPki {
    /// Makes the administrator's kubeconfig at `path` one for `server`. A file that serves is left
    /// alone; one that is due or for another server or authority is written anew.
    pub fn ensure_admin_kubeconfig(&self, path: &Path, server: &str) -> Result<(), Error> {
        let name = &self.settings().cluster_name;
        self.keep_kubeconfig(LeafSpec::admin(), path, server, name, name)
    }

    /// The same for any kubeconfig of the table, with kubeadm's names of user and context.
    pub fn ensure_kubeconfig(
        &self,
        spec: &LeafSpec,
        path: &Path,
        server: &str,
    ) -> Result<(), Error> {
        let user = spec.leaf(self.host()).common_name;
        let context = format!("{user}@{}", self.settings().cluster_name);
        self.keep_kubeconfig(spec, path, server, &user, &context)
    }

    fn keep_kubeconfig(
        &self,
        spec: &LeafSpec,
        path: &Path,
        server: &str,
        user: &str,
        context: &str,
    ) -> Result<(), Error> {
        let leaf = spec.leaf(self.host());
        let (condition, present) = examine(path, &self.ca, &leaf, OffsetDateTime::now_utc());
        let present = present.filter(|_| condition == Condition::Serves);
        if present.as_ref().is_some_and(|present| {
            present.server == server && present.authorities == self.ca.roots_pem()
        }) {
            return Ok(());
        }
        let pair: Pair = match present {
            Some(present) => present.pair,
            None if spec == LeafSpec::admin() => self.issue_admin()?,
            None => self.ca.issue(&leaf)?,
        };
        let kubeconfig = Kubeconfig {
            cluster: &self.settings().cluster_name,
            user,
            context,
            server,
            authorities: self.ca.roots_pem(),
            credentials: Credentials::Certificate(&pair),
        };
        write_private(path, kubeconfig.render().as_bytes())
    }
}
