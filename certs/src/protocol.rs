//! Which versions and cipher suites of TLS a side accepts, by the names that etcd's flags use.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::version::{TLS12, TLS13};
use rustls::{SupportedCipherSuite, SupportedProtocolVersion};

use crate::error::Error;

/// Suites that other TLS libraries know and this one leaves out on purpose: no forward secrecy, CBC,
/// RC4 or 3DES. A list that allows them may be used all the same; they are never negotiated.
const WEAK: [&str; 16] = [
    "TLS_RSA_WITH_RC4_128_SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
];

/// A version of TLS that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    Tls12,
    Tls13,
}

impl TlsVersion {
    /// `TLS1.2` or `TLS1.3`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "TLS1.2" => Some(Self::Tls12),
            "TLS1.3" => Some(Self::Tls13),
            _ => None,
        }
    }
}

/// What one side negotiates.
#[derive(Clone, Debug)]
pub struct Protocol {
    provider: Arc<CryptoProvider>,
    versions: Vec<&'static SupportedProtocolVersion>,
    left_out: Vec<String>,
}

impl Default for Protocol {
    /// TLS 1.2 and 1.3, every suite of the library.
    fn default() -> Self {
        Self {
            provider: Arc::new(rustls::crypto::aws_lc_rs::default_provider()),
            versions: vec![&TLS13, &TLS12],
            left_out: Vec::new(),
        }
    }
}

impl Protocol {
    /// `suites` allows and orders those of TLS 1.2, all when it is empty; those of TLS 1.3 are
    /// not configurable, as in Go.
    pub fn new(min: TlsVersion, max: Option<TlsVersion>, suites: &[String]) -> Result<Self, Error> {
        let versions = [(TlsVersion::Tls13, &TLS13), (TlsVersion::Tls12, &TLS12)]
            .into_iter()
            .filter(|(version, _)| *version >= min && max.is_none_or(|max| *version <= max))
            .map(|(_, version)| version)
            .collect();
        let mut protocol = Self { versions, ..Self::default() };
        if suites.is_empty() {
            return Ok(protocol);
        }
        let mut provider = rustls::crypto::aws_lc_rs::default_provider();
        let (tls13, tls12): (Vec<_>, Vec<_>) =
            provider.cipher_suites.into_iter().partition(|suite| suite.tls13().is_some());
        let mut chosen = Vec::new();
        for name in suites {
            match tls12.iter().find(|suite| is_called(suite, name)) {
                Some(suite) => chosen.push(*suite),
                None if tls13.iter().any(|suite| is_called(suite, name)) => {}
                None if WEAK.contains(&name.as_str()) => protocol.left_out.push(name.clone()),
                None => return Err(Error::UnknownCipherSuite { name: name.clone() }),
            }
        }
        if chosen.is_empty() && !protocol.versions.iter().any(|version| **version == TLS13) {
            return Err(Error::NoCipherSuite);
        }
        provider.cipher_suites = [tls13, chosen].concat();
        protocol.provider = Arc::new(provider);
        Ok(protocol)
    }

    /// Suites that were allowed and will not be used, for their weakness.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    pub(crate) fn provider(&self) -> Arc<CryptoProvider> {
        Arc::clone(&self.provider)
    }

    pub(crate) fn versions(&self) -> &[&'static SupportedProtocolVersion] {
        &self.versions
    }
}

/// Go knows the ChaCha20 suites under a shorter name too, and those of TLS 1.3 without the 13.
fn is_called(suite: &SupportedCipherSuite, name: &str) -> bool {
    let Some(ours) = suite.suite().as_str() else { return false };
    let ours = ours.replace("TLS13_", "TLS_");
    name == ours
        || ours
            .strip_suffix("_SHA256")
            .is_some_and(|short| short.ends_with("CHACHA20_POLY1305") && short == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn suites_are_allowed_by_name() {
        let protocol = |min, list: &[&str]| Protocol::new(min, None, &names(list));
        let both = protocol(
            TlsVersion::Tls12,
            &[
                "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
                "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
                "TLS_AES_128_GCM_SHA256",
                "TLS_RSA_WITH_AES_128_GCM_SHA256",
            ],
        )
        .expect("known suites");
        assert_eq!(both.left_out(), names(&["TLS_RSA_WITH_AES_128_GCM_SHA256"]));
        // Three of TLS 1.3 and the two that are named.
        assert_eq!(both.provider.cipher_suites.len(), 5);
        let unknown = protocol(TlsVersion::Tls12, &["TLS_FOO"]).expect_err("no such suite");
        assert!(unknown.to_string().contains("TLS_FOO"), "{unknown}");
        let max = Some(TlsVersion::Tls12);
        let weak = names(&["TLS_RSA_WITH_AES_128_CBC_SHA"]);
        assert!(Protocol::new(TlsVersion::Tls12, max, &weak).is_err());
        let only = Protocol::new(TlsVersion::Tls13, None, &[]).expect("a version");
        assert_eq!(only.versions.len(), 1);
    }
}
