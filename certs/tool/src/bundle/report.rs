//! A bundle, and CFSSL's JSON of it.

use certs::x509::{Certificate, PrivateKey, SignatureAlgorithm};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use crate::describe::{slashed, time_text};

/// What ends sooner is told.
const EXPIRING: Duration = Duration::days(30);

/// Bits of the status code.
const EXPIRING_BIT: u8 = 1;
const NOT_UBIQUITOUS_BIT: u8 = 2;

pub(crate) struct Bundle {
    /// Leaf first, without the root unless it serves.
    pub chain: Vec<Certificate>,
    pub root: Option<Certificate>,
    /// In PEM; the empty text when none was given.
    key: String,
    rebundled: bool,
    now: OffsetDateTime,
}

impl Bundle {
    pub(super) fn new(
        chain: Vec<Certificate>,
        root: Option<Certificate>,
        key: Option<&PrivateKey>,
        rebundled: bool,
        now: OffsetDateTime,
    ) -> Self {
        let key = key.and_then(|key| key.to_pem().ok()).unwrap_or_default();
        Self { chain, root, key: key.trim().to_owned(), rebundled, now }
    }

    pub fn to_json(&self) -> Value {
        let leaf = &self.chain[0];
        let pem = |certificate: &Certificate| certificate.to_pem().trim().to_owned();
        let chain: String = self.chain.iter().map(Certificate::to_pem).collect();
        let expires = self.chain.iter().map(Certificate::not_after).min();
        let key = leaf.key_algorithm();
        let key_type = match key.map(|key| (key.name(), key.bits())) {
            Some(("rsa", bits)) => format!("{bits}-bit RSA"),
            Some(("ecdsa", bits)) => format!("{bits}-bit ECDSA"),
            Some(_) => "Ed25519".to_owned(),
            None => "Unknown".to_owned(),
        };
        let ocsp = match leaf.ocsp_urls() {
            [] => Value::Null,
            urls => json!(urls),
        };
        json!({
            "bundle": chain.trim(),
            "root": self.root.as_ref().map(pem).unwrap_or_default(),
            "crt": pem(leaf),
            "key": self.key,
            "key_type": key_type,
            "key_size": key.map(|key| key.bits()).unwrap_or_default(),
            "issuer": slashed(leaf.issuer()),
            "subject": slashed(leaf.subject()),
            "expires": expires.map(time_text),
            "leaf_expires": time_text(leaf.not_after()),
            "hostnames": hostnames(leaf),
            "ocsp_support": !leaf.ocsp_urls().is_empty(),
            "crl_support": !leaf.crl_urls().is_empty(),
            "ocsp": ocsp,
            "signature": leaf.signature_algorithm().name(),
            "status": self.status(),
        })
    }

    fn status(&self) -> Value {
        let soon = |link: &&Certificate| link.not_after() - self.now < EXPIRING;
        let expiring: Vec<&Certificate> = self.chain.iter().filter(soon).collect();
        let (mut code, mut messages) = (0, Vec::new());
        if !expiring.is_empty() {
            code |= EXPIRING_BIT;
            let names: Vec<String> =
                expiring.iter().map(|link| link.subject().to_string()).collect();
            messages.push(format!("expiring within 30 days: {}", names.join("; ")));
        }
        let weak = |link: &Certificate| *link.signature_algorithm() == SignatureAlgorithm::RsaSha1;
        if self.chain.iter().any(weak) {
            code |= NOT_UBIQUITOUS_BIT;
            messages.push("signed with SHA-1 somewhere: clients refuse it".to_owned());
        }
        let ids: Vec<String> = expiring
            .iter()
            .map(|link| {
                let id = link.subject_key_id().unwrap_or_default();
                id.iter().map(|byte| format!("{byte:02X}")).collect()
            })
            .collect();
        json!({
            "rebundled": self.rebundled,
            "expiring_SKIs": if ids.is_empty() { Value::Null } else { json!(ids) },
            "untrusted_root_stores": [],
            "messages": messages,
            "code": code,
        })
    }
}

/// The common name and the DNS names, each once.
fn hostnames(leaf: &Certificate) -> Vec<String> {
    let mut hosts: Vec<String> = Vec::new();
    let names = leaf.alternative_names().hosts.iter().map(String::as_str);
    for host in leaf.subject().common_name().into_iter().chain(names) {
        if !hosts.iter().any(|known| known == host) {
            hosts.push(host.to_owned());
        }
    }
    hosts
}
