//! When what is in a PKI ends, and whether it will be replaced by then.

use std::path::Path;

use time::OffsetDateTime;

use super::rollover::Rollover;
use crate::cluster::{
    AuthorityKind, ClusterAuthority, HostNames, LEAVES, Settings, Validity, examine,
    validity_of_pem,
};
use crate::error::Error;

/// One certificate of the PKI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiration {
    /// As `check-expiration` calls it.
    pub name: &'static str,
    pub validity: Validity,
    /// Whether this cluster replaces it by itself.
    pub renewable: bool,
}

impl Expiration {
    /// Two thirds of its life are over, and somebody has to do something.
    pub fn needs_a_hand(&self, now: OffsetDateTime) -> bool {
        !self.renewable && self.validity.is_due(now)
    }
}

/// Of all authorities and pairs in `directory` that can be read.
pub fn expirations(
    directory: &Path,
    host: &HostNames,
    settings: &Settings,
    now: OffsetDateTime,
) -> Result<Vec<Expiration>, Error> {
    let mut found = Vec::new();
    for kind in AuthorityKind::ALL {
        let Some(authority) = ClusterAuthority::read(directory, kind, settings)? else { continue };
        let rollover = Rollover::read(directory, kind, settings, now)?;
        let renewable = rollover.is_some_and(|rollover| rollover.is_renewable());
        found.push(Expiration { name: kind.name(), validity: authority.validity(), renewable });
        for spec in LEAVES.iter().filter(|spec| spec.authority == kind) {
            let (_, pair) = examine(directory, spec, &authority, &spec.leaf(host), now)?;
            let Some(validity) = pair.and_then(|pair| validity_of_pem(&pair.certificate).ok())
            else {
                continue;
            };
            let renewable = !authority.is_external();
            found.push(Expiration { name: spec.name, validity, renewable });
        }
    }
    found.sort_by_key(|expiration| expiration.name);
    Ok(found)
}
