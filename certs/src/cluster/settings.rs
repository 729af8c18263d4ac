//! How a PKI is made: keys and lifetimes. kubeadm's defaults.

use time::{Duration, OffsetDateTime};

use crate::leaf::BACKDATE;
use crate::x509::{Certificate, KeyAlgorithm};

/// The choices of whoever founds a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Of every new key. What exists keeps its key until it is renewed.
    pub key_algorithm: KeyAlgorithm,
    pub leaf_lifetime: Duration,
    pub authority_lifetime: Duration,
    /// Cluster, user and context of kubeconfigs.
    pub cluster_name: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            key_algorithm: KeyAlgorithm::default(),
            leaf_lifetime: Duration::days(365),
            authority_lifetime: Duration::days(3650),
            cluster_name: "coracle".to_owned(),
        }
    }
}

/// When something is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    pub not_before: OffsetDateTime,
    pub not_after: OffsetDateTime,
}

impl Validity {
    pub fn of(certificate: &Certificate) -> Self {
        Self { not_before: certificate.not_before(), not_after: certificate.not_after() }
    }

    /// From `now` for `lifetime`, begun a little in the past for clocks that disagree: by a tenth
    /// of a short life, so that two thirds of it remain a time to come.
    pub fn starting(now: OffsetDateTime, lifetime: Duration) -> Self {
        Self { not_before: now - BACKDATE.min(lifetime / 10), not_after: now + lifetime }
    }

    /// At two thirds of the life: from then on it is renewed.
    pub fn renewal(&self) -> OffsetDateTime {
        self.not_before + (self.not_after - self.not_before) * 2 / 3
    }

    pub fn is_due(&self, now: OffsetDateTime) -> bool {
        now >= self.renewal()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renewal_is_at_two_thirds_of_the_life() {
        let now = OffsetDateTime::UNIX_EPOCH + Duration::days(20_000);
        for seconds in [3, 10, 60, 3600, 86_400, 365 * 86_400] {
            let lifetime = Duration::seconds(seconds);
            let validity = Validity::starting(now, lifetime);
            assert!(!validity.is_due(now + lifetime / 2), "{lifetime}");
            assert!(validity.is_due(now + lifetime * 2 / 3), "{lifetime}");
            assert!(validity.not_before < now, "{lifetime}");
        }
    }
}
