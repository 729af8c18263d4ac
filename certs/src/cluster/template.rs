//! From a leaf, in the cluster's few words, to what X.509 says.

use super::settings::Validity;
use crate::leaf::{Leaf, Usage};
use crate::x509::{
    AlternativeNames, AuthorityConstraint, Certificate, ExtendedKeyUsage, KeyAlgorithm, KeyUsage,
    KeyUsages, Subject, Template,
};

pub(super) fn extended_key_usages(usage: Usage) -> Vec<ExtendedKeyUsage> {
    match usage {
        Usage::Server => vec![ExtendedKeyUsage::ServerAuth],
        Usage::Client => vec![ExtendedKeyUsage::ClientAuth],
        Usage::Both => vec![ExtendedKeyUsage::ServerAuth, ExtendedKeyUsage::ClientAuth],
    }
}

/// kubeadm says "key encipherment" of every key. It has a meaning for RSA alone.
pub(super) fn key_usages(algorithm: KeyAlgorithm) -> KeyUsages {
    let encipherment =
        matches!(algorithm, KeyAlgorithm::Rsa(_)).then_some(KeyUsage::KeyEncipherment);
    std::iter::once(KeyUsage::DigitalSignature).chain(encipherment).collect()
}

pub(super) fn subject(leaf: &Leaf) -> Subject {
    let organizations: Vec<&str> = leaf.organization.as_deref().into_iter().collect();
    Subject::new(&leaf.common_name, &organizations)
}

pub(super) fn alternative_names(leaf: &Leaf) -> AlternativeNames {
    AlternativeNames {
        hosts: leaf.dns_names.clone(),
        addresses: leaf.ip_addresses.clone(),
        ..AlternativeNames::default()
    }
}

pub(super) fn of_leaf(leaf: &Leaf, algorithm: KeyAlgorithm, validity: Validity) -> Template {
    Template {
        alternative_names: alternative_names(leaf),
        key_usages: key_usages(algorithm),
        extended_key_usages: extended_key_usages(leaf.usage),
        ..Template::new(subject(leaf), validity.not_before, validity.not_after)
    }
}

/// Once more what `certificate` says, for another key and time.
pub(super) fn of_certificate(
    certificate: &Certificate,
    algorithm: KeyAlgorithm,
    validity: Validity,
) -> Template {
    Template {
        alternative_names: certificate.alternative_names().clone(),
        key_usages: key_usages(algorithm),
        extended_key_usages: certificate.extended_key_usages().to_vec(),
        ..Template::new(certificate.subject().clone(), validity.not_before, validity.not_after)
    }
}

pub(super) fn of_authority(common_name: &str, validity: Validity) -> Template {
    let usages = [KeyUsage::DigitalSignature, KeyUsage::CertSign, KeyUsage::CrlSign];
    Template {
        key_usages: usages.into_iter().collect(),
        authority: Some(AuthorityConstraint::default()),
        ..Template::new(Subject::new(common_name, &[]), validity.not_before, validity.not_after)
    }
}
