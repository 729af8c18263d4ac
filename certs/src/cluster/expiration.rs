//! How long everything in a PKI directory still lasts: what `check-expiration` tells.

use time::OffsetDateTime;

use super::authorities::AuthorityKind;
use super::authority::ClusterAuthority;
use super::bundle::Bundle;
use super::condition::Condition;
use super::layout::Layout;
use super::leaves::{LEAVES, LeafSpec};
use super::settings::{Settings, Validity};
use crate::error::Error;
use crate::x509::PrivateKey;

/// One certificate or authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiration {
    /// As kubeadm calls it.
    pub name: &'static str,
    /// Who signs it; none for an authority.
    pub authority: Option<AuthorityKind>,
    /// None where there is no certificate to read.
    pub validity: Option<Validity>,
    pub condition: Condition,
    /// Whether the authority's key is elsewhere.
    pub external: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expirations {
    pub leaves: Vec<Expiration>,
    pub authorities: Vec<Expiration>,
}

impl Expirations {
    /// What cannot be gone on with.
    pub fn faults(&self) -> impl Iterator<Item = &Expiration> {
        self.leaves.iter().chain(&self.authorities).filter(|one| !one.condition.is_usable())
    }
}

/// Reads what is there and judges it at `now`. A damaged file is a condition, not an error.
pub fn expirations(layout: &Layout, now: OffsetDateTime) -> Expirations {
    let settings = Settings::default();
    let read = |kind| (kind, ClusterAuthority::read(&layout.pki, kind, &settings));
    let authorities = AuthorityKind::ALL.map(read);
    let signer = |spec: &LeafSpec| {
        let found = authorities.iter().find(|(kind, _)| *kind == spec.authority);
        found.and_then(|(_, authority)| authority.as_ref().ok()?.as_ref())
    };
    let leaves = LEAVES.iter().filter(|spec| !spec.is_kubelets_own());
    Expirations {
        leaves: leaves.filter_map(|spec| leaf(layout, spec, signer(spec), now)).collect(),
        authorities: authorities.iter().map(|(kind, read)| authority(*kind, read, now)).collect(),
    }
}

/// `None` for what is not there and need not be.
fn leaf(
    layout: &Layout,
    spec: &'static LeafSpec,
    authority: Option<&ClusterAuthority>,
    now: OffsetDateTime,
) -> Option<Expiration> {
    let (validity, condition) = match layout.find(spec) {
        Err(error) => (None, Condition::Unreadable(error.with_source())),
        Ok(found) => match found.certificate.as_deref().map(Bundle::parse) {
            None if spec.is_optional() => return None,
            None => (None, Condition::Missing),
            Some(Err(reason)) => (None, Condition::Unreadable(reason)),
            Some(Ok(file)) => {
                let condition = whole(&file, found.key.as_deref(), authority, now);
                (Some(Validity::of(file.first())), condition)
            }
        },
    };
    Some(Expiration {
        name: spec.name,
        authority: Some(spec.authority),
        validity,
        condition,
        external: authority.is_some_and(ClusterAuthority::is_external),
    })
}

/// Whatever it is for: names of the host are not known here.
fn whole(
    file: &Bundle,
    key: Option<&str>,
    authority: Option<&ClusterAuthority>,
    now: OffsetDateTime,
) -> Condition {
    let Some(key) = key else { return Condition::KeyMissing };
    match PrivateKey::from_pem(key) {
        Err(error) => return Condition::Unreadable(format!("its key: {error}")),
        Ok(key) if !key.fits(file.first()) => return Condition::WrongKey,
        Ok(_) => {}
    }
    let Some(authority) = authority else { return Condition::Foreign };
    let judge = authority.judge(now);
    judge.overdue(file).unwrap_or_else(|| judge.age(file))
}

fn authority(
    kind: AuthorityKind,
    read: &Result<Option<ClusterAuthority>, Error>,
    now: OffsetDateTime,
) -> Expiration {
    let (validity, condition) = match read {
        Err(error) => (None, Condition::Unreadable(error.with_source())),
        Ok(None) => (None, Condition::Missing),
        Ok(Some(authority)) => {
            let validity = authority.validity();
            let condition = if validity.not_after <= now {
                Condition::Expired
            } else if validity.not_before > now {
                Condition::NotYetValid
            } else if validity.is_due(now) {
                Condition::Due
            } else {
                Condition::Serves
            };
            (Some(validity), condition)
        }
    };
    let external = matches!(read, Ok(Some(authority)) if authority.is_external());
    Expiration { name: kind.name(), authority: None, validity, condition, external }
}
