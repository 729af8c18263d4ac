//! What nears its end with nobody here who could replace it.

use std::path::Path;

use time::OffsetDateTime;

use super::phase::Next;
use super::rollover::Rollover;
use crate::cluster::{AuthorityKind, Layout, Settings, Validity, expirations};
use crate::error::Error;

/// One certificate of the PKI, and when it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// As `check-expiration` calls it.
    pub name: &'static str,
    pub validity: Validity,
    /// Whether this cluster replaces it by itself.
    pub renewable: bool,
}

impl Ending {
    /// Two thirds of its life are over, and somebody has to do something.
    pub fn needs_a_hand(&self, now: OffsetDateTime) -> bool {
        !self.renewable && self.validity.is_due(now)
    }
}

/// Of all that is in `directory` and can be read.
pub fn endings(
    directory: &Path,
    settings: &Settings,
    now: OffsetDateTime,
) -> Result<Vec<Ending>, Error> {
    let found = expirations(&Layout::beside(directory), now);
    let mut endings = Vec::new();
    for leaf in found.leaves {
        let Some(validity) = leaf.validity else { continue };
        endings.push(Ending { name: leaf.name, validity, renewable: !leaf.external });
    }
    for kind in AuthorityKind::ALL {
        let Some(rollover) = Rollover::read(directory, kind, settings, now)? else { continue };
        let (name, validity) = (kind.name(), rollover.validity());
        // One that waits for a hand in the midst of a rollover is not replaced by itself either.
        let renewable = rollover.next(now) != Next::Never;
        endings.push(Ending { name, validity, renewable });
    }
    Ok(endings)
}
