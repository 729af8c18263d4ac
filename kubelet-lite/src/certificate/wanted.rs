//! What a kubelet asks for: one certificate to ask the API with, one to serve with.

use std::net::IpAddr;

use api::resource::certificate_signing_request::{APISERVER_CLIENT_KUBELET, KUBELET_SERVING};
use certs::x509::{AlternativeNames, Certificate, Subject};

#[derive(Clone, Debug)]
pub struct Wanted {
    pub signer: &'static str,
    pub subject: Subject,
    pub names: AlternativeNames,
    pub usages: [&'static str; 2],
}

impl Wanted {
    pub fn client(node: &str) -> Self {
        Self {
            signer: APISERVER_CLIENT_KUBELET,
            subject: subject(node),
            names: AlternativeNames::default(),
            usages: ["digital signature", "client auth"],
        }
    }

    pub fn serving(node: &str, addresses: &[IpAddr]) -> Self {
        let names = AlternativeNames {
            hosts: vec![node.to_owned()],
            addresses: addresses.to_vec(),
            ..AlternativeNames::default()
        };
        Self {
            signer: KUBELET_SERVING,
            subject: subject(node),
            names,
            usages: ["digital signature", "server auth"],
        }
    }

    /// Whether a certificate says what is wanted. It may have more names.
    pub fn is_met_by(&self, certificate: &Certificate) -> bool {
        let (wanted, there) = (&self.names, certificate.alternative_names());
        let subject = certificate.subject();
        subject.common_name() == self.subject.common_name()
            && subject.organizations() == self.subject.organizations()
            && wanted.hosts.iter().all(|host| there.hosts.contains(host))
            && wanted.addresses.iter().all(|address| there.addresses.contains(address))
    }
}

fn subject(node: &str) -> Subject {
    Subject::new(&format!("system:node:{node}"), &["system:nodes"])
}
